package org.ptychokit;

import org.ptychokit.lib.ptk_trainer;
import org.ptychokit.lib.ptychokit;

/** Trains one model. */
public final class Trainer extends Native<ptk_trainer> {
    private final Model model;

    /** Checkpoints and history go to the run folder; it and the configuration may be null. */
    public Trainer(Model model, Config config, String runFolder) {
        super(during(() -> ptychokit.ptk_trainer_create(model.handle(), handle(config), runFolder), model, config), ptk_trainer::delete);
        this.model = model;
    }

    public void fit(Dataset dataset, ProgressListener listener) {
        fit(dataset, listener, null);
    }

    /** Train; blocks until done, cancelled or failed. Listener and flag may be null. */
    public void fit(Dataset dataset, ProgressListener listener, Cancel cancel) {
        Watcher.watched(listener, watcher -> {
            during(() -> ptychokit.ptk_trainer_fit(handle(), dataset.handle(), handle(cancel), watcher), this, model, dataset, cancel);
            return null;
        });
    }

    /** Continue from a checkpoint; before {@link #fit}. */
    public void resume(String path) {
        during(() -> ptychokit.ptk_trainer_resume(handle(), path), this);
    }
}
