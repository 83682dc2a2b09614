#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace ptk::training {

/// Learning rate of a step as a fraction of the largest: a pure function of the step (0-based) and the number of steps.
using Schedule = std::function<double(std::int64_t step, std::int64_t steps)>;

/// Up from 1/25 to 1 over the first 30 % of the steps, then down to 1/250000, both on half a cosine.
/// Source: Smith & Topin, arXiv:1708.07120; numbers and step count as PyTorch's OneCycleLR by default.
double one_cycle(std::int64_t step, std::int64_t steps);

/// By the names of option training.schedule. @throws Error(NotFound)
Schedule schedule_by_name(const std::string& name);

} // namespace ptk::training
