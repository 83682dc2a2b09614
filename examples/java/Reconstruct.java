import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.ptychokit.Canvas;
import org.ptychokit.Config;
import org.ptychokit.Context;
import org.ptychokit.Dataset;
import org.ptychokit.DType;
import org.ptychokit.Model;
import org.ptychokit.Network;
import org.ptychokit.Progress;
import org.ptychokit.PtychoKit;
import org.ptychokit.PtychoKitException;
import org.ptychokit.Reconstructor;
import org.ptychokit.Trainer;

/**
 * From a scan to a picture of its object in Java: open, train a network on the frames without labels, cancel a training, save and load the
 * model, reconstruct, refine, evaluate, read the object, train a generator of its own, meet an error.
 *
 * <pre>java -Dorg.ptychokit.library.path=FOLDER -cp ptychokit.jar Reconstruct.java SCAN REFERENCE RESULT [OPTION=VALUE ...]</pre>
 */
public class Reconstruct {
    /** A network with one number to learn: the real image is that number times the amplitudes, the imaginary one is 0. */
    private static class Gain implements Network {
        private final int pixels;

        Gain(long channels, long side, String options) {
            pixels = (int) (channels * side * side);
        }

        @Override
        public Map<String, long[]> parameters() {
            return Map.of("gain", new long[] {1});
        }

        @Override
        public void initialise(String name, long seed, FloatBuffer values) {
            values.put(0.5F);
        }

        @Override
        public void forward(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer images) {
            float gain = weights.get("gain").get(0);
            for (int b = 0; b < batch; ++b) {
                for (int i = 0; i < pixels; ++i) {
                    images.put(2 * b * pixels + i, gain * amplitudes.get(b * pixels + i));
                    images.put((2 * b + 1) * pixels + i, 0);
                }
            }
        }

        @Override
        public void vjp(Map<String, FloatBuffer> weights, long batch, FloatBuffer amplitudes, FloatBuffer gradient,
            Map<String, FloatBuffer> gradients) {
            double sum = 0;
            for (int b = 0; b < batch; ++b) {
                for (int i = 0; i < pixels; ++i) {
                    sum += gradient.get(2 * b * pixels + i) * amplitudes.get(b * pixels + i);
                }
            }
            gradients.get("gain").put((float) sum);
        }
    }

    private static int calls = 0;
    private static double loss = 0;

    public static void main(String[] arguments) throws IOException {
        if (arguments.length < 3) {
            System.err.println("usage: Reconstruct SCAN REFERENCE FOLDER [OPTION=VALUE ...]");
            System.exit(2);
        }
        String folder = arguments[2];
        Files.createDirectories(Path.of(folder));
        Config config = new Config();
        for (int i = 3; i < arguments.length; ++i) {
            String[] option = arguments[i].split("=", 2);
            config.setText(option[0], option[1]);
        }
        try (Context context = new Context("cpu", config); Dataset dataset = Dataset.open(context, arguments[0], config)) {
            System.out.println("frames = " + dataset.size());
            Model model = train(context, dataset, config);
            model.save(folder + "/model.ptk");
            Canvas refined = reconstruct(context, dataset, Model.load(context, folder + "/model.ptk"), config);
            refined.save(folder + "/refined.h5");
            refined.writePicture("phase", folder + "/refined_phase.png");
            Matcher score = Pattern.compile("\"complex_nrmse\":\\s*([^,}]+)").matcher(refined.evaluate(arguments[1], null));
            score.find();
            System.out.println("complex nRMSE = " + Double.parseDouble(score.group(1)));

            long[] shape = refined.shape("object");
            double power = 0;
            for (float part : refined.array("object", DType.C64).toFloats()) {
                power += (double) part * part;
            }
            System.out.println("object = " + shape[0] + " rows of " + shape[1] + "\nobject power = " + power);

            context.register("gain", Gain::new);
            Config own = Config.of(Map.of("seed", 5, "generator.name", "gain", "training.epochs", 1, "probe.warm_epochs", 1));
            new Trainer(new Model(context, dataset.side(), own), own, null).fit(dataset, Reconstruct::watch);
            System.out.println("loss of an own generator = " + loss);
            try {
                Dataset.open(context, "missing.npz", null);
            } catch (PtychoKitException error) {
                System.out.println("a missing file = " + PtychoKit.statusName(error.status()));
                if (!error.getMessage().contains("missing.npz")) {
                    throw error;
                }
            }
        }
    }

    private static boolean watch(Progress progress) {
        ++calls;
        loss = progress.phase.equals("train") ? progress.loss : loss;
        return true;
    }

    private static Model train(Context context, Dataset dataset, Config config) {
        Model model = new Model(context, dataset.side(), config);
        System.out.println("parameters = " + model.parameterCount());
        new Trainer(model, config, null).fit(dataset, Reconstruct::watch);
        System.out.println("progress calls = " + calls + "\ntraining loss = " + loss);

        calls = 0;
        try {
            new Trainer(new Model(context, dataset.side(), config), config, null).fit(dataset, progress -> ++calls < 3);
        } catch (PtychoKitException error) {
            System.out.println("second training = " + PtychoKit.statusName(error.status()) + " after " + calls + " calls");
        }
        return model;
    }

    private static Canvas reconstruct(Context context, Dataset dataset, Model model, Config config) {
        Reconstructor reconstructor = new Reconstructor(context, model, config);
        Canvas canvas = reconstructor.reconstruct(dataset, null, null);
        System.out.println("Fourier error of the network = " + canvas.fourierError(dataset, null, null));
        Canvas refined = reconstructor.refine(dataset, canvas, null, null);
        System.out.println("Fourier error after refinement = " + refined.fourierError(dataset, null, null));
        return refined;
    }
}
