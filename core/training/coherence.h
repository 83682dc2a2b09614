#pragma once
#include "config/config.h"
#include "generators/generator.h"

namespace ptk::training {

/// Refuses what contradicts itself, and options that would be ignored silently because another one is not set: each
/// rule says what does not go together and what to do. Options with their default value, values of presets and those
/// that a model brings never count as given; with compat = 'ptychopinn', whose configurations list everything, unread
/// options are let through.
/// @param settings  what the training is going to use
/// @param given     what the user asks for now
/// @throws Error(InvalidConfig)
void check_coherence(const config::Settings& settings, const config::Config& given,
                     const generators::Generator& generator);

/// Refuses what has no sense in the near field: PtychoPINN's physics and its unit of the object, and the fit of real
/// and imaginary parts, all of which compute in the far field. @throws Error(InvalidConfig)
void check_near_field(const config::Settings& settings);

} // namespace ptk::training
