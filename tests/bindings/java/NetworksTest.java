import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.lang.ref.WeakReference;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.ptychokit.Canvas;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.Generator;
import org.ptychokit.Model;
import org.ptychokit.Network;
import org.ptychokit.PtychoKitException;
import org.ptychokit.Reconstructor;
import org.ptychokit.Trainer;
import org.ptychokit.lib.ptk_status_code;

/** Generators of a program. */
public class NetworksTest {
    @ClassRule
    public static final TemporaryFolder FOLDER = new TemporaryFolder();
    private static final int N = Experiment.N;

    /** Images that are multiples of the amplitudes, and two numbers more. The weights have one axis and two, so that their order is seen. */
    private static class Linear implements Network {
        private final float first;
        private final Thread thread = Thread.currentThread();

        Linear(float first) {
            this.first = first;
        }

        @Override
        public Map<String, long[]> parameters() {
            Map<String, long[]> shapes = new LinkedHashMap<>();
            shapes.put("gain", new long[] {2});
            shapes.put("offset", new long[] {2, 1});
            return shapes;
        }

        @Override
        public void initialise(String name, long seed, FloatBuffer values) {
            values.put(name.equals("gain") ? first : 1).put(0);
        }

        @Override
        public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
            int frames = amplitudes.capacity() / (int) batch;
            for (int i = 0; i < images.capacity(); ++i) {
                int image = i / frames % 2;
                float amplitude = amplitudes.get(i / (2 * frames) * frames + i % frames);
                images.put(i, weights.get("gain").get(image) * amplitude + weights.get("offset").get(image));
            }
        }

        @Override
        public void vjp(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer gradient,
            Map<String, FloatBuffer> gradients) {
            int frames = amplitudes.capacity() / (int) batch;
            assertSame(thread, Thread.currentThread());
            double[] gains = new double[2];
            double[] offsets = new double[2];
            for (int i = 0; i < gradient.capacity(); ++i) {
                gains[i / frames % 2] += gradient.get(i) * amplitudes.get(i / (2 * frames) * frames + i % frames);
                offsets[i / frames % 2] += gradient.get(i);
            }
            for (int i = 0; i < 2; ++i) {
                gradients.get("gain").put(i, (float) gains[i]);
                gradients.get("offset").put(i, (float) offsets[i]);
            }
        }
    }

    /** Has no gradient. */
    private static class Still implements Network {
        private final Linear linear = new Linear(0.5F);

        @Override
        public Map<String, long[]> parameters() {
            return linear.parameters();
        }

        @Override
        public void initialise(String name, long seed, FloatBuffer values) {
            linear.initialise(name, seed, values);
        }

        @Override
        public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
            linear.forward(weights, batch, amplitudes, images);
        }
    }

    /** With one option. */
    private static class LinearGenerator implements Generator {
        @Override
        public Network create(long channels, long side, String options) {
            assertTrue(channels == 4 && side == N || side == 64); // 64: to be described
            Matcher first = Pattern.compile("\"first\":\\s*([-+.0-9e]+)").matcher(options);
            assertTrue(options, first.find());
            return new Linear(Float.parseFloat(first.group(1)));
        }

        @Override
        public String summary() {
            return "gains";
        }

        @Override
        public String options() {
            return "[{\"name\": \"first\", \"type\": \"float\", \"default\": 0.25, \"meaning\": \"gain of the real part\"}]";
        }
    }

    private static Config own(String name) {
        return Config.of(Map.of("generator.name", name, "training", Map.of("epochs", 12, "batch_size", 4, "validation_fraction", 0,
            "learning_rate", 0.02), "scan.group_size", 4, "probe", Map.of("modes", 1, "warm_epochs", 0), "data.measurement", "counts"));
    }

    private static List<Double> losses(Model model) {
        List<Double> losses = new ArrayList<>();
        Matcher each = Pattern.compile("\"training_loss\":\\s*([-+.0-9e]+)").matcher(model.history());
        while (each.find()) {
            losses.add(Double.parseDouble(each.group(1)));
        }
        return losses;
    }

    @Test
    public void classIsGenerator() {
        Context context = new Context("cpu");
        Dataset dataset = Experiment.dataset(context);
        context.register("linear", new LinearGenerator());
        assertTrue(context.generator("linear").contains("\"gains\""));
        Config config = own("linear").set("generator.first", 0.5);
        Model model = new Model(context, N, config);
        assertArrayEquals(new float[] {0.5F, 0}, model.array("gain", DType.F32).toFloats(), 0);
        assertArrayEquals(new long[] {2, 1}, model.shape("offset"));
        new Trainer(model, config, null).fit(dataset, null);
        List<Double> losses = losses(model);
        assertEquals(12, losses.size());
        assertTrue(losses.toString(), losses.get(11) < 0.98 * losses.get(0));

        String path = FOLDER.getRoot().toPath().resolve("own.ptk").toString();
        model.save(path);
        Model loaded = Model.load(context, path);
        assertArrayEquals(model.array("offset", DType.F32).toFloats(), loaded.array("offset", DType.F32).toFloats(), 0);
        assertNotEquals(0, loaded.array("offset", DType.F32).toFloats()[1], 1e-9);
        Canvas canvas = new Reconstructor(context, loaded, config).reconstruct(dataset, null, null);
        assertTrue(Float.isFinite(canvas.array("object", DType.C64).toFloats()[0]));

        Experiment.fails(ptk_status_code.PTK_ERR_NOT_FOUND, "linear", () -> Model.load(new Context("cpu"), path));
        Experiment.fails(ptk_status_code.PTK_ERR_EXISTS, "'linear'", () -> context.register("linear", new LinearGenerator()));
        for (String name : new String[] {"two words", "", null}) {
            Experiment.fails(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, "name", () -> context.register(name, new LinearGenerator()));
        }
        assertThrows(NullPointerException.class, () -> context.register("none", null));
        assertThrows(IllegalStateException.class, () -> {
            Context closed = new Context("cpu");
            closed.close();
            closed.register("late", new LinearGenerator());
        });
    }

    /** A network that is Linear but for what a test overrides. */
    private static void faulty(int status, String part, Generator generator) {
        Context context = new Context("cpu");
        Dataset dataset = Experiment.dataset(context);
        context.register("faulty", generator);
        Experiment.fails(status, part, () -> new Trainer(new Model(context, N, own("faulty")), own("faulty"), null).fit(dataset, null));
    }

    @Test
    public void faultsAreErrors() {
        faulty(ptk_status_code.PTK_ERR_CALLBACK, "IllegalArgumentException: it does not want to", (channels, side, options) -> {
            throw new IllegalArgumentException("it does not want to");
        });
        faulty(ptk_status_code.PTK_ERR_SHAPE, "no side of 16", (channels, side, options) -> {
            throw new PtychoKitException(ptk_status_code.PTK_ERR_SHAPE, "no side of " + side);
        });
        faulty(ptk_status_code.PTK_ERR_CALLBACK, "NullPointerException", (channels, side, options) -> null);
        faulty(ptk_status_code.PTK_ERR_CALLBACK, "StackOverflowError", (channels, side, options) -> new Linear(0.5F) {
            @Override
            public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
                forward(weights, batch, amplitudes, images);
            }
        });
        faulty(ptk_status_code.PTK_ERR_NOT_CONVERGED, "not finite", (channels, side, options) -> new Linear(0.5F) {
            @Override
            public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
                images.put(0);
            }
        });
        faulty(ptk_status_code.PTK_ERR_CALLBACK, "ReadOnlyBufferException", (channels, side, options) -> new Linear(0.5F) {
            @Override
            public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
                assertThrows(ReadOnlyBufferException.class, () -> amplitudes.put(0, 1));
                weights.get("gain").put(0, 1);
            }
        });
        faulty(ptk_status_code.PTK_ERR_CALLBACK, "no vjp", (channels, side, options) -> new Still());
        faulty(ptk_status_code.PTK_ERR_UNSUPPORTED, "no vjp", new Generator() {
            @Override
            public Network create(long channels, long side, String options) {
                return new Linear(0.5F);
            }

            @Override
            public boolean trains() {
                return false;
            }
        });
        faulty(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, "7 axes", (channels, side, options) -> new Linear(0.5F) {
            @Override
            public Map<String, long[]> parameters() {
                return Collections.singletonMap("gain", new long[7]);
            }
        });
    }

    /** The exception of a progress callback comes back unchanged, and the network that was used in between is still right. */
    @Test
    public void exceptionsOfListenersPass() {
        Context context = new Context("cpu");
        Dataset dataset = Experiment.dataset(context);
        context.register("linear", new LinearGenerator());
        Model model = new Model(context, N, own("linear"));
        IllegalStateException mine = new IllegalStateException("mine");
        Throwable thrown = assertThrows(IllegalStateException.class, () -> new Trainer(model, own("linear"), null).fit(dataset, progress -> {
            if (progress.phase.equals("train")) {
                throw mine;
            }
            return true;
        }));
        assertEquals(mine, thrown);
        new Trainer(model, own("linear"), null).fit(dataset, null);
    }

    @Test
    public void whatItThrewIsTheCause() {
        Context context = new Context("cpu");
        IllegalStateException mine = new IllegalStateException("mine ".repeat(300));
        context.register("faulty", (channels, side, options) -> {
            throw mine;
        });
        PtychoKitException error = assertThrows(PtychoKitException.class, () -> new Model(context, N, own("faulty")));
        assertSame(mine, error.getCause());
        assertNull(assertThrows(PtychoKitException.class, () -> Model.load(context, "missing.ptk")).getCause());
    }

    @Test
    public void generatorsAreReleased() throws InterruptedException {
        List<WeakReference<Object>> held = new ArrayList<>();
        Context context = new Context("cpu");
        for (int i = 0; i < 20; ++i) {
            Generator generator = new LinearGenerator();
            context.register("linear" + i, generator);
            Model model = new Model(context, N, own("linear" + i));
            held.add(new WeakReference<>(generator));
            if (i % 2 == 0) {
                model.close();
            }
        }
        System.gc();
        assertFalse(held.stream().anyMatch(each -> each.get() == null));
        context.close();
        for (int i = 0; i < 100 && held.stream().anyMatch(each -> each.get() != null); ++i) {
            System.gc();
            Thread.sleep(20);
        }
        assertEquals(0, held.stream().filter(each -> each.get() != null).count());
    }
}
