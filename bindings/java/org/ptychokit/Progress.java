package org.ptychokit;

import org.ptychokit.lib.ptk_progress;

/** State of a long call: numbers that are not known are NaN, counts 0. */
public final class Progress {
    /** "warm probe", "train", "validate", "predict", "refine" ... */
    public final String phase;
    public final long epoch;
    public final long epochs;
    public final long step;
    public final long steps;
    public final double loss;
    public final double validationLoss;
    public final double framesPerSecond;
    public final double seconds;

    Progress(ptk_progress progress) {
        phase = progress.getPhase();
        epoch = progress.getEpoch();
        epochs = progress.getEpochs();
        step = progress.getStep();
        steps = progress.getSteps();
        loss = progress.getLoss();
        validationLoss = progress.getValidation_loss();
        framesPerSecond = progress.getFrames_per_second();
        seconds = progress.getSeconds();
    }
}
