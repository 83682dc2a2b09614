import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.Map;
import org.junit.function.ThrowingRunnable;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.Dataset;
import org.ptychokit.NativeArray;
import org.ptychokit.PtychoKit;
import org.ptychokit.PtychoKitException;

/** A known object seen by a probe at 6 x 6 positions, quick settings, and what a failure must say. */
final class Experiment {
    static final int N = 16;
    static final int COUNT = 36;
    static final int SIDE = 40;
    /** The example scan. */
    static final String SCAN = System.getProperty("ptychokit.scan");
    /** Pairs (real, imaginary). */
    static final float[] OBJECT = object();
    static final float[] PROBE = probe();
    /** Pairs (x, y). */
    static final double[] POSITIONS = new double[2 * COUNT];
    static final float[] PATCHES = new float[2 * COUNT * N * N];

    static {
        for (int n = 0; n < COUNT; ++n) {
            int left = 1 + n % 6 * 4;
            int top = 1 + n / 6 * 4;
            POSITIONS[2 * n] = left + N / 2;
            POSITIONS[2 * n + 1] = top + N / 2;
            for (int r = 0; r < N; ++r) {
                System.arraycopy(OBJECT, 2 * ((top + r) * SIDE + left), PATCHES, 2 * (n * N + r) * N, 2 * N);
            }
        }
    }

    private Experiment() {
    }

    private static float[] object() {
        float[] pairs = new float[2 * SIDE * SIDE];
        for (int r = 0; r < SIDE; ++r) {
            for (int c = 0; c < SIDE; ++c) {
                double phase = 0.8 * Math.sin(0.35 * r) * Math.cos(0.27 * c);
                pairs[2 * (r * SIDE + c)] = (float) ((1 - 0.2 * phase) * Math.cos(phase));
                pairs[2 * (r * SIDE + c) + 1] = (float) ((1 - 0.2 * phase) * Math.sin(phase));
            }
        }
        return pairs;
    }

    private static float[] probe() {
        float[] pairs = new float[2 * N * N];
        double power = 0;
        for (int i = 0; i < N * N; ++i) {
            double square = Math.pow(i / N - N / 2, 2) + Math.pow(i % N - N / 2, 2);
            pairs[2 * i] = (float) (Math.exp(-square / 18) * Math.cos(0.05 * square));
            pairs[2 * i + 1] = (float) (Math.exp(-square / 18) * Math.sin(0.05 * square));
            power += Math.exp(-square / 9);
        }
        for (int i = 0; i < pairs.length; ++i) {
            pairs[i] *= (float) Math.sqrt(1e4 / power);
        }
        return pairs;
    }

    static NativeArray patches() {
        return NativeArray.ofComplex(PATCHES, COUNT, N, N);
    }

    static NativeArray probeArray() {
        return NativeArray.ofComplex(PROBE, N, N);
    }

    static NativeArray objectArray() {
        return NativeArray.ofComplex(OBJECT, SIDE, SIDE);
    }

    static NativeArray positions() {
        return NativeArray.of(POSITIONS, COUNT, 2);
    }

    static Config quick() {
        return Config.of(Map.of("generator", Map.of("width", 4, "depth", 1), "training", Map.of("epochs", 2, "batch_size", 4,
            "validation_fraction", 0.1), "scan.group_size", 4, "probe", Map.of("modes", 1, "warm_epochs", 1), "refinement.epochs", 3,
            "data.measurement", "counts", "reconstruction.batch_size", 4));
    }

    /** The scan of the experiment, with its probe. */
    static Dataset dataset(Context context) {
        return Dataset.of(context, context.forward(patches(), probeArray()), positions(), probeArray(), null, quick());
    }

    /** The call throws this status, and its message has this part. */
    static void fails(int status, String part, ThrowingRunnable call) {
        PtychoKitException error = assertThrows(PtychoKitException.class, call);
        assertEquals(error.getMessage(), PtychoKit.statusName(status), PtychoKit.statusName(error.status()));
        assertTrue("'" + part + "' is not in: " + error.getMessage(), error.getMessage().contains(part));
    }

    static void refuses(Class<? extends Throwable> type, String part, ThrowingRunnable call) {
        Throwable error = assertThrows(type, call);
        assertTrue("'" + part + "' is not in: " + error.getMessage(), error.getMessage().contains(part));
    }
}
