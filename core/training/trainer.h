#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"
#include "generators/all.h"
#include "model/model.h"

#include <memory>
#include <string>

namespace ptk::training {

/// Trains a model through the physics of the measurement, without labels.
///
/// One step: take training.batch_size groups (rows of indices), gather their frames, predict patches, merge them on the object's grid, cut
/// them out, propagate with the probe, compare with the measured amplitudes, step. Before the first step, unless resumed, the probe is
/// set to the frames' power, given probe.modes modes and warmed with probe.warm_epochs of the iterative engine on the training frames.
class Trainer {
public:
    /// @param run_folder  where checkpoints ("last.ptk", "best.ptk") and "history.csv" go; "" keeps nothing on disk
    Trainer(std::shared_ptr<model::Model> model, const config::Config& config, std::string run_folder, LogPtr log);
    ~Trainer();

    /// Blocks. On Error(Cancelled) the model holds the weights of the last finished step and the run folder a last.ptk to resume from. On
    /// Error(NotConverged) (NaN or infinite loss) it holds the last good weights.
    void fit(const data::Scan& scan, const Monitor& monitor);

    /// Continue from a last.ptk: weights, optimizer, schedule, random streams and position in the epoch are as they were. Call before fit().
    void resume(const generators::GeneratorRegistry& registry, const std::string& checkpoint);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ptk::training
