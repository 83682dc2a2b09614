#pragma once
#include "evaluation/png.h"

namespace ptk::evaluation {

/// Outside of a mask.
inline constexpr Rgb neutral_grey{128, 128, 128};

/// A colour of Oklab in polar form (Ottosson 2020, https://bottosson.github.io/posts/oklab), where equal distances look
/// equal, as sRGB. Chroma that sRGB cannot show is reduced at the same lightness and hue.
/// @param lightness 0 ... 1 @param chroma >= 0 @param hue rad
Rgb oklch(double lightness, double chroma, double hue);

/// Perceptually uniform map, dark blue over green to light yellow: lightness rises linearly, so the picture survives in
/// grey.
/// @param value 0 ... 1, clamped
Rgb sequential_colour(double value);

/// Cyclic map of a phase of any size: one turn of the hue at moderately varying lightness.
Rgb cyclic_colour(double phase);

/// Hue = phase, brightness 0 ... 1 from black.
Rgb wave_colour(double phase, double brightness);

Rgb grey_level(double value);

} // namespace ptk::evaluation
