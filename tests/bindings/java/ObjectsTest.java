import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.Test;
import org.ptychokit.Cancel;
import org.ptychokit.Canvas;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.Model;
import org.ptychokit.Native;
import org.ptychokit.NativeArray;
import org.ptychokit.ProgressListener;
import org.ptychokit.Reconstructor;
import org.ptychokit.Trainer;
import org.ptychokit.lib.ptk_status_code;

/** Objects that are closed, used from two threads, made by the thousand; exceptions of callbacks. */
public class ObjectsTest {
    private static final int N = Experiment.N;
    private final Config config = Experiment.quick();

    @Test
    public void outliveTheirContext() {
        Dataset dataset;
        try (Context context = new Context("cpu"); NativeArray frames = context.forward(Experiment.patches(), Experiment.probeArray())) {
            dataset = Dataset.of(context, frames, Experiment.positions(), null, null, null);
        }
        assertEquals(Experiment.COUNT, dataset.size());
    }

    @Test
    public void failuresLeaveNothing() {
        Context context = new Context("cpu");
        Experiment.fails(ptk_status_code.PTK_ERR_IO, "missing.npz", () -> Dataset.open(context, "missing.npz", null));
        Experiment.fails(ptk_status_code.PTK_ERR_INVALID_ARGUMENT, "path", () -> Dataset.open(context, null, null));
    }

    @Test
    public void closedOnesSaySo() {
        Context context = new Context("cpu", config);
        Dataset dataset = Experiment.dataset(context);
        Model model = new Model(context, N, config);
        Canvas canvas = new Canvas(context, 40, 40, 0, 0, null);
        Trainer trainer = new Trainer(model, config, null);
        Reconstructor worker = new Reconstructor(context, model, config);
        NativeArray array = Experiment.positions();
        Cancel cancel = new Cancel();
        Config options = new Config();
        Map<Native<?>, Runnable> calls = new LinkedHashMap<>();
        calls.put(array, () -> canvas.add(Experiment.patches(), array, null));
        calls.put(options, () -> new Model(context, N, options));
        calls.put(cancel, cancel::request);
        calls.put(trainer, () -> trainer.fit(dataset, null));
        calls.put(worker, () -> worker.refine(dataset, null, null, null));
        calls.put(canvas, () -> canvas.shape("object"));
        calls.put(dataset, dataset::size);
        calls.put(model, model::history);
        calls.put(context, context::describe);
        calls.forEach((closed, call) -> {
            closed.close();
            closed.close();
            assertTrue(closed.isClosed());
            Experiment.refuses(IllegalStateException.class, "the " + closed.getClass().getSimpleName() + " is closed", call::run);
        });
        Experiment.refuses(IllegalStateException.class, "closed", () -> new Trainer(model, null, null));
        Experiment.refuses(IllegalStateException.class, "closed", () -> context.logTo(null));
    }

    @Test
    public void mayBeClosedInTheMiddleOfACall() {
        Config many = Experiment.quick().set("training.epochs", 100000);
        Context context = new Context("cpu", many);
        Dataset dataset = Experiment.dataset(context);
        Model model = new Model(context, N, many);
        Trainer trainer = new Trainer(model, many, null);
        Cancel cancel = new Cancel();
        int[] calls = new int[1];
        Experiment.fails(ptk_status_code.PTK_ERR_CANCELLED, "ancel", () -> trainer.fit(dataset, p -> {
            List.of(dataset, model, trainer, context).forEach(Native::close);
            System.gc();
            if (++calls[0] == 3) { // two more steps on what is closed
                cancel.request();
            }
            return true;
        }, cancel));
        assertEquals(3, calls[0]);
        assertTrue(dataset.isClosed() && model.isClosed() && trainer.isClosed() && context.isClosed());
    }

    private static void together(Callable<?>... works) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(works.length);
        List<Future<?>> running = new ArrayList<>();
        for (Callable<?> work : works) {
            running.add(threads.submit(work));
        }
        threads.shutdown();
        try {
            for (Future<?> each : running) {
                each.get();
            }
        } catch (ExecutionException error) {
            throw new AssertionError(error.getCause());
        }
    }

    @Test
    public void areUsedByTwoThreads() throws Exception {
        Context context = new Context("cpu", config);
        Dataset dataset = Experiment.dataset(context);
        Model model = new Model(context, N, config);
        model.setProbe(Experiment.probeArray());
        float[] pixels = dataset.array("patterns", DType.F32).toFloats();
        float[] expected = new Reconstructor(context, model, config).reconstruct(dataset, null, null).array("object", DType.C64).toFloats();
        Callable<?> work = () -> {
            for (int i = 0; i < 5; ++i) {
                Canvas canvas = new Reconstructor(context, model, config).reconstruct(dataset, p -> true, null);
                assertArrayEquals(expected, canvas.array("object", DType.C64).toFloats(), 0);
                assertArrayEquals(pixels, dataset.array("patterns", DType.F32).toFloats(), 0);
            }
            return null;
        };
        together(work, work, () -> {
            for (int i = 0; i < 20; ++i) {
                Experiment.fails(ptk_status_code.PTK_ERR_IO, "missing.npz", () -> Dataset.open(context, "missing.npz", null));
            }
            return null;
        });
    }

    @Test
    public void areClosedByAnotherThread() throws Exception {
        Context context = new Context("cpu", config);
        for (int i = 0; i < 50; ++i) {
            Dataset dataset = Experiment.dataset(context);
            together(() -> {
                try {
                    while (true) {
                        assertEquals(Experiment.COUNT, dataset.frames(0, Experiment.COUNT).shape()[0]);
                    }
                } catch (IllegalStateException closed) {
                    return null;
                }
            }, () -> {
                dataset.close();
                return null;
            });
        }
    }

    private static void comesBack(Throwable mine, ThrowingCall call) {
        assertSame(mine, assertThrows(mine.getClass(), () -> call.with(p -> {
            if (mine instanceof Error) {
                throw (Error) mine;
            }
            throw (RuntimeException) mine;
        })));
    }

    private interface ThrowingCall {
        void with(ProgressListener listener);
    }

    @Test
    public void exceptionsOfCallbacksComeBackUnchanged() {
        Context context = new Context("cpu", config);
        Dataset dataset = Experiment.dataset(context);
        Model model = new Model(context, N, config);
        model.setProbe(Experiment.probeArray());
        Reconstructor worker = new Reconstructor(context, model, config);
        Canvas canvas = worker.reconstruct(dataset, null, null);
        Config small = Config.of(Map.of("simulation", Map.of("frames", 4, "size", 32)));
        for (Throwable mine : List.of(new IllegalStateException("mine"), new AssertionError("not an Exception"))) {
            comesBack(mine, listener -> new Trainer(model, config, null).fit(dataset, listener));
            comesBack(mine, listener -> worker.reconstruct(dataset, listener, null));
            comesBack(mine, listener -> worker.refine(dataset, null, listener, null));
            comesBack(mine, listener -> canvas.fourierError(dataset, listener, null));
            comesBack(mine, listener -> Dataset.simulate(context, small, listener, null));
        }
    }

    private static final class Broken implements System.Logger {
        int messages = 0;

        @Override
        public String getName() {
            return "broken";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String text, Throwable thrown) {
            ++messages;
            throw new IllegalStateException("the logger's own");
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
            log(level, bundle, format, (Throwable) null);
        }
    }

    @Test
    public void aLoggerThatThrowsStopsNothing() {
        Context context = new Context("cpu", config);
        Broken logger = new Broken();
        context.logTo(logger);
        new Trainer(new Model(context, N, config), config, null).fit(Experiment.dataset(context), null);
        assertTrue(logger.messages > 0);
    }

    /** Bytes of this process in memory. */
    private static long memory() throws IOException {
        System.gc();
        return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096;
    }

    @Test
    public void byTheThousandTakeNoMemory() throws IOException {
        Context context = new Context("cpu", config);
        NativeArray frames = context.forward(Experiment.patches(), Experiment.probeArray());
        NativeArray positions = Experiment.positions();
        Runnable cycle = () -> {
            try (Context other = new Context("cpu", config);
                Dataset dataset = Dataset.of(other, frames, positions, null, null, config);
                Model model = new Model(other, N, config);
                Trainer trainer = new Trainer(model, config, null);
                Reconstructor worker = new Reconstructor(other, model, config);
                Canvas canvas = new Canvas(other, 40, 40, 0, 0, null);
                Cancel cancel = new Cancel();
                NativeArray read = dataset.array("positions", DType.F64)) {
                cancel.request();
                assertThrows(RuntimeException.class, () -> Dataset.open(other, "missing.npz", null));
            }
        };
        for (int i = 0; i < 200; ++i) {
            cycle.run();
        }
        long before = memory();
        for (int i = 0; i < 1000; ++i) {
            cycle.run();
        }
        long grown = memory() - before;
        // A thousand that were kept would be 500 MB.
        assertTrue("grown by " + grown + " bytes", grown < 40 << 20);
    }

    @Test
    public void leftToTheCollectorAreReleased() throws Exception {
        Context context = new Context("cpu", config);
        NativeArray frames = context.forward(Experiment.patches(), Experiment.probeArray());
        long[] sizes = new long[2];
        for (int round = 0; round < 2; ++round) {
            for (int i = 1; i <= 1000; ++i) {
                Dataset.of(context, frames, Experiment.positions(), null, null, config);
                new Model(context, N, config);
                if (i % 100 == 0) {
                    System.gc();
                    Thread.sleep(20); // the Cleaner has a thread of its own
                }
            }
            sizes[round] = memory();
        }
        long grown = sizes[1] - sizes[0];
        assertTrue("grown by " + grown + " bytes", grown < 40 << 20);
    }
}
