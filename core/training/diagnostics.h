#pragma once
#include "generators/blocks/activation_watch.h"
#include "generators/generator.h"

#include <map>
#include <string>

namespace ptk::training {

/// What the validation frames showed of a network's health.
struct Findings {
    /// "dead_units": fraction of rectified units (channels) that never fired; "saturated_head", "saturated_border":
    /// fraction of values at the ends of their range, where gradients vanish. Only what the network has.
    std::map<std::string, double> numbers{};
    std::map<std::string, std::string> warnings{}; ///< by what they are about; one that repeats need not be told again
};

/// A layer with more than nine tenths of its units dead, and a share above a tenth at the ends (PtychoPINN's bound in
/// its tests), are worth a warning.
Findings findings_of(const generators::ActivationWatch& watch, generators::Generator& generator);

} // namespace ptk::training
