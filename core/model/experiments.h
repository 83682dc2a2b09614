#pragma once
#include "config/config.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ptk::model {

/// What a model keeps of one of several experiments that it was trained on together; numbers as in Model.
struct Experiment {
    std::string source;
    std::string mark; ///< data::experiment_mark()
    at::Tensor probe; ///< (M, N, N) complex64 on the CPU, sqrt(counts)
    double input_scale = 1;
    double object_scale = 0;
    double mean_power = 0;
};

/// The experiment whose probe and scale a scan takes, by the option probe.experiment: auto = the first with its mark,
/// none, or a number from 1 on. nullptr for none, and where there are no experiments.
/// @param mark  data::experiment_mark() of the scan
/// @throws Error(InvalidConfig) for anything else, with the experiments that there are
const Experiment* experiment_of(const std::vector<Experiment>& experiments, const std::string& mark,
                                const config::Settings& settings);

/// "1 = a.npz, 2 = b.npz"
std::string numbered(const std::vector<Experiment>& experiments);

/// JSON array of the experiments' fields, without the probes.
config::Json experiments_json(const std::vector<Experiment>& experiments);

} // namespace ptk::model
