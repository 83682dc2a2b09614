package org.ptychokit;

import org.ptychokit.lib.ptk_model;
import org.ptychokit.lib.ptychokit;

/** A network with weights, settings, probe and history. Arrays: "probe", and every weight by its dotted name. */
public final class Model extends Native<ptk_model> {
    final Context context;

    /** Fresh weights for frames of a side; the configuration may be null. */
    public Model(Context context, long side, Config config) {
        this(during(() -> ptychokit.ptk_model_create(context.handle(), side, handle(config)), context, config), context);
    }

    private Model(ptk_model handle, Context context) {
        super(handle, ptk_model::delete);
        this.context = context;
    }

    public static Model load(Context context, String path) {
        return new Model(during(() -> ptychokit.ptk_model_load(context.handle(), path), context), context);
    }

    /** Weights from Python (.pth, .pt, .ckpt, wts.h5.zip, .safetensors, .npz); side 0 = as the file tells; the configuration may be null. */
    public static Model fromWeights(Context context, String path, long side, Config config) {
        return new Model(during(() -> ptychokit.ptk_model_import(context.handle(), path, side, handle(config)), context, config), context);
    }

    /** Writes the weights to .safetensors or .npz, by the names of the reference's state dict. */
    public void export(String path) {
        during(() -> ptychokit.ptk_model_export(handle(), path), this);
    }

    public void save(String path) {
        during(() -> ptychokit.ptk_model_save(handle(), path), this);
    }

    public long side() {
        return during(() -> ptychokit.ptk_model_side(handle()), this);
    }

    public long parameterCount() {
        return during(() -> ptychokit.ptk_model_parameter_count(handle()), this);
    }

    /** JSON: the course of the training. */
    public String history() {
        return during(() -> ptychokit.ptk_model_history(handle()), this);
    }

    /** JSON: name, dtype and shape of every array. */
    public String arrays() {
        return during(() -> ptychokit.ptk_model_arrays(handle()), this);
    }

    /** [N, N] or [modes, N, N] complex. */
    public void setProbe(NativeArray probe) {
        during(() -> ptychokit.ptk_model_set_probe(handle(), probe.handle()), this, probe);
    }

    /** "history" or "probe", as PNG. */
    public void writePicture(String picture, String path) {
        during(() -> ptychokit.ptk_model_write_picture(handle(), picture, path), this);
    }

    /** Extents of an array. */
    public long[] shape(String name) {
        return during(() -> ptychokit.ptk_model_shape(handle(), name), this);
    }

    /** Copy an array into memory of the caller, converted to its type. */
    public NativeArray read(String name, NativeArray array) {
        during(() -> ptychokit.ptk_model_read(handle(), name, array.writable().handle()), this, array);
        return array;
    }

    /** An array by its name, converted to a type. */
    public NativeArray array(String name, DType dtype) {
        return read(name, NativeArray.allocate(dtype, shape(name)));
    }

    /** JSON: generator, settings, probe, statistics, where it comes from. */
    public String describe() {
        return during(() -> ptychokit.ptk_model_describe(handle()), this);
    }
}
