#pragma once
#include "config/config.h"
#include "generators/all.h"
#include "model/experiments.h"

#include <c10/core/Device.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ptk::model {

/// One line of a training history.
struct HistoryRow {
    std::int64_t epoch = 0;
    double training_loss = 0;
    double validation_loss = 0; ///< NaN without validation frames
    double learning_rate = 0;
    double seconds = 0; ///< since training began
    /// What training_loss is the sum of, by name: the loss and the regularizers times their weights. Empty when the
    /// loss is alone.
    std::map<std::string, double> terms{};
    /// What the validation frames showed of the network's health, by name: fractions of units that never fire and of
    /// values at the ends of their range. Empty when there was nothing to see.
    std::map<std::string, double> diagnostics{};
};

/// A generator with its weights and everything that is needed to use it again: settings, probe, statistics, history.
/// Threads: concurrent reads are allowed.
struct Model {
    std::string generator_name;
    generators::Problem problem;
    config::Settings settings;
    std::unique_ptr<generators::Generator> generator;
    at::Tensor probe;        ///< (M, N, N) complex64 on the CPU, sqrt(counts); undefined until given or trained
    double input_scale = 1;  ///< generators::Input::scale, from the training frames; 0: unknown, see scale_by_frames()
    double input_rms = 1;    ///< root mean square of a pixel that the network was trained to see
    double object_scale = 0; ///< the object is the network's patches times this over the input's factor; 0 = they
                             ///< are the object
    double mean_power = 0;   ///< mean counts in a training frame; 0 until trained
    double object_pixel_m = 0; ///< object pixel of the training scan; 0 when unknown
    double mean_amplitude = 0; ///< mean sum of the amplitudes of a training frame; 0 unless physics.model is
                               ///< PtychoPINN's
    /// Factors of PtychoPINN's physics: "s1", "s2", "alpha", "beta", each (1) float32 on the device; those that its
    /// model has.
    std::map<std::string, at::Tensor> physics{};
    std::vector<Experiment> experiments{}; ///< empty when trained on one; else probe and statistics are the first's
    std::vector<HistoryRow> history{};
    std::string provenance = "{}"; ///< JSON: library version, LibTorch, training file, seed
    c10::Device device = c10::kCPU;
};

/// Generators' Input::scale for a model without one, as imported weights are: what brings these frames to the root mean
/// square that the network is used to (PtychoPINN scales every data set so).
/// @param mean_power  mean sum of the squared amplitudes of a frame
/// @throws Error(InvalidArgument) when it is not a positive number
double scale_by_frames(const Model& model, double mean_power);

/// Whether a new model's weights are drawn, or zero because they will be filled.
enum class FirstWeights { Drawn, Zero };

/// A model with fresh weights, as generator.initializer says. Settings are resolved from @p config against the
/// library's schema and the generator's options.
/// @throws Error(NotFound) unknown generator, Error(InvalidConfig), Error(Shape)
std::unique_ptr<Model> make_model(const generators::GeneratorRegistry& registry, const config::Config& config,
                                  std::int64_t side, c10::Device device, FirstWeights first = FirstWeights::Drawn);

/// JSON array of the rows' fields; "terms" and "diagnostics" only where there are any, numbers that are not finite as
/// null.
config::Json history_json(const std::vector<HistoryRow>& history);

/// JSON: generator, N, group size, parameters, settings, probe, statistics, factors, experiments, history, provenance.
std::string describe(Model& model);

} // namespace ptk::model
