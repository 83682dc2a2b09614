#pragma once
#include "simulation/field.h"

#include <optional>
#include <string>

namespace ptk::simulation {

/// A PNG (colours become brightness) or a real array of two axes in an NPY file, its smallest number 0 and its largest
/// 1; nothing for a file of another kind, such as a complex array.
/// @throws Error(Io); Error(Format) damaged, with more than 2^28 pixels, or numbers that are not finite
std::optional<Field> read_picture(const std::string& path);

} // namespace ptk::simulation
