package org.ptychokit;

import org.ptychokit.lib.ptk_reconstructor;
import org.ptychokit.lib.ptychokit;

/** Reconstructs with a model, or without one by iteration alone ({@link #refine}). One for each thread. */
public final class Reconstructor extends Native<ptk_reconstructor> {
    private final Context context;

    /** Model and configuration may be null. */
    public Reconstructor(Context context, Model model, Config config) {
        super(during(() -> ptychokit.ptk_reconstructor_create(context.handle(), handle(model), handle(config)), context, model, config),
            ptk_reconstructor::delete);
        this.context = context;
    }

    /** Patches of frames [B, N, N], or of groups [B, G, N, N]; positions may be null. */
    public NativeArray predict(NativeArray patterns, NativeArray positions) {
        return predict(patterns, positions, NativeArray.allocate(DType.C64, patterns.shape()));
    }

    /** The same into memory of the caller, of the patterns' shape. */
    public NativeArray predict(NativeArray patterns, NativeArray positions, NativeArray patches) {
        during(() -> ptychokit.ptk_reconstructor_predict(handle(), patterns.handle(), handle(positions), patches.writable().handle()), this,
            patterns, positions, patches);
        return patches;
    }

    /** Predict the whole scan and stitch. Listener and flag may be null. */
    public Canvas reconstruct(Dataset dataset, ProgressListener listener, Cancel cancel) {
        return new Canvas(Watcher.watched(listener, watcher -> during(() -> ptychokit.ptk_reconstructor_reconstruct(handle(),
            dataset.handle(), handle(cancel), watcher), this, dataset, cancel)), context);
    }

    /** Iterate object and probe on the frames, from a canvas, or from a flat object when it is null. */
    public Canvas refine(Dataset dataset, Canvas start, ProgressListener listener, Cancel cancel) {
        return new Canvas(Watcher.watched(listener, watcher -> during(() -> ptychokit.ptk_reconstructor_refine(handle(),
            dataset.handle(), handle(start), handle(cancel), watcher), this, dataset, start, cancel)), context);
    }
}
