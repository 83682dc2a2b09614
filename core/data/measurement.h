#pragma once
#include <string>

namespace ptk::data {

/// What the numbers of a frame are. Intensity: counts up to one unknown factor; amplitude: square root of counts or
/// intensity.
enum class Measurement { Counts, Intensity, Amplitude };

const char* measurement_name(Measurement measurement);
/// @throws Error(InvalidConfig) for another name
Measurement measurement_from_name(const std::string& name);

} // namespace ptk::data
