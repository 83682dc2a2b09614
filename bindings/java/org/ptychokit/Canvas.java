package org.ptychokit;

import org.ptychokit.lib.ptk_canvas;
import org.ptychokit.lib.ptychokit;

/** An object: "object" [H, W] C64, "coverage" [H, W] F32, "probe" [modes, N, N] C64, "positions" [n, 2] F64, "fourier_errors" F64. */
public final class Canvas extends Native<ptk_canvas> {
    /** Not collected before this. */
    private final Context context;

    Canvas(ptk_canvas handle, Context context) {
        super(handle, ptk_canvas::delete);
        this.context = context;
    }

    /** Empty, for {@link #add}; the configuration may be null. */
    public Canvas(Context context, long height, long width, long originX, long originY, Config config) {
        this(during(() -> ptychokit.ptk_canvas_create(context.handle(), height, width, originX, originY, handle(config)), context, config),
            context);
    }

    /** Empty, holds all patches of a side at these positions. */
    public static Canvas around(Context context, NativeArray positions, long side, Config config) {
        return new Canvas(during(() -> ptychokit.ptk_canvas_create_around(context.handle(), positions.handle(), side, handle(config)), context,
            positions, config), context);
    }

    public static Canvas load(Context context, String path) {
        return new Canvas(during(() -> ptychokit.ptk_canvas_load(context.handle(), path), context), context);
    }

    public void save(String path) {
        during(() -> ptychokit.ptk_canvas_save(handle(), path), this);
    }

    /** Add patches [k, n, n] at positions [k, 2]; weights may be null. */
    public void add(NativeArray patches, NativeArray positions, NativeArray weights) {
        during(() -> ptychokit.ptk_canvas_add(handle(), patches.handle(), positions.handle(), handle(weights)), this, patches, positions, weights);
    }

    /** "amplitude", "phase", "coverage", "probe" or "errors", as PNG. */
    public void writePicture(String picture, String path) {
        during(() -> ptychokit.ptk_canvas_write_picture(handle(), picture, path), this);
    }

    /** JSON: scores against a known object [H, W]. */
    public String evaluate(NativeArray reference, Config config) {
        return during(() -> ptychokit.ptk_evaluate(handle(), reference.handle(), handle(config)), this, reference, config);
    }

    /** JSON: scores against the object of a file. */
    public String evaluate(String path, Config config) {
        return during(() -> ptychokit.ptk_evaluate_file(handle(), path, handle(config)), this, config);
    }

    /** Relative Fourier error against the frames; 0 is perfect. Listener and flag may be null. */
    public double fourierError(Dataset dataset, ProgressListener listener, Cancel cancel) {
        double[] error = new double[1];
        return Watcher.watched(listener, watcher -> {
            during(() -> ptychokit.ptk_fourier_error(error, handle(), dataset.handle(), handle(cancel), watcher), this, context, dataset, cancel);
            return error[0];
        });
    }

    /** Extents of an array. */
    public long[] shape(String name) {
        return during(() -> ptychokit.ptk_canvas_shape(handle(), name), this);
    }

    /** Copy an array into memory of the caller, converted to its type. */
    public NativeArray read(String name, NativeArray array) {
        during(() -> ptychokit.ptk_canvas_read(handle(), name, array.writable().handle()), this, array);
        return array;
    }

    /** An array by its name, converted to a type. */
    public NativeArray array(String name, DType dtype) {
        return read(name, NativeArray.allocate(dtype, shape(name)));
    }

    /** JSON: size, origin, patches left out, error curves, arrays. */
    public String describe() {
        return during(() -> ptychokit.ptk_canvas_describe(handle()), this);
    }
}
