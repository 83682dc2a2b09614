import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarFile;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.ptychokit.Cancel;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.PtychoKit;
import org.ptychokit.lib.ptk_dtype_code;
import org.ptychokit.lib.ptk_status_code;
import org.ptychokit.lib.ptychokit;

/** What the library says of itself, configurations, files and simulated scans. */
public class LibraryTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    private String at(String name) {
        return folder.getRoot().toPath().resolve(name).toString();
    }

    @Test
    public void saysWhatItIs() throws IOException {
        assertTrue(PtychoKit.buildInfo(), PtychoKit.buildInfo().contains("\"" + PtychoKit.version() + "\""));
        assertEquals(16, ptychokit.ptk_dtype_size(ptk_dtype_code.PTK_C128));
        assertEquals("PTK_ERR_SHAPE", PtychoKit.statusName(ptk_status_code.PTK_ERR_SHAPE));
        String path = List.of(System.getProperty("java.class.path").split(":")).stream().filter(p -> p.endsWith("ptychokit.jar")).findFirst().get();
        try (JarFile jar = new JarFile(path)) {
            assertEquals("org.ptychokit", jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name"));
        }
    }

    @Test
    public void takesValuesOfEveryKind() {
        Context context = new Context("cpu");
        Map<String, Object> values = new HashMap<>();
        values.put("seed", 1L << 40);
        values.put("data.x_bounds", new double[] {0.25, 0.75});
        values.put("deterministic", true);
        values.put("training", Map.of("learning_rate", 0.25, "validation_fraction", 0.125f));
        values.put("data.measurement", "counts");
        Config config = Config.of(values).set("training.epochs", 7).setText("training.batch_size", "3");
        config.check(context, "library");
        String json = config.effective(context, "library").replace(" ", "");
        for (String part : List.of("1099511627776", "\"epochs\":7", "\"batch_size\":3", "0.75", "counts", "0.125", "\"deterministic\":true")) {
            assertTrue(part + " is not in " + json, json.contains(part));
        }
        config.merge(Config.fromYaml("training:\n  epochs: 9"));
        assertTrue("merged values win", config.effective(context, "library").replace(" ", "").contains("\"epochs\":9"));
    }

    @Test
    public void readsConfigurationFiles() throws IOException {
        Files.writeString(Path.of(at("options.json")), "{\"training.epochs\": 11}");
        String json = Config.load(at("options.json")).effective(new Context("cpu"), "library");
        assertTrue(json, json.replace(" ", "").contains("\"epochs\":11"));
    }

    @Test
    public void namesTheNearestOption() {
        Context context = new Context("cpu");
        Experiment.fails(ptk_status_code.PTK_ERR_INVALID_CONFIG, "training.epochs",
            () -> Config.fromJson("{\"training\": {\"epoch\": 3}}").check(context, "library"));
        assertEquals(ptk_status_code.PTK_ERR_INVALID_CONFIG, ptychokit.ptk_last_error());
        assertTrue(ptychokit.ptk_last_error_message().contains("training.epochs"));
        // A character beyond the first plane: JNI's UTF-8 is not everybody's.
        Experiment.fails(ptk_status_code.PTK_ERR_INVALID_CONFIG, "\uD83D\uDD2C",
            () -> Config.fromYaml("\"training.\\U0001F52C\": 1").check(context, "library"));
    }

    @Test
    public void describesWhatThereIs() {
        Context context = new Context("cpu");
        assertTrue(context.devices().contains("\"cpu\"") && context.describe().contains("\"cpu\""));
        assertTrue(context.generators().contains("physics_unet") && context.generator("cnn").contains("\"options\""));
        assertTrue(context.initializers().contains("orthogonal"));
        assertTrue(context.registered("regularizers").contains("tv_phase"));
        assertTrue(context.registered("losses", "huber").contains("training.huber_delta"));
        assertTrue(context.schema("training").contains("training.epochs"));
        assertTrue(context.describeFile(Experiment.SCAN, null).contains("516"));
        assertEquals(516, Dataset.open(context, Experiment.SCAN, null).size());
    }

    @Test
    public void loadsPlugins() {
        Context context = new Context("cpu");
        context.loadPlugin(Path.of(Experiment.SCAN).resolveSibling("../plugins/net.pt").toString());
        Experiment.fails(ptk_status_code.PTK_ERR_IO, "none.so", () -> context.loadPlugin(at("none.so")));
    }

    @Test
    public void simulatesAndSavesScans() {
        Context context = new Context("cpu");
        Config config = Config.of(Map.of("seed", 3, "simulation", Map.of("frames", 12, "size", 32, "dead_pixels", 0.02)));
        List<String> phases = new ArrayList<>();
        Dataset made = Dataset.simulate(context, config, p -> phases.add(p.phase), null);
        assertEquals(12, made.size());
        assertEquals(32, made.side());
        assertTrue(!phases.isEmpty() && phases.stream().allMatch("simulate"::equals));
        byte[] bad = new byte[32 * 32];
        made.array("bad_pixels", DType.U8).bytes().get(bad);
        int dead = 0;
        for (byte pixel : bad) {
            dead += pixel;
        }
        assertEquals("2 % of 1024 pixels, rounded", 20, dead);
        made.save(at("simulated.npz"));
        made.save(at("simulated"), "ptychodus");
        for (String name : List.of("simulated.npz", "simulated")) {
            Dataset back = Dataset.open(context, at(name), null);
            assertArrayEquals(made.array("patterns", DType.F32).toFloats(), back.array("patterns", DType.F32).toFloats(), 0);
            assertEquals(made.array("bad_pixels", DType.U8).bytes(), back.array("bad_pixels", DType.U8).bytes());
        }
        Experiment.fails(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, ".tif", () -> made.save(at("simulated.tif")));
        Cancel cancel = new Cancel();
        cancel.request();
        Experiment.fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> Dataset.simulate(context, config, null, cancel));
    }
}
