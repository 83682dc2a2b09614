#include "generators/blocks/spectral_conv.h"

#include "generators/blocks/flops.h"
#include "generators/blocks/initial.h"
#include "generators/blocks/truncated_fourier.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/einsum.h>

#include <cmath>

namespace ptk::generators {

namespace {

/// Different frequencies of a real signal along an axis of @p n, at most @p modes.
std::int64_t kept(std::int64_t modes, std::int64_t n)
{
    return std::min(modes, n / 2 + 1);
}

/// A complex product and sum for each channel out of every frequency of a channel in.
void count_mixing(const at::Tensor& spectrum, std::int64_t out)
{
    FlopCount::add(8.0 * static_cast<double>(spectrum.numel()) * static_cast<double>(out));
}

double deviation(std::int64_t in)
{
    return 1 / std::sqrt(static_cast<double>(in));
}

/// Convolution of the rows (last axis) of (B, in, H, W) with weights (in, out, modes).
at::Tensor along_rows(const at::Tensor& x, const at::Tensor& weights)
{
    const auto modes = kept(weights.size(2), x.size(3));
    const auto spectrum = low_frequencies(x, modes);
    count_mixing(spectrum, weights.size(1));
    const auto mixed = at::einsum("bihm,iom->bohm", {spectrum, weights.slice(2, 0, modes)});
    return from_low_frequencies(mixed, x.size(3));
}

} // namespace

SpectralConv2d::SpectralConv2d(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random)
    : weights_(complex_normal_weights({in, out, modes, modes}, deviation(in), random))
{
    add_parameter("weights", weights_);
}

at::Tensor SpectralConv2d::operator()(const at::Tensor& x) const
{
    const auto rows = std::min(weights_.size(2), x.size(2));
    const auto columns = kept(weights_.size(3), x.size(3));
    // The rows are transformed on the transpose, where they are contiguous: (B, in, columns, rows).
    const auto spectrum = low_complex_frequencies(low_frequencies(x, columns).transpose(2, 3), rows);
    count_mixing(spectrum, weights_.size(1));
    const auto weights = weights_.slice(2, 0, rows).slice(3, 0, columns);
    const auto mixed = at::einsum("biyx,ioxy->boyx", {spectrum, weights});
    return from_low_frequencies(from_low_complex_frequencies(mixed, x.size(2)).transpose(2, 3), x.size(3));
}

FactorizedSpectralConv2d::FactorizedSpectralConv2d(std::int64_t channels, std::int64_t modes, at::Generator random)
    : weights_x_(complex_normal_weights({channels, channels, modes}, deviation(channels), random)),
      weights_y_(complex_normal_weights({channels, channels, modes}, deviation(channels), random))
{
    add_parameter("weights_x", weights_x_);
    add_parameter("weights_y", weights_y_);
}

at::Tensor FactorizedSpectralConv2d::operator()(const at::Tensor& x) const
{
    return along_rows(x, weights_x_) + along_rows(x.transpose(2, 3), weights_y_).transpose(2, 3);
}

} // namespace ptk::generators
