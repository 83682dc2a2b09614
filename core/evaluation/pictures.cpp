#include "evaluation/pictures.h"

#include "base/error.h"
#include "evaluation/colour.h"
#include "evaluation/fourier.h"
#include "evaluation/images.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/angle.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ptk::evaluation {

namespace {

using Complex = c10::complex<double>;

/// Pixels of the mask that can be shown. @throws Error(InvalidArgument) when there are none
at::Tensor shown(const at::Tensor& image, const at::Tensor& mask, const std::string& path)
{
    auto pixels = as_mask(mask, image).logical_and(at::isfinite(image)).contiguous();
    require(pixels.any().item<bool>(), Status::InvalidArgument, "{}: no finite pixel inside the mask", path);
    return pixels;
}

/// Those of the pixels that say what is typical; all of them when none does.
at::Tensor typical_of(const at::Tensor& pixels, const at::Tensor& typical)
{
    if (!typical.defined())
        return pixels;
    const auto both = as_mask(typical, pixels).logical_and(pixels).contiguous();
    return both.any().item<bool>() ? both : pixels;
}

/// Value below which the fraction q of the values lies, linearly interpolated between neighbours.
double quantile(std::vector<double>& values, double q)
{
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = values.begin() + static_cast<std::ptrdiff_t>(place);
    std::nth_element(values.begin(), below, values.end());
    if (below + 1 == values.end())
        return *below;
    const double next = *std::min_element(below + 1, values.end());
    return *below + (next - *below) * (place - std::floor(place));
}

/// Quantiles of the pixels that are shown.
Range robust_range(const at::Tensor& image, const at::Tensor& pixels, double low, double high)
{
    const double* source = image.const_data_ptr<double>();
    std::vector<double> values;
    for (const std::int64_t i : selected(pixels))
        values.push_back(source[i]);
    return {.low = quantile(values, low), .high = quantile(values, high)};
}

/// A value as a fraction of the range; the middle when the range is a point.
double fraction(double value, const Range& range)
{
    return range.high > range.low ? (value - range.low) / (range.high - range.low) : 0.5;
}

template <class Colour> Raster paint(const at::Tensor& image, const at::Tensor& pixels, const Colour& colour)
{
    Raster picture(image.size(0), image.size(1), neutral_grey);
    const double* values = image.const_data_ptr<double>();
    for (const std::int64_t i : selected(pixels))
        picture.at(i / image.size(1), i % image.size(1)) = colour(values[i]);
    return picture;
}

/// The object without its phase ramp and the phase of its mean inside the mask. When no plane wave holds a third of it,
/// what looks like a ramp may be the object itself and stays.
at::Tensor levelled(const at::Tensor& object, const at::Tensor& pixels)
{
    const auto masked = finite_or_zero(object) * pixels;
    const Ramp ramp = strongest_ramp(masked);
    constexpr double clear = 1.0 / 3;
    const auto wave = ramp.strength < clear ? plane_wave(object.size(0), object.size(1), 0, 0)
                                            : plane_wave(object.size(0), object.size(1), -ramp.kx, -ramp.ky);
    const auto mean = (masked * wave).mean();
    return object * wave * mean.conj();
}

at::Tensor as_modes(const at::Tensor& probe)
{
    require(probe.defined(), Status::InvalidArgument, "probe: none given");
    const auto modes = probe.dim() == 2 ? probe.unsqueeze(0) : probe;
    require(modes.dim() == 3 && modes.numel() > 0, Status::Shape,
            "probe: {} axes, expected (M, N, N) or (N, N) with at least one pixel", probe.dim());
    return modes.detach().to(at::kCPU, at::kComplexDouble).resolve_conj().contiguous();
}

/// One mode, each pixel @p zoom x @p zoom, with its left edge at @p left.
void paint_mode(Raster& picture, std::int64_t left, std::int64_t zoom, const at::Tensor& mode, double full)
{
    const Complex* values = mode.const_data_ptr<Complex>();
    const std::int64_t width = mode.size(1);
    for (std::int64_t row = 0; row < picture.height(); ++row)
        for (std::int64_t column = 0; column < width * zoom; ++column) {
            const Complex value = values[(row / zoom) * width + column / zoom];
            if (std::isfinite(value.real()) && std::isfinite(value.imag()))
                picture.at(row, left + column) = wave_colour(std::arg(value), full > 0 ? std::abs(value) / full : 0);
        }
}

} // namespace

Range write_grey(const at::Tensor& image, const at::Tensor& mask, const std::string& path, double low, double high,
                 const at::Tensor& typical)
{
    at::NoGradGuard no_grad;
    require(low >= 0 && low < high && high <= 1, Status::InvalidArgument,
            "{}: quantiles {} and {}, expected 0 <= low < high <= 1", path, low, high);
    const auto values = as_real(image, "image");
    const auto pixels = shown(values, mask, path);
    const Range range = robust_range(values, typical_of(pixels, typical), low, high);
    write_png(paint(values, pixels, [&range](double value) { return grey_level(fraction(value, range)); }), path);
    return range;
}

Range write_amplitude(const at::Tensor& object, const at::Tensor& mask, const std::string& path,
                      const at::Tensor& typical)
{
    at::NoGradGuard no_grad;
    return write_grey(as_complex(object, "object").abs(), mask, path, lowest_shown, highest_shown, typical);
}

Range write_phase(const at::Tensor& object, const at::Tensor& mask, const std::string& path, const at::Tensor& typical)
{
    at::NoGradGuard no_grad;
    const auto values = as_complex(object, "object");
    const auto pixels = shown(values, mask, path);
    const auto those = typical_of(pixels, typical);
    const auto phase = levelled(values, those).angle().contiguous();
    const Range range = robust_range(phase, those, lowest_shown, highest_shown);
    if (range.high - range.low > 1.5 * std::numbers::pi) {
        write_png(paint(phase, pixels, cyclic_colour), path);
        return {-std::numbers::pi, std::numbers::pi, Range::Scale::Cyclic};
    }
    write_png(paint(phase, pixels, [&range](double value) { return sequential_colour(fraction(value, range)); }), path);
    return range;
}

std::vector<ModeScale> write_probe(const at::Tensor& probe, const std::string& path)
{
    at::NoGradGuard no_grad;
    const auto modes = as_modes(probe);
    require(at::isfinite(modes).any().item<bool>(), Status::InvalidArgument, "{}: the probe has no finite pixel", path);
    constexpr std::int64_t gap = 4, wanted = 256;
    const std::int64_t zoom = std::max<std::int64_t>(1, wanted / std::max(modes.size(1), modes.size(2)));
    const std::int64_t stride = modes.size(2) * zoom + gap;
    Raster picture(modes.size(1) * zoom, modes.size(0) * stride - gap, neutral_grey);

    const auto amplitude = finite_or_zero(modes).abs();
    const double power = amplitude.square().sum().item<double>();
    std::vector<ModeScale> scales;
    for (std::int64_t m = 0; m < modes.size(0); ++m) {
        const double own = amplitude[m].square().sum().item<double>();
        // Not the maximum: one hot pixel would leave the rest in the dark.
        const auto own_amplitude = amplitude[m].contiguous();
        const double* first = own_amplitude.const_data_ptr<double>();
        std::vector<double> values(first, first + own_amplitude.numel());
        scales.push_back({.full = quantile(values, 0.998), .power = power > 0 ? own / power : 0});
        paint_mode(picture, m * stride, zoom, modes[m], scales.back().full);
    }
    write_png(picture, path);
    return scales;
}

} // namespace ptk::evaluation
