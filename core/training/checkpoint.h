#pragma once
#include "data/scan.h"
#include "model/model.h"

#include <limits>
#include <map>
#include <memory>
#include <string>

namespace ptk::training {

/// How far a training is. Random streams are functions of the seed and this, so nothing else of them is kept.
struct TrainingPosition {
    std::int64_t step = 0;                                      ///< steps done
    std::int64_t epoch = 0;                                     ///< epochs done
    double loss_sum = 0;                                        ///< over the steps of the epoch that is going on
    std::map<std::string, double> term_sums{};                  ///< the same of its terms, when there are several
    double best_loss = std::numeric_limits<double>::infinity(); ///< smallest loss of an epoch so far
    double seconds = 0;                                         ///< of training so far
    double found_rate = 0;                                      ///< by a range test, to be used; 0 = none
    std::string tracking_id{};                                  ///< of the run on a tracking server; "" = none
};

/// A training that can go on: the model with its settings, and what only training needs.
struct Checkpoint {
    std::unique_ptr<model::Model> model;
    TrainingPosition position;
    std::string scan_mark;                     ///< see scan_mark()
    std::map<std::string, at::Tensor> tensors; ///< moments of the optimizer, parameters of the probe
};

// Names of its tensors.
inline constexpr const char* network_prefix = "optimizer.network.";
inline constexpr const char* probe_optimizer_prefix = "optimizer.probe.";
inline constexpr const char* average_prefix = "average.";
/// Of the trained probe of an experiment, the first of which is 0.
std::string probe_name(std::size_t number);

/// Tells scans apart: number and side of the frames and a checksum of the positions.
std::string scan_mark(const data::Scan& scan);

/// A bundle of the model with the state of its training beside it (atomic).
void save_checkpoint(model::Model& model, const std::string& path, const TrainingPosition& position,
                     const std::string& scan_mark, const std::map<std::string, at::Tensor>& tensors);

/// @throws as model::load_bundle(), and Error(Format) when the bundle holds a model but no training
Checkpoint load_checkpoint(const generators::GeneratorRegistry& registry, const std::string& path, c10::Device device);

} // namespace ptk::training
