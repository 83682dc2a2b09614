#include "evaluation/fourier.h"

#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace ptk::evaluation {

namespace {

using physics::phasor;

constexpr double two_pi = 2 * std::numbers::pi;

/// Angular frequencies of a transform of this length, rad per pixel.
at::Tensor frequencies(std::int64_t length)
{
    return physics::frequencies(length) * two_pi;
}

/// Index of the pixel that a mirror image shows at @p i outside [0, length): ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
std::int64_t mirrored(std::int64_t i, std::int64_t length)
{
    const std::int64_t period = 2 * length;
    const std::int64_t j = ((i % period) + period) % period;
    return j < length ? j : period - 1 - j;
}

/// An axis with its mirror images: the pixel shown at each place, and the factor that fades to 0 at both ends.
struct Continued {
    at::Tensor index;
    at::Tensor weight;
};

Continued continued_axis(std::int64_t length, std::int64_t before, std::int64_t total)
{
    std::vector<std::int64_t> index(total);
    std::vector<double> weight(total, 1.0);
    const std::int64_t after = total - before - length;
    for (std::int64_t i = 0; i < total; ++i) {
        const std::int64_t source = i - before;
        index[i] = mirrored(source, length);
        if (source < 0)
            weight[i] = 0.5 - 0.5 * std::cos(std::numbers::pi * (i + 0.5) / before);
        if (source >= length)
            weight[i] = 0.5 - 0.5 * std::cos(std::numbers::pi * (total - i - 0.5) / after);
    }
    return {at::tensor(index, at::kLong), at::tensor(weight, at::kDouble)};
}

/// (count, length) complex128: the inverse transform of one axis at the given places, cut at @p cutoff rad per pixel.
at::Tensor synthesis(const at::Tensor& places, std::int64_t length, double cutoff)
{
    const auto frequency = frequencies(length);
    const auto kept = (frequency.abs() < cutoff).to(at::kDouble) / static_cast<double>(length);
    return phasor(at::outer(places, frequency)) * kept;
}

/// Places of the new pixels on an axis, and whether the image has a pixel there.
struct Places {
    at::Tensor at;
    at::Tensor inside;
};

Places places_on(std::int64_t length, double offset, double step, std::int64_t count)
{
    const auto at = at::arange(count, at::kDouble) * step + offset;
    return {at, at.ge(-0.5).logical_and(at.le(static_cast<double>(length) - 0.5)).to(at::kDouble)};
}

} // namespace

std::int64_t fast_length(std::int64_t length)
{
    for (std::int64_t candidate = std::max<std::int64_t>(length, 1);; ++candidate) {
        std::int64_t rest = candidate;
        for (const int factor : {2, 3, 5})
            while (rest % factor == 0)
                rest /= factor;
        if (rest == 1)
            return candidate;
    }
}

at::Tensor plane_wave(std::int64_t height, std::int64_t width, double kx, double ky)
{
    return at::outer(phasor(at::arange(height, at::kDouble) * ky), phasor(at::arange(width, at::kDouble) * kx));
}

PeriodicImage::PeriodicImage(const at::Tensor& image, std::int64_t margin)
    : height_(image.size(0)), width_(image.size(1)), top_(margin), left_(margin), mean_(image.mean())
{
    const auto rows = continued_axis(height_, top_, fast_length(height_ + 2 * margin));
    const auto columns = continued_axis(width_, left_, fast_length(width_ + 2 * margin));
    const auto continued = (image - mean_).index_select(0, rows.index).index_select(1, columns.index);
    spectrum_ = at::fft_fft2(continued * at::outer(rows.weight, columns.weight));
}

PeriodicImage PeriodicImage::smoothed(double width) const
{
    const auto gauss = [width](std::int64_t length) {
        return at::exp(frequencies(length).square() * (-0.5 * width * width));
    };
    PeriodicImage result = *this;
    result.spectrum_ = spectrum_ * at::outer(gauss(spectrum_.size(0)), gauss(spectrum_.size(1)));
    return result;
}

at::Tensor PeriodicImage::inverse(const at::Tensor& spectrum) const
{
    return at::fft_ifft2(spectrum).narrow(0, top_, height_).narrow(1, left_, width_);
}

at::Tensor PeriodicImage::shifted(double dx, double dy) const
{
    const auto moved = spectrum_ * at::outer(phasor(frequencies(spectrum_.size(0)) * -dy),
                                             phasor(frequencies(spectrum_.size(1)) * -dx));
    return (inverse(moved) + mean_).contiguous();
}

PeriodicImage::Shift PeriodicImage::shifted_with_derivatives(double dx, double dy) const
{
    const auto fy = frequencies(spectrum_.size(0)), fx = frequencies(spectrum_.size(1));
    const auto moved = spectrum_ * at::outer(phasor(fy * -dy), phasor(fx * -dx));
    const c10::complex<double> minus_i(0, -1);
    return {(inverse(moved) + mean_).contiguous(), inverse(moved * fx * minus_i).contiguous(),
            inverse(moved * fy.unsqueeze(1) * minus_i).contiguous()};
}

at::Tensor PeriodicImage::sampled(double step, double offset_x, double offset_y, std::int64_t height,
                                  std::int64_t width) const
{
    // Finer or equal pixels keep every frequency: a cut above pi is none.
    const double cutoff = step > 1 ? std::numbers::pi / step : 4.0;
    const auto y = places_on(height_, offset_y, step, height), x = places_on(width_, offset_x, step, width);
    const auto rows = synthesis(y.at + static_cast<double>(top_), spectrum_.size(0), cutoff);
    const auto columns = synthesis(x.at + static_cast<double>(left_), spectrum_.size(1), cutoff);
    const auto values = at::matmul(at::matmul(rows, spectrum_), columns.t()) + mean_;
    return (values * at::outer(y.inside, x.inside)).contiguous();
}

Ramp strongest_ramp(const at::Tensor& z)
{
    const std::int64_t height = z.size(0), width = z.size(1);
    const double total = z.abs().sum().item<double>();
    if (!(total > 0))
        return {};
    const std::int64_t peak = at::fft_fft2(z).abs().argmax().item<std::int64_t>();
    Ramp ramp{.kx = frequencies(width)[peak % width].item<double>(),
              .ky = frequencies(height)[peak / width].item<double>()};

    const auto x = at::arange(width, at::kDouble), y = at::arange(height, at::kDouble);
    constexpr std::int64_t half = 16;
    const auto grid = at::arange(-half, half + 1, at::kDouble) / static_cast<double>(half);
    for (const double span : {1.0, 1.0 / half}) { // of a Fourier bin, on each side
        const auto kx = grid * (span * two_pi / static_cast<double>(width)) + ramp.kx;
        const auto ky = grid * (span * two_pi / static_cast<double>(height)) + ramp.ky;
        const auto sums =
            at::matmul(at::matmul(phasor(at::outer(ky, y).neg()), z), phasor(at::outer(x, kx).neg())).abs();
        const std::int64_t best = sums.argmax().item<std::int64_t>();
        ramp = {kx[best % grid.numel()].item<double>(), ky[best / grid.numel()].item<double>(),
                sums.max().item<double>() / total};
    }
    return ramp;
}

} // namespace ptk::evaluation
