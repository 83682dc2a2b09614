import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.ptychokit.PtychoKitException;
import org.ptychokit.ptk_canvas;
import org.ptychokit.ptk_config;
import org.ptychokit.ptk_context;
import org.ptychokit.ptk_dataset;
import org.ptychokit.ptk_model;
import org.ptychokit.ptk_progress;
import org.ptychokit.ptk_progress_listener;
import org.ptychokit.ptk_reconstructor;
import org.ptychokit.ptk_trainer;
import org.ptychokit.ptk_view;
import org.ptychokit.ptychokit;
import org.ptychokit.ptk_dtype_code;
import org.ptychokit.ptk_status_code;

/** The generated Java layer on the real scan: train, cancel, reconstruct, refine, read an array, catch an error. */
public class Smoke {
    static class Listener extends ptk_progress_listener {
        int calls = 0;
        final int stopAfter;
        boolean fail = false;

        Listener(int stopAfter) {
            this.stopAfter = stopAfter;
        }

        @Override
        public boolean on_progress(ptk_progress progress) {
            ++calls;
            if (fail) {
                throw new IllegalStateException("from the callback");
            }
            return calls < stopAfter;
        }
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void expectError(int status, String part, Runnable call) {
        try {
            call.run();
        } catch (PtychoKitException error) {
            check(error.status() == status, "status " + error.status() + ": " + error.getMessage());
            check(error.getMessage().contains(part), error.getMessage());
            return;
        }
        throw new AssertionError("no error");
    }

    public static void main(String[] arguments) {
        ptk_context context = ptychokit.ptk_context_create("cpu", null);
        ptk_config config = ptychokit.ptk_config_from_json("{\"training\": {\"epochs\": 1}, \"generator\": {\"width\": 8}, \"probe\": {\"warm_epochs\": 2}, \"refinement\": {\"epochs\": 3}}");
        ptk_dataset dataset = ptychokit.ptk_dataset_open(context, arguments[0], null);
        check(ptychokit.ptk_dataset_size(dataset) == 516, "516 frames");
        ptk_model model = ptychokit.ptk_model_create(context, 64, config);
        Listener listener = new Listener(Integer.MAX_VALUE);
        ptychokit.ptk_trainer_fit(ptychokit.ptk_trainer_create(model, config, null), dataset, null, listener);
        check(listener.calls > 5, "progress was called");
        expectError(ptk_status_code.PTK_ERR_CANCELLED, "cancel",
            () -> ptychokit.ptk_trainer_fit(ptychokit.ptk_trainer_create(model, config, null), dataset, null, new Listener(3)));
        Listener failing = new Listener(Integer.MAX_VALUE);
        failing.fail = true;
        try {
            ptychokit.ptk_trainer_fit(ptychokit.ptk_trainer_create(model, config, null), dataset, null, failing);
            throw new AssertionError("the callback's exception was lost");
        } catch (IllegalStateException error) {
            check(error.getMessage().equals("from the callback"), error.getMessage());
        }
        ptk_reconstructor worker = ptychokit.ptk_reconstructor_create(context, model, config);
        ptk_canvas canvas = ptychokit.ptk_reconstructor_reconstruct(worker, dataset, null, null);
        ptk_canvas refined = ptychokit.ptk_reconstructor_refine(worker, dataset, canvas, null, null);
        double[] before = new double[1];
        double[] after = new double[1];
        ptychokit.ptk_fourier_error(before, canvas, dataset, null, null);
        ptychokit.ptk_fourier_error(after, refined, dataset, null, null);
        check(after[0] < before[0] && after[0] < 0.2, before[0] + " -> " + after[0]);
        long[] shape = ptychokit.ptk_canvas_shape(refined, "object");
        ByteBuffer object = ByteBuffer.allocateDirect((int) (8 * shape[0] * shape[1])).order(ByteOrder.nativeOrder());
        ptychokit.ptk_canvas_read(refined, "object", new ptk_view(object, ptk_dtype_code.PTK_C64, shape));
        double power = 0;
        for (int i = 0; i < 2 * shape[0] * shape[1]; ++i) {
            power += Math.pow(object.asFloatBuffer().get(i), 2);
        }
        check(power > 1000, "the object is not empty: " + power);
        expectError(ptk_status_code.PTK_ERR_IO, "missing.npz", () -> ptychokit.ptk_dataset_open(context, "missing.npz", null));
        try {
            new ptk_view(ByteBuffer.allocate(64), ptk_dtype_code.PTK_F32, new long[] {4, 4});
            throw new AssertionError("a heap buffer was accepted");
        } catch (IllegalArgumentException error) {
            check(error.getMessage().contains("direct"), error.getMessage());
        }
        ptychokit.ptk_config_set_int(config, "seed", 1L << 40);
        check(ptychokit.ptk_config_to_json(context, config, "library").contains("1099511627776"), "values beyond 2^31 pass unchanged");
        System.out.printf("Fourier error %.3f -> %.3f%n", before[0], after[0]);
    }
}
