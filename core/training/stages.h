#pragma once
#include "config/config.h"
#include "generators/generator.h"
#include "training/losses.h"
#include "training/schedule.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ptk::training {

/// What is made small: a loss by its name.
struct Goal {
    std::string name;
    Compared compared;
    Per per;
    Loss loss;
    bool relative = false; ///< see LossFactory
};

/// How one loss goes over into another.
enum class Blend {
    Linear,      ///< w = p
    Cosine,      ///< w = (1 - cos pi p) / 2
    Exponential, ///< w = p^2
};

/// Weight of the new loss when the part @p p in [0, 1] of a stage is over; the old one has 1 - w.
/// Source: the physics weight of PtychoPINN's second stage.
double blend_weight(Blend blend, double p);

/// Some epochs of a training with their own rate, loss and frozen parameters.
struct Stage {
    std::int64_t first_epoch = 0; ///< 0-based
    std::int64_t epochs = 0;
    double learning_rate = 0; ///< the largest
    Schedule schedule;        ///< over the stage
    Goal goal;
    std::optional<Goal> before{}; ///< what the goal of this stage grows out of
    Blend blend = Blend::Linear;
    std::vector<std::string> frozen{}; ///< names of parameters that do not move

    std::int64_t end() const noexcept { return first_epoch + epochs; }
    /// Weight of the goal in an epoch; 1 when nothing is before it.
    double weight(std::int64_t epoch) const;
};

/// The stages of a training, at least one: those of training.stages, or one by the plain options; then
/// training.fine_tune_epochs with a frozen encoder.
/// @throws Error(InvalidConfig) for stages that cannot be, naming number and key; for a pattern that no parameter of
/// the generator has, naming the nearest; when nothing is left to train
std::vector<Stage> stages_of(const config::Settings& settings, generators::Generator& generator);

/// Names of parameters that a pattern means: those that are called so, lie below ("encoder" has
/// "encoder.blocks.0.conv1.weight") or fit ('*' stands for anything, '?' for one character).
std::vector<std::string> matching(const std::string& pattern, const std::vector<std::string>& names);

} // namespace ptk::training
