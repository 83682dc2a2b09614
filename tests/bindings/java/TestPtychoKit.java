import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.Timer;
import java.util.TimerTask;
import org.ptychokit.Cancel;
import org.ptychokit.Canvas;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.Model;
import org.ptychokit.NativeArray;
import org.ptychokit.Progress;
import org.ptychokit.PtychoKit;
import org.ptychokit.PtychoKitException;
import org.ptychokit.Reconstructor;
import org.ptychokit.Trainer;
import org.ptychokit.lib.ptk_dtype_code;
import org.ptychokit.lib.ptk_status_code;
import org.ptychokit.lib.ptychokit;

/** Every function of the interface through the Java layer, on a small synthetic scan. Arguments: a folder to write to, the example scan. */
public class TestPtychoKit {
    private static final int N = 16;
    private static final int COUNT = 36;
    private static int checks = 0;
    private static int failures = 0;
    private static Path folder;
    private static String scan;

    private static final float[] object = new float[2 * 40 * 40];
    private static final float[] probe = new float[2 * N * N];
    private static final double[] positions = new double[2 * COUNT];
    private static final float[] patches = new float[2 * COUNT * N * N];

    public static void main(String[] arguments) throws Exception {
        folder = Path.of(arguments[0]);
        scan = arguments[1];
        makeExperiment();
        testLibrary();
        testConfig();
        testArrays();
        testSimulation();
        testWork();
        testErrors();
        testOwnership();
        System.out.println(checks + " checks, " + failures + " failures");
        System.exit(failures == 0 ? 0 : 1);
    }

    private static void check(boolean condition, String what) {
        ++checks;
        if (!condition) {
            ++failures;
            System.out.println("failed: " + what + " (line " + new Throwable().getStackTrace()[1].getLineNumber() + ")");
        }
    }

    private static void fails(int status, String part, Runnable call) {
        try {
            call.run();
            check(false, "nothing was thrown, expected " + PtychoKit.statusName(status));
        } catch (PtychoKitException error) {
            check(error.status() == status, PtychoKit.statusName(error.status()) + ": " + error.getMessage());
            check(error.getMessage().contains(part), "'" + part + "' is not in: " + error.getMessage());
        }
    }

    private static void refuses(Class<? extends Exception> type, String part, Runnable call) {
        try {
            call.run();
            check(false, "nothing was thrown, expected " + type);
        } catch (Exception error) {
            check(type.isInstance(error) && error.getMessage().contains(part), error.toString());
        }
    }

    private static String at(String name) {
        return folder.resolve(name).toString();
    }

    private static Config quick() {
        return Config.of(Map.of("generator", Map.of("width", 4, "depth", 1), "training", Map.of("epochs", 2, "batch_size", 4,
            "validation_fraction", 0.1), "scan.group_size", 4, "probe", Map.of("modes", 1, "warm_epochs", 1), "refinement.epochs", 3,
            "data.measurement", "counts", "reconstruction.batch_size", 4));
    }

    /** A known object seen by a probe at 6 x 6 positions. */
    private static void makeExperiment() {
        for (int r = 0; r < 40; ++r) {
            for (int c = 0; c < 40; ++c) {
                double phase = 0.8 * Math.sin(0.35 * r) * Math.cos(0.27 * c);
                object[2 * (r * 40 + c)] = (float) ((1 - 0.2 * phase) * Math.cos(phase));
                object[2 * (r * 40 + c) + 1] = (float) ((1 - 0.2 * phase) * Math.sin(phase));
            }
        }
        double power = 0;
        for (int i = 0; i < N * N; ++i) {
            double square = Math.pow(i / N - N / 2, 2) + Math.pow(i % N - N / 2, 2);
            probe[2 * i] = (float) (Math.exp(-square / 18) * Math.cos(0.05 * square));
            probe[2 * i + 1] = (float) (Math.exp(-square / 18) * Math.sin(0.05 * square));
            power += Math.exp(-square / 9);
        }
        for (int i = 0; i < probe.length; ++i) {
            probe[i] *= (float) Math.sqrt(1e4 / power);
        }
        for (int n = 0; n < COUNT; ++n) {
            int left = 1 + n % 6 * 4;
            int top = 1 + n / 6 * 4;
            positions[2 * n] = left + N / 2;
            positions[2 * n + 1] = top + N / 2;
            for (int r = 0; r < N; ++r) {
                System.arraycopy(object, 2 * ((top + r) * 40 + left), patches, 2 * (n * N + r) * N, 2 * N);
            }
        }
    }

    private static NativeArray thePatches() {
        return NativeArray.ofComplex(patches, COUNT, N, N);
    }

    private static NativeArray theProbe() {
        return NativeArray.ofComplex(probe, N, N);
    }

    private static NativeArray thePositions() {
        return NativeArray.of(positions, COUNT, 2);
    }

    private static void testLibrary() {
        check(PtychoKit.buildInfo().contains("\"" + PtychoKit.version() + "\""), PtychoKit.buildInfo());
        check(ptychokit.ptk_dtype_size(ptk_dtype_code.PTK_C128) == 16, "size of an element");
        check(PtychoKit.statusName(ptk_status_code.PTK_ERR_SHAPE).equals("PTK_ERR_SHAPE"), "name of a status");
        check("org.ptychokit".equals(moduleName()), "module name");
    }

    private static String moduleName() {
        try (java.util.jar.JarFile jar = new java.util.jar.JarFile(System.getProperty("java.class.path").split(":")[0])) {
            return jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name");
        } catch (java.io.IOException error) {
            return error.toString();
        }
    }

    private static void testConfig() throws Exception {
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
            check(json.contains(part), part + " is not in " + json);
        }
        config.merge(Config.fromYaml("training:\n  epochs: 9"));
        check(config.effective(context, "library").replace(" ", "").contains("\"epochs\":9"), "merged values win");
        Files.writeString(Path.of(at("options.json")), "{\"training.epochs\": 11}");
        check(Config.load(at("options.json")).effective(context, "library").replace(" ", "").contains("\"epochs\":11"), "a file");
        fails(ptk_status_code.PTK_ERR_INVALID_CONFIG, "training.epochs",
            () -> Config.fromJson("{\"training\": {\"epoch\": 3}}").check(context, "library"));
        check(ptychokit.ptk_last_error() == ptk_status_code.PTK_ERR_INVALID_CONFIG, "ptk_last_error");
        check(ptychokit.ptk_last_error_message().contains("training.epochs"), "ptk_last_error_message");
        check(context.devices().contains("\"cpu\"") && context.describe().contains("\"cpu\""), "context");
        check(context.generators().contains("physics_unet") && context.generator("cnn").contains("\"options\""), "generators");
        context.loadPlugin(Path.of(scan).resolveSibling("../plugins/net.pt").toString());
        fails(ptk_status_code.PTK_ERR_IO, "none.so", () -> context.loadPlugin(at("none.so")));
        check(context.schema("training").contains("training.epochs"), "schema");
        check(context.describeFile(scan, null).contains("516"), "a file");
        check(Dataset.open(context, scan, null).size() == 516, "the example scan");
        // A character beyond the first plane: JNI's UTF-8 is not everybody's.
        fails(ptk_status_code.PTK_ERR_INVALID_CONFIG, "\uD83D\uDD2C", () -> Config.fromYaml("\"training.\\U0001F52C\": 1").check(context, "library"));
    }

    private static void testArrays() {
        Context context = new Context("cpu");
        NativeArray frames = context.forward(thePatches(), theProbe());
        Dataset dataset = Dataset.of(context, frames, thePositions(), theProbe(), NativeArray.ofComplex(object, 40, 40), quick());
        check(dataset.size() == COUNT && dataset.side() == N, "36 frames of 16 x 16");
        check(Arrays.equals(dataset.shape("positions"), new long[] {COUNT, 2}), "shape");
        check(Arrays.equals(dataset.array("positions", DType.F64).toDoubles(), positions), "positions come back");
        check(Arrays.equals(dataset.array("patterns", DType.F32).toFloats(), frames.toFloats()), "frames come back");
        check(Arrays.equals(dataset.array("object", DType.C64).toFloats(), object), "the object comes back");
        float[] some = Arrays.copyOfRange(frames.toFloats(), N * N, 4 * N * N);
        check(Arrays.equals(dataset.frames(1, 3).toFloats(), some), "some frames");
        check(dataset.select(0, 0.5, 0, 1).size() == 18, "the left half");
        check(dataset.describe().contains("\"patterns\""), "description");

        ByteBuffer room = ByteBuffer.allocateDirect(8 + 16 * COUNT).order(ByteOrder.nativeOrder());
        room.position(8);
        dataset.read("positions", NativeArray.of(room, DType.F64, COUNT, 2));
        check(room.getDouble(0) == 0 && room.getDouble(8) == positions[0] && room.getDouble(16) == positions[1], "the caller's memory is written");
        NativeArray counts = NativeArray.allocate(DType.U16, COUNT, N, N);
        for (int i = 0; i < COUNT * N * N; ++i) {
            counts.bytes().putShort(2 * i, (short) frames.floats().get(i));
        }
        check(Dataset.of(context, counts, thePositions(), null, null, quick()).describe().contains("counts"), "whole numbers");

        refuses(IllegalArgumentException.class, "direct", () -> NativeArray.of(ByteBuffer.allocate(64), DType.F32, 4, 4));
        refuses(IllegalArgumentException.class, "takes 6 numbers, found 5", () -> NativeArray.of(new float[5], 2, 3));
        refuses(IllegalArgumentException.class, "order", () -> NativeArray.of(ByteBuffer.allocateDirect(64).order(ByteOrder.BIG_ENDIAN), DType.F32, 4, 4));
        refuses(IllegalArgumentException.class, "fit", () -> NativeArray.of(room, DType.F64, 1000, 1000));
        refuses(IllegalArgumentException.class, "fit", () -> NativeArray.of(room, DType.U8, 1, 1, 1, 1, 1, 1, 1));
        refuses(IllegalArgumentException.class, "read-only",
            () -> dataset.read("positions", NativeArray.of(room.asReadOnlyBuffer().order(ByteOrder.nativeOrder()), DType.F64, COUNT, 2)));
        refuses(IllegalStateException.class, "F64", () -> dataset.array("positions", DType.F64).toFloats());
        fails(ptk_status_code.PTK_ERR_SHAPE, "36", () -> Dataset.of(context, frames, NativeArray.of(new double[10], 5, 2), null, null, null));
        fails(ptk_status_code.PTK_ERR_SHAPE, "array_out", () -> dataset.read("positions", NativeArray.allocate(DType.F64, 2, 2)));
        fails(ptk_status_code.PTK_ERR_NOT_FOUND, "nothing", () -> dataset.array("nothing", DType.F32));
    }

    private static void testSimulation() {
        Context context = new Context("cpu");
        Config config = Config.of(Map.of("seed", 3, "simulation", Map.of("frames", 12, "size", 32, "dead_pixels", 0.02)));
        List<String> phases = new ArrayList<>();
        Dataset made = Dataset.simulate(context, config, p -> phases.add(p.phase), null);
        check(made.size() == 12 && made.side() == 32, "a simulated scan");
        check(!phases.isEmpty() && phases.stream().allMatch("simulate"::equals), "progress of the simulation");
        ByteBuffer bad = made.array("bad_pixels", DType.U8).bytes();
        int dead = 0;
        while (bad.hasRemaining()) {
            dead += bad.get();
        }
        check(dead == 20, "2 % of 1024 pixels, rounded: " + dead);
        made.save(at("simulated.npz"));
        made.save(at("simulated"), "ptychodus");
        for (String name : List.of("simulated.npz", "simulated")) {
            Dataset back = Dataset.open(context, at(name), null);
            check(Arrays.equals(back.array("patterns", DType.F32).toFloats(), made.array("patterns", DType.F32).toFloats()), name + " comes back");
            check(back.array("bad_pixels", DType.U8).bytes().equals(made.array("bad_pixels", DType.U8).bytes()), name + " keeps its bad pixels");
        }
        fails(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, ".tif", () -> made.save(at("simulated.tif")));
        Cancel cancel = new Cancel();
        cancel.request();
        fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> Dataset.simulate(context, config, null, cancel));
    }

    private static class Messages implements System.Logger {
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

    private static void testWork() throws Exception {
        Config config = quick();
        Context context = new Context("cpu", config);
        Messages messages = new Messages();
        context.logTo(messages);
        NativeArray frames = context.forward(thePatches(), theProbe());
        Dataset dataset = Dataset.of(context, frames, thePositions(), theProbe(), null, config);
        Model model = new Model(context, N, config);
        check(model.side() == N && model.parameterCount() > 100, "a model");
        List<Progress> seen = new ArrayList<>();
        new Trainer(model, config, at("run")).fit(dataset, seen::add);
        check(seen.stream().anyMatch(p -> p.phase.equals("train") && Double.isFinite(p.loss) && p.epochs == 2), "progress of the training");
        check(seen.get(seen.size() - 1).seconds > 0, "fields of the progress");
        check(!messages.texts.isEmpty(), "log messages");
        context.logTo(null);
        int before = messages.texts.size();
        new Trainer(model, config, null).resume(at("run/last.ptk"));

        int[] calls = new int[1];
        fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> new Trainer(model, config, null).fit(dataset, p -> ++calls[0] < 2));
        check(calls[0] == 2, "cancelled at once");
        IllegalStateException mine = new IllegalStateException("mine");
        try {
            new Trainer(model, config, null).fit(dataset, p -> {
                throw mine;
            });
            check(false, "the callback's exception was lost");
        } catch (IllegalStateException error) {
            check(error == mine, "another exception came back");
        }
        fails(ptk_status_code.PTK_ERR_CALLBACK, "from the callback", () -> new Trainer(model, config, null).fit(dataset, p -> {
            ptychokit.ptk_set_error_message("from the callback");
            return false;
        }));
        Cancel cancel = new Cancel();
        cancel.request();
        fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> new Trainer(model, config, null).fit(dataset, null, cancel));
        cancel.reset();
        new Trainer(model, config, null).fit(dataset, null, cancel);
        Timer timer = new Timer(true);
        timer.schedule(new TimerTask() {
            @Override
            public void run() {
                cancel.request();
            }
        }, 200);
        Config many = quick().set("training.epochs", 100000);
        fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel",
            () -> new Trainer(new Model(context, N, many), many, null).fit(dataset, null, cancel));
        cancel.reset();
        check(messages.texts.size() == before, "silent again");

        check(model.describe().contains("physics_unet") && model.history().contains("training_loss"), "description of a model");
        check(model.arrays().contains("\"probe\""), "arrays of a model");
        model.save(at("model.ptk"));
        Model loaded = Model.load(context, at("model.ptk"));
        check(Arrays.equals(loaded.array("probe", DType.C64).toFloats(), model.array("probe", DType.C64).toFloats()), "a model comes back");
        check(context.initializers().contains("orthogonal"), "initializers");
        check(context.registered("regularizers").contains("tv_phase"), "regularizers");
        check(context.registered("losses", "huber").contains("training.huber_delta"), "one loss");
        model.export(at("weights.npz"));
        check(Model.fromWeights(context, at("weights.npz"), N, null).parameterCount() == model.parameterCount(), "weights come back");
        loaded.writePicture("history", at("history.png"));
        loaded.setProbe(theProbe());
        check(Arrays.equals(loaded.array("probe", DType.C64).toFloats(), probe), "another probe");

        Reconstructor worker = new Reconstructor(context, model, config);
        NativeArray groups = NativeArray.of(Arrays.copyOf(frames.toFloats(), 8 * N * N), 2, 4, N, N);
        float[] predicted = worker.predict(groups, NativeArray.of(Arrays.copyOf(positions, 16), 2, 4, 2)).toFloats();
        check(predicted.length == 2 * 8 * N * N && predicted[1000] != 0, "patches of groups");
        Canvas canvas = worker.reconstruct(dataset, p -> true, cancel);
        Canvas refined = worker.refine(dataset, canvas, null, null);
        check(refined.fourierError(dataset, null, null) < canvas.fourierError(dataset, p -> true, cancel), "refinement lowers the Fourier error");
        check(refined.describe().contains("\"finished\""), "description of a canvas");
        check(refined.evaluate(NativeArray.ofComplex(object, 40, 40), null).contains("\"complex_nrmse\""), "scores");
        double[] errors = refined.array("fourier_errors", DType.F64).toDoubles();
        check(errors[errors.length - 1] < errors[0], "curve of the errors");
        refined.save(at("object.h5"));
        refined.writePicture("amplitude", at("amplitude.png"));
        Canvas again = Canvas.load(context, at("object.h5"));
        check(Arrays.equals(again.array("object", DType.C64).toFloats(), refined.array("object", DType.C64).toFloats()), "a canvas comes back");
        check(again.evaluate(at("object.h5"), null).contains("\"complex_nrmse\""), "scores from a file");
        Canvas stitched = new Canvas(context, 40, 40, 0, 0, null);
        stitched.add(thePatches(), thePositions(), null);
        float[] made = stitched.array("object", DType.C64).toFloats();
        float worst = 0;
        for (int r = 2; r < 36; ++r) {
            for (int c = 2; c < 36; ++c) {
                worst = Math.max(worst, Math.abs(made[2 * (40 * r + c)] - object[2 * (40 * r + c)]));
            }
        }
        check(worst < 1e-5, "patches of the object make the object: " + worst);
        check(Canvas.around(context, thePositions(), N, null).shape("object")[0] >= 36, "a canvas around positions");
    }

    private static void testErrors() {
        Context context = new Context("cpu");
        fails(ptk_status_code.PTK_ERR_IO, "missing.npz", () -> Dataset.open(context, "missing.npz", null));
        fails(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, "path", () -> Dataset.open(context, null, null));
        context.close();
        context.close();
        check(context.isClosed(), "closed");
        refuses(IllegalStateException.class, "closed", () -> context.describe());
        refuses(IllegalStateException.class, "closed", () -> new Model(context, N, null));
    }

    private static void testOwnership() {
        Dataset dataset;
        try (Context context = new Context("cpu"); NativeArray frames = context.forward(thePatches(), theProbe())) {
            dataset = Dataset.of(context, frames, thePositions(), null, null, null);
        }
        check(dataset.size() == COUNT, "a dataset outlives its context");
        for (int i = 0; i < 1000; ++i) {
            new Config().set("seed", i);
            dataset.array("positions", DType.F64);
            if (i % 250 == 0) {
                System.gc();
            }
        }
        check(dataset.array("positions", DType.F64).toDoubles()[0] == positions[0], "a thousand objects, left to the collector");
    }
}
