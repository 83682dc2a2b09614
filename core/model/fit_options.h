#pragma once
#include "config/config.h"
#include "generators/all.h"
#include "model/weights.h"

#include <string>
#include <vector>

namespace ptk::model {

/// A generator and its options, found such that its tensors have the names and shapes of a file.
struct Fit {
    config::Config config; ///< what the user gave, generator.name, and every option that is not the default
    std::int64_t side = 0;
    std::string prefix;                 ///< of the generator's names in the file: "model.autoencoder."
    std::vector<std::string> found{};   ///< "generator.width = 16": read from the file or told by names and shapes
    std::vector<std::string> assumed{}; ///< the same of options that leave names and shapes as they are: defaults
};

/// Find the generator and its options. What the user gives stays; what the file's fields say is where the search
/// starts, as are the defaults otherwise; then options are changed one at a time as long as names and shapes fit
/// better. Networks are made without memory for their weights meanwhile. When nothing fits, the nearest is returned,
/// and the difference is for check of the names to tell.
/// @param side  N; 0 = find it
/// @throws Error(InvalidArgument) when N cannot be told and is not given; Error(NotFound | InvalidConfig) for what the
/// user gave; Error(Format) when no generator is near
Fit fit_options(const generators::GeneratorRegistry& registry, const Weights& weights, const config::Config& given,
                std::int64_t side);

} // namespace ptk::model
