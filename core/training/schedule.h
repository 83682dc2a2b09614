#pragma once
#include "config/config.h"
#include "model/model.h"
#include "registry/registry.h"

#include <cstdint>
#include <functional>
#include <span>

namespace ptk::training {

/// When in a training a rate is asked for.
struct ScheduleTime {
    std::int64_t step = 0; ///< 0-based
    std::int64_t steps = 1;
    std::int64_t steps_per_epoch = 1;
    std::span<const model::HistoryRow> history{}; ///< of the epochs that are done

    std::int64_t epoch() const { return step / steps_per_epoch; }
};

/// Learning rate of a step as a fraction of the largest. A pure function, so that a resumed training goes on with it.
using Schedule = std::function<double(const ScheduleTime&)>;

using ScheduleRegistry = registry::Registry<std::function<Schedule(const config::Settings&)>>;

/// All schedules of the library, from one explicit table; see make_schedule(). Threads: any.
const ScheduleRegistry& builtin_schedules();

/// Up from 1/25 to 1 over the first 30 % of the steps, then down to 1/250000, both on half a cosine.
/// Source: Smith & Topin, arXiv:1708.07120; numbers and step count as PyTorch's OneCycleLR by default.
double one_cycle(const ScheduleTime& time);

/// By option training.schedule:
///   one_cycle      see above
///   constant       1
///   exponential    training.schedule_gamma^epoch
///   warmup_cosine  from 0.1 to 1 in a line over training.warmup_epochs, then down to training.smallest_rate on half a
///                  cosine
///   plateau        times training.plateau_factor whenever the loss (of validation, else of training) did not fall by
///                  the fraction training.plateau_threshold for more than training.plateau_patience epochs; not below
///                  training.smallest_rate
///   multi_stage    1 for training.stage_1_epochs, down to training.smallest_rate on half a cosine over
///                  training.stage_2_epochs, then there
/// @throws Error(NotFound)
Schedule make_schedule(const config::Settings& settings);

} // namespace ptk::training
