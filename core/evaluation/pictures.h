#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ptk::evaluation {

/// 8-bit PNG of a real image, grey from the @p low to the @p high quantile of the masked values (robust range). Atomic.
void write_grey(const at::Tensor& image, const at::Tensor& mask, const std::string& path, double low = 0.005, double high = 0.995);
/// Phase in colour: cyclic map when it covers more than pi, else a perceptually uniform one over the robust range (ramp and mean removed inside the mask).
void write_phase(const at::Tensor& object, const at::Tensor& mask, const std::string& path);
/// Amplitude of a complex image.
void write_amplitude(const at::Tensor& object, const at::Tensor& mask, const std::string& path);
/// Probe modes side by side: hue = phase, brightness = amplitude.
void write_probe(const at::Tensor& probe, const std::string& path);
/// Curves over epochs with axes and numbers; logarithmic when the values span a decade.
struct Curve {
    std::string label;
    std::vector<double> values;
};
void write_curves(const std::vector<Curve>& curves, const std::string& title, const std::string& path);

}  // namespace ptk::evaluation
