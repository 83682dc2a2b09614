#pragma once
#include "generators/all.h"

#include <vector>

namespace ptk::generators {

/// What a generator costs at one size.
struct Cost {
    std::int64_t side = 0;       ///< N
    std::int64_t channels = 0;   ///< frames of one input
    std::int64_t parameters = 0; ///< counted on an instance; a complex one is one
    double flops_per_frame = 0;  ///< of a prediction, see FlopCount
};

/// @throws Error(Shape | InvalidConfig) as making the generator does
Cost cost_of(const Factory& make, const Problem& problem, const config::Settings& settings);

/// With default options for one frame and for groups of four (one row when frames are seen alone), at N = 64 or the
/// smallest multiple of it that the generator takes; empty when it takes none.
std::vector<Cost> default_costs(const GeneratorRegistry::Entry& entry);

} // namespace ptk::generators
