#include "data/normalisation.h"

#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ptk::data {

namespace {

void require_positive(double value, const char* what)
{
    require(std::isfinite(value) && value > 0, Status::InvalidArgument,
            "the frames' {} is {}; expected a positive number (are the frames empty?)", what, value);
}

double reciprocal(double value, const char* what)
{
    require_positive(value, what);
    return 1 / value;
}

double length(std::int64_t side, bool half_side)
{
    return half_side ? static_cast<double>(side) / 2 : static_cast<double>(side);
}

} // namespace

double parseval_scale(double mean_energy, std::int64_t side, bool half_side)
{
    require_positive(mean_energy, "mean sum of squares");
    return length(side, half_side) / std::sqrt(mean_energy);
}

FrameSums frame_sums(const Scan& scan)
{
    // Slabs of about 64 MiB.
    const std::int64_t slab = std::max<std::int64_t>(1, (std::int64_t{16} << 20) / (scan.side() * scan.side()));
    constexpr std::array<std::int64_t, 2> pixels{1, 2};
    FrameSums sums;
    for (std::int64_t begin = 0; begin < scan.size(); begin += slab) {
        auto frames = scan.frames->gather(at::arange(begin, std::min(begin + slab, scan.size())));
        if (scan.bad_pixels.defined())
            frames = frames.masked_fill(scan.bad_pixels, 0);
        const auto amplitude = to_amplitude(frames, scan.measurement);
        const auto intensity = scan.measurement == Measurement::Amplitude ? frames.square() : frames;
        const auto amplitudes = amplitude.sum(pixels, false, at::kDouble);
        const auto intensities = intensity.sum(pixels, false, at::kDouble);
        sums.mean_amplitude += amplitudes.sum().item<double>();
        sums.mean_intensity += intensities.sum().item<double>();
        sums.mean_squared_intensity += intensity.to(at::kDouble).square().sum().item<double>();
        sums.largest_amplitude = std::max(sums.largest_amplitude, amplitudes.max().item<double>());
        sums.largest_intensity = std::max(sums.largest_intensity, intensities.max().item<double>());
    }
    const auto count = static_cast<double>(scan.size());
    sums.mean_amplitude /= count;
    sums.mean_intensity /= count;
    sums.mean_squared_intensity /= count;
    return sums;
}

double input_scale(const FrameSums& sums, std::int64_t side, const InputNorm& norm)
{
    if (norm.kind == InputNorm::Kind::Largest)
        return reciprocal(norm.intensity ? sums.largest_intensity : sums.largest_amplitude, "largest sum");
    return parseval_scale(norm.intensity ? sums.mean_squared_intensity : sums.mean_intensity, side, norm.half_side);
}

at::Tensor group_scales(const at::Tensor& amplitude, const InputNorm& norm)
{
    require(amplitude.defined() && amplitude.dim() == 4, Status::Shape, "amplitudes: expected (B, C, N, N)");
    constexpr std::array<std::int64_t, 2> pixels{2, 3};
    const auto exact = amplitude.to(at::kDouble);
    const auto x = norm.intensity ? exact.square() : exact;
    const bool largest = norm.kind == InputNorm::Kind::Largest;
    const auto of_group = largest ? x.sum(pixels).amax(1) : x.square().sum(pixels).mean(1);
    require(of_group.gt(0).logical_and(of_group.isfinite()).all().item<bool>(), Status::InvalidArgument,
            "a group of frames holds no light; it cannot be normalised (input.normalize = 'group')");
    const auto scale = largest ? of_group.reciprocal() : of_group.rsqrt() * length(amplitude.size(3), norm.half_side);
    return scale.to(at::kFloat).view({-1, 1, 1, 1});
}

double physics_scale(double mean_amplitude)
{
    return reciprocal(mean_amplitude, "mean sum of amplitudes");
}

double intensity_scale(double photons, double mean_intensity)
{
    require(std::isfinite(photons) && photons > 0, Status::InvalidArgument,
            "photons of a frame: {}; expected a number above zero", photons);
    require_positive(mean_intensity, "mean sum of squares");
    return std::sqrt(photons / mean_intensity);
}

} // namespace ptk::data
