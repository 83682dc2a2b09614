package org.ptychokit;

import org.ptychokit.lib.ptk_dataset;
import org.ptychokit.lib.ptychokit;

/**
 * A scan. Arrays: "patterns" [n, N, N] F32, "positions" [n, 2] F64 with (x, y), "probe" [modes, N, N] C64, "object" [H, W] C64,
 * "bad_pixels" [N, N] U8.
 */
public final class Dataset extends Native<ptk_dataset> {
    /** Not collected before this. */
    private final Context context;

    private Dataset(ptk_dataset handle, Context context) {
        super(handle, ptk_dataset::delete);
        this.context = context;
    }

    /**
     * A file or folder, told apart by content: PtychoPINN's NPZ, CXI, ptychodus, PtyPy, or HDF5 with its paths in the configuration, which
     * may be null.
     */
    public static Dataset open(Context context, String path, Config config) {
        return new Dataset(during(() -> ptychokit.ptk_dataset_open(context.handle(), path, handle(config)), context, config), context);
    }

    /** From arrays, which are copied; probe, object and configuration may be null. */
    public static Dataset of(Context context, NativeArray patterns, NativeArray positions, NativeArray probe, NativeArray object, Config config) {
        return new Dataset(during(() -> ptychokit.ptk_dataset_from_arrays(context.handle(), patterns.handle(), positions.handle(), handle(probe),
            handle(object), handle(config)), context, patterns, positions, probe, object, config), context);
    }

    /**
     * An experiment after the simulation.* options and the seed, with the object, probe and positions that made it. Configuration,
     * listener and flag may be null.
     */
    public static Dataset simulate(Context context, Config config, ProgressListener listener, Cancel cancel) {
        return new Dataset(Watcher.watched(listener, watcher -> during(() -> ptychokit.ptk_simulate(context.handle(),
            handle(config), handle(cancel), watcher), context, config, cancel)), context);
    }

    /** For {@link #open}, in the format of the suffix. */
    public void save(String path) {
        save(path, "auto");
    }

    /** As "npz", "cxi", "ptychodus" (a new folder), or "auto": by the suffix. */
    public void save(String path, String format) {
        during(() -> ptychokit.ptk_dataset_save(handle(), path, format), this);
    }

    /** The part inside fractions of the range of the positions. */
    public Dataset select(double xLow, double xHigh, double yLow, double yHigh) {
        return new Dataset(during(() -> ptychokit.ptk_dataset_select(handle(), xLow, xHigh, yLow, yHigh), this), context);
    }

    /** Number of frames. */
    public long size() {
        return during(() -> ptychokit.ptk_dataset_size(handle()), this);
    }

    /** Side N of the frames. */
    public long side() {
        return during(() -> ptychokit.ptk_dataset_side(handle()), this);
    }

    /** Some frames, from number {@code first} (from 0) on. */
    public NativeArray frames(long first, long count) {
        return frames(first, NativeArray.allocate(DType.F32, count, side(), side()));
    }

    /** As many frames as fit into memory [k, N, N] of the caller, from number {@code first} (from 0) on, converted to its type. */
    public NativeArray frames(long first, NativeArray array) {
        during(() -> ptychokit.ptk_dataset_read_patterns(handle(), first, array.writable().handle()), this, array);
        return array;
    }

    /** Extents of an array. */
    public long[] shape(String name) {
        return during(() -> ptychokit.ptk_dataset_shape(handle(), name), this);
    }

    /** Copy an array into memory of the caller, converted to its type. */
    public NativeArray read(String name, NativeArray array) {
        during(() -> ptychokit.ptk_dataset_read(handle(), name, array.writable().handle()), this, array);
        return array;
    }

    /** An array by its name, converted to a type. */
    public NativeArray array(String name, DType dtype) {
        return read(name, NativeArray.allocate(dtype, shape(name)));
    }

    /** JSON: source, size, what the frames hold, what the reader decided, arrays. */
    public String describe() {
        return during(() -> ptychokit.ptk_dataset_describe(handle()), this);
    }
}
