#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ptk::evaluation {

// All writers make an 8-bit PNG, pixel (row r, column c) of the image at row r, column c of the picture (row 0 on top),
// and replace the file atomically. Pixels outside the mask and pixels that are not finite are neutral grey (128). A
// mask is (H, W) bool; undefined: every pixel. They throw Error(Io) naming the path when it cannot be written,
// Error(Shape) for a wrong shape, and Error(InvalidArgument) naming the path when no finite pixel is inside the mask.
// Where an object is hardly determined, at the rim of a scan, it is mostly noise: the pixels @p typical (H, W) bool of
// the mask, undefined: all of it, say what its range is, and the others are shown in that.

/// What the ends of a colour scale stand for.
struct Range {
    enum class Scale { Linear, Logarithmic, Cyclic };
    double low = 0;
    double high = 0;
    Scale scale = Scale::Linear;
};

/// Quantiles between which a robust range lies.
inline constexpr double lowest_shown = 0.005, highest_shown = 0.995;

/// A real image, black at the @p low and white at the @p high quantile of the masked values (robust range). 0 <= low <
/// high <= 1.
Range write_grey(const at::Tensor& image, const at::Tensor& mask, const std::string& path, double low = lowest_shown,
                 double high = highest_shown, const at::Tensor& typical = {});

/// Phase in colour, in rad: the ramp (when one plane wave holds most of the object) and the phase of the mean inside
/// the mask removed. A perceptually uniform map over the robust range; when that is more than 3/2 pi apart, a cyclic
/// map from -pi to pi.
/// @param object (H, W) complex
Range write_phase(const at::Tensor& object, const at::Tensor& mask, const std::string& path,
                  const at::Tensor& typical = {});

/// Amplitude of a complex image, as write_grey().
Range write_amplitude(const at::Tensor& object, const at::Tensor& mask, const std::string& path,
                      const at::Tensor& typical = {});

/// What a picture of a probe shows of one mode.
struct ModeScale {
    double full = 0;  ///< amplitude shown at full brightness: its quantile .998
    double power = 0; ///< fraction of the power of all modes
};

/// Probe modes side by side, each to its own scale: hue = phase (red 0, then yellow, green, blue), brightness =
/// amplitude. Small probes are enlarged by whole factors to about 256 pixels.
/// @param probe (M, N, N) or (N, N) complex
std::vector<ModeScale> write_probe(const at::Tensor& probe, const std::string& path);

/// Values of epochs 1, 2, ... Values that are not finite (or beyond 1e300) leave gaps.
struct Curve {
    std::string label;
    std::vector<double> values;
};
/// Curves over epochs with axes, numbers, title and legend; logarithmic when all values are positive and span a decade.
/// Printable ASCII is drawn, other characters as boxes.
/// @return the range of the value axis
/// @throws Error(InvalidArgument) when no curve has a finite value
Range write_curves(const std::vector<Curve>& curves, const std::string& title, const std::string& path);

} // namespace ptk::evaluation
