#pragma once
#include "config/config.h"

#include <string>
#include <vector>

namespace ptk::config {

/// A named set of option values, which hold where the user gives none. Settings apply the one that option "preset"
/// names, below what is given with it; Settings::with() leaves out the options of its network, because a model has one.
struct Preset {
    std::string name;
    std::string summary;
    std::string source;
    Config values; ///< by the options' own names
};

/// All of them in the order of the option's choices; "none" sets nothing. Threads: any.
const std::vector<Preset>& presets();

/// @throws Error(NotFound)
const Preset& preset_named(const std::string& name);

} // namespace ptk::config
