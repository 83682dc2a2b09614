import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.ResourceBundle;
import java.util.Timer;
import java.util.TimerTask;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.ptychokit.Cancel;
import org.ptychokit.Canvas;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.Model;
import org.ptychokit.NativeArray;
import org.ptychokit.Progress;
import org.ptychokit.Reconstructor;
import org.ptychokit.Trainer;
import org.ptychokit.lib.ptk_status_code;
import org.ptychokit.lib.ptychokit;

/** Training, models and reconstruction. */
public class WorkTest {
    @ClassRule
    public static final TemporaryFolder FOLDER = new TemporaryFolder();
    private static final int N = Experiment.N;
    private static final List<Progress> SEEN = new ArrayList<>();
    private static Config config;
    private static Context context;
    private static NativeArray frames;
    private static Dataset dataset;
    private static Model model;

    private static String at(String name) {
        return FOLDER.getRoot().toPath().resolve(name).toString();
    }

    @BeforeClass
    public static void train() {
        config = Experiment.quick();
        context = new Context("cpu", config);
        frames = context.forward(Experiment.patches(), Experiment.probeArray());
        dataset = Experiment.dataset(context);
        model = new Model(context, N, config);
        new Trainer(model, config, at("run")).fit(dataset, SEEN::add);
    }

    private static Trainer trainer() {
        return new Trainer(new Model(context, N, config), config, null);
    }

    @Test
    public void tellsItsProgress() {
        assertTrue(SEEN.stream().anyMatch(p -> p.phase.equals("train") && Double.isFinite(p.loss) && p.epochs == 2));
        assertTrue(SEEN.get(SEEN.size() - 1).seconds > 0);
        trainer().resume(at("run/last.ptk"));
    }

    @Test
    public void stopsWhenTheListenerSaysSo() {
        int[] calls = new int[1];
        Experiment.fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> trainer().fit(dataset, p -> ++calls[0] < 2));
        assertEquals(2, calls[0]);
        Experiment.fails(ptk_status_code.PTK_ERR_CALLBACK, "from the callback", () -> trainer().fit(dataset, p -> {
            ptychokit.ptk_set_error_message("from the callback");
            return false;
        }));
    }

    @Test
    public void stopsWhenAFlagIsRaised() {
        Cancel cancel = new Cancel();
        cancel.request();
        Experiment.fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> trainer().fit(dataset, null, cancel));
        cancel.reset();
        trainer().fit(dataset, null, cancel);
        Timer timer = new Timer(true);
        timer.schedule(new TimerTask() {
            @Override
            public void run() {
                cancel.request();
            }
        }, 200);
        Config many = Experiment.quick().set("training.epochs", 100000);
        Experiment.fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel",
            () -> new Trainer(new Model(context, N, many), many, null).fit(dataset, null, cancel));
    }

    private static final class Messages implements System.Logger {
        final List<String> texts = new ArrayList<>();

        @Override
        public String getName() {
            return "messages";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String text, Throwable thrown) {
            texts.add(text);
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
            texts.add(format);
        }
    }

    @Test
    public void logsToALogger() {
        try (Context talking = new Context("cpu", config)) {
            Messages messages = new Messages();
            talking.logTo(messages);
            new Trainer(new Model(talking, N, config), config, null).fit(dataset, null);
            assertFalse(messages.texts.isEmpty());
            talking.logTo(null);
            int before = messages.texts.size();
            new Trainer(new Model(talking, N, config), config, null).fit(dataset, null);
            assertEquals("silent again", before, messages.texts.size());
        }
    }

    @Test
    public void savesAndLoadsModels() {
        assertEquals(N, model.side());
        assertTrue(model.parameterCount() > 100);
        assertTrue(model.describe().contains("physics_unet") && model.history().contains("training_loss"));
        assertTrue(model.arrays().contains("\"probe\""));
        model.save(at("model.ptk"));
        Model loaded = Model.load(context, at("model.ptk"));
        assertArrayEquals(model.array("probe", DType.C64).toFloats(), loaded.array("probe", DType.C64).toFloats(), 0);
        model.export(at("weights.npz"));
        assertEquals(model.parameterCount(), Model.fromWeights(context, at("weights.npz"), N, null).parameterCount());
        loaded.writePicture("history", at("history.png"));
        loaded.setProbe(Experiment.probeArray());
        assertArrayEquals(Experiment.PROBE, loaded.array("probe", DType.C64).toFloats(), 0);
    }

    @Test
    public void predictsGroups() {
        Reconstructor worker = new Reconstructor(context, model, config);
        NativeArray groups = NativeArray.of(Arrays.copyOf(frames.toFloats(), 8 * N * N), 2, 4, N, N);
        NativeArray places = NativeArray.of(Arrays.copyOf(Experiment.POSITIONS, 16), 2, 4, 2);
        float[] predicted = worker.predict(groups, places).toFloats();
        assertEquals(2 * 8 * N * N, predicted.length);
        assertNotEquals(0, predicted[1000], 0);
        NativeArray room = NativeArray.allocate(DType.C64, 2, 4, N, N);
        worker.predict(groups, places, room);
        assertArrayEquals(predicted, room.toFloats(), 0);
    }

    @Test
    public void reconstructsAndRefines() {
        Reconstructor worker = new Reconstructor(context, model, config);
        Cancel cancel = new Cancel();
        Canvas canvas = worker.reconstruct(dataset, p -> true, cancel);
        Canvas refined = worker.refine(dataset, canvas, null, null);
        assertTrue(refined.fourierError(dataset, null, null) < canvas.fourierError(dataset, p -> true, cancel));
        assertTrue(refined.describe().contains("\"finished\""));
        assertTrue(refined.evaluate(Experiment.objectArray(), null).contains("\"complex_nrmse\""));
        double[] errors = refined.array("fourier_errors", DType.F64).toDoubles();
        assertTrue(errors[errors.length - 1] < errors[0]);
        refined.save(at("object.h5"));
        refined.writePicture("amplitude", at("amplitude.png"));
        Canvas again = Canvas.load(context, at("object.h5"));
        assertArrayEquals(refined.array("object", DType.C64).toFloats(), again.array("object", DType.C64).toFloats(), 0);
        assertTrue(again.evaluate(at("object.h5"), null).contains("\"complex_nrmse\""));
    }

    @Test
    public void stitchesPatches() {
        Canvas stitched = new Canvas(context, Experiment.SIDE, Experiment.SIDE, 0, 0, null);
        stitched.add(Experiment.patches(), Experiment.positions(), null);
        float[] made = stitched.array("object", DType.C64).toFloats();
        for (int r = 2; r < 36; ++r) {
            int from = 2 * (Experiment.SIDE * r + 2);
            int to = 2 * (Experiment.SIDE * r + 36);
            assertArrayEquals(Arrays.copyOfRange(Experiment.OBJECT, from, to), Arrays.copyOfRange(made, from, to), 1e-5f);
        }
        assertTrue(Canvas.around(context, Experiment.positions(), N, null).shape("object")[0] >= 36);
    }
}
