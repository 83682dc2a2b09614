import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.ptychokit.Canvas;
import org.ptychokit.Context;
import org.ptychokit.DType;
import org.ptychokit.Dataset;
import org.ptychokit.NativeArray;

/** What calls cost from Java, see table.py. Argument: calls of a round. */
public class Overhead {
    private static final int ROUNDS = 5;

    public static void main(String[] arguments) throws IOException {
        int calls = Integer.parseInt(arguments[0]);
        Context context = new Context("cpu");
        Dataset dataset = scan(context, filled(DType.F32, 1, 500, 64, 64));
        Canvas canvas = new Canvas(context, 128, 128, 0, 0, null);
        NativeArray positions = NativeArray.allocate(DType.F64, 500, 2);
        NativeArray frame = NativeArray.allocate(DType.F32, 1, 64, 64);
        NativeArray patch = filled(DType.C64, 1, 1, 16, 16);
        NativeArray place = filled(DType.F64, 64, 1, 2);
        measure("size", dataset::size, calls);
        measure("positions", () -> dataset.read("positions", positions), calls);
        measure("frame", () -> dataset.frames(0, frame), calls);
        measure("add", () -> canvas.add(patch, place, null), calls);
        NativeArray out = filled(DType.F32, 1, 4096, 64, 64);
        Dataset large = scan(context, out);
        grown("frames", () -> large.read("patterns", out));
        NativeArray patches = filled(DType.C64, 1, 1 << 15, 16, 16);
        NativeArray places = filled(DType.F64, 64, 1 << 15, 2);
        grown("patches", () -> canvas.add(patches, places, null));
    }

    private static Dataset scan(Context context, NativeArray frames) {
        double[] places = new double[(int) (2 * frames.shape()[0])];
        for (int i = 0; i < places.length; ++i) {
            places[i] = i % 7;
        }
        return Dataset.of(context, frames, NativeArray.of(places, places.length / 2, 2), null, null, null);
    }

    private static NativeArray filled(DType dtype, double value, long... shape) {
        NativeArray array = NativeArray.allocate(dtype, shape);
        if (dtype == DType.F64) {
            java.nio.DoubleBuffer numbers = array.doubles();
            while (numbers.hasRemaining()) {
                numbers.put(value);
            }
        } else {
            java.nio.FloatBuffer numbers = array.floats();
            while (numbers.hasRemaining()) {
                numbers.put((float) value);
            }
        }
        return array;
    }

    private static void measure(String name, Runnable call, int calls) {
        double best = Double.POSITIVE_INFINITY;
        for (int round = 0; round < ROUNDS; ++round) {
            long start = System.nanoTime();
            for (int i = 0; i < calls; ++i) {
                call.run();
            }
            best = Math.min(best, (System.nanoTime() - start) * 1e-3 / calls);
        }
        System.out.println("time " + name + " " + best);
    }

    /** Most kilobytes that this process held since the last reset. */
    private static long peak() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("no VmHWM in /proc/self/status");
    }

    private static void grown(String name, Runnable call) throws IOException {
        call.run();
        peak();
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        long before = peak();
        call.run();
        System.out.println("grown " + name + " " + (peak() - before));
    }
}
