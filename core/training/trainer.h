#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"
#include "generators/all.h"
#include "model/model.h"
#include "parallel/group.h"

#include <memory>
#include <string>

namespace ptk::training {

/// Trains a model through the physics of the measurement, without labels.
///
/// One step: take training.batch_size groups (rows of indices), gather their frames, predict patches, merge them on the
/// object's grid, cut them out, propagate with the probe, compare with the measured amplitudes, step. Before the first
/// step, unless resumed, the probe is set to the frames' power, given probe.modes modes and warmed with
/// probe.warm_epochs of the iterative engine on the training frames. An epoch is as many steps as cover each training
/// frame once on average.
///
/// Validation frames are in no group that is trained on and no part of the warm probe or the statistics. At the end of
/// an epoch each of (at most 64 of) them is predicted together with its nearest frames of the whole scan, merged with
/// them, and the loss counted on this frame alone.
///
/// With training.loss = 'supervised' the agreed patches are compared with the object of the scan's file instead.
///
/// Processes that a launcher started together train together (training.parallel, see Team): each on its part of every
/// batch of groups, to the weights that one of them would reach alone with the same training.batch_size. Each has its
/// own memory and reads the whole scan; rank 0 writes the run folder, which all of them can read. When one is lost or
/// hangs, the others end within training.parallel_timeout with Error(Device) and a last.ptk of the last step.
///
/// With physics.model = 'amplitude' or 'rectangular' the prediction and the loss are PtychoPINN's (PtychoPinnPhysics);
/// the factors that it trains are part of the model. Compat 'ptychopinn' changes the draws of groups.
class Trainer {
public:
    /// @param config      options on top of those the model was made with (its generator.* cannot change any more)
    ///                    (and tracking.*, which are taken from here alone: see tracking::tracking_settings())
    /// @param run_folder  where "last.ptk" (each training.checkpoint_epochs, at the end and when cancelled), "best.ptk"
    ///                    (smallest validation loss, or training loss without validation frames), "history.csv" and
    ///                    "history.json" go; "" keeps nothing on disk
    /// @throws Error(InvalidConfig) also for options that contradict each other (check_coherence()), stages and
    ///         patterns of parameters that cannot be
    Trainer(std::shared_ptr<model::Model> model, const config::Config& config, std::string run_folder, LogPtr log);
    ~Trainer();

    /// Blocks. At the end the model holds the last weights (with the one_cycle schedule they are the settled ones), its
    /// settings are those of the training (with training.average their running mean). On Error(Cancelled) it holds the
    /// weights of the last finished step and the run folder a last.ptk to resume from. On Error(NotConverged) (loss,
    /// gradient or weights not finite) it holds the weights of the beginning of that epoch.
    /// @throws Error(Shape) scan and model differ in N, or fewer training frames than a group; Error(State) no probe,
    /// or another scan than the
    ///         checkpoint's; Error(InvalidConfig); Error(Io); parallel::Lost
    void fit(const data::Scan& scan, const Monitor& monitor);

    /// Train with these processes instead of those that training.parallel finds.
    void share_with(parallel::GroupPtr group);

    /// Continue from a last.ptk: weights, optimizer, schedule, random streams and position in the epoch are as they
    /// were; with the same options, scan, device and number of threads the result is that of a training that was never
    /// interrupted. Settings are the checkpoint's with the trainer's config on top; what differs is logged. Call before
    /// fit().
    /// @throws as model::load_bundle(); Error(InvalidArgument) for another generator or N than the model's
    void resume(const generators::GeneratorRegistry& registry, const std::string& checkpoint);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace ptk::training
