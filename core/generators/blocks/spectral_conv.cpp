#include "generators/blocks/spectral_conv.h"

#include "generators/blocks/autocast.h"
#include "generators/blocks/flops.h"
#include "generators/blocks/frequency_mixing.h"
#include "generators/blocks/frequency_weights.h"
#include "generators/blocks/image_map.h"
#include "generators/blocks/initial.h"
#include "generators/blocks/own_kernels.h"
#include "generators/blocks/truncated_fourier.h"
#include "kernels/cpu/product.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/einsum.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

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

bool kernels_fit(const at::Tensor& x, const at::Tensor& weights)
{
    return is_ours(x) && weights.scalar_type() == at::kComplexFloat && x.numel() > 0 &&
           x.size(1) % kernels::cpu::product_columns == 0 && weights.size(1) % kernels::cpu::product_columns == 0;
}

/// frequency_weights() of those of a layer's weights that are used, kept for its predictions.
at::Tensor matrices_of(const at::Tensor& weights, const at::Tensor& used, Kept<at::Tensor>& kept)
{
    if (needs_gradient(used))
        return frequency_weights(used);
    return kept.of(weights, used.sizes(), [&] {
        // Made by a prediction, they may have to take part in a gradient by the image later.
        const c10::InferenceMode ordinary(false);
        const c10::NoGradGuard no_gradient;
        return frequency_weights(used);
    });
}

/// To the lowest frequencies of both axes, and back; (2, rows, columns, C) between the two.
struct PlaneMaps {
    ImageMap forward, inverse;
    PlaneMaps(const at::Tensor& x, std::int64_t out, std::int64_t rows, std::int64_t columns)
        : forward({{real_forward(columns, x.size(3)), x.size(2), x.size(1)},
                   {paired_forward(rows, x.size(2)), 1, columns * x.size(1)}}),
          inverse(
              {{paired_inverse(rows, x.size(2)), 1, columns * out}, {real_inverse(columns, x.size(3)), x.size(2), out}})
    {
    }
};

at::Tensor as_images(const at::Tensor& flat, const at::Tensor& like, std::int64_t channels)
{
    return flat.view({like.size(0), like.size(2), like.size(3), channels}).permute({0, 3, 1, 2});
}

/// Where our kernels may add: pixel by pixel, made by a layer.
bool can_be_added_to(const at::Tensor& sum)
{
    return sum.is_contiguous(at::MemoryFormat::ChannelsLast) && sum.scalar_type() == at::kFloat && !sum.is_view() &&
           !(sum.is_leaf() && sum.requires_grad());
}

} // namespace

SpectralConv2d::SpectralConv2d(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random)
    : weights_(complex_normal_weights({in, out, modes, modes}, deviation(in), random))
{
    add_parameter("weights", weights_);
}

at::Tensor SpectralConv2d::add_to(const at::Tensor& sum, const at::Tensor& x) const
{
    if (in_bfloat16(x)) {
        const auto y = in_float32(x, [this](const at::Tensor& full) { return (*this)(full); });
        return sum.defined() ? sum + y : y;
    }
    const auto rows = std::min(weights_.size(2), x.size(2));
    const auto columns = kept(weights_.size(3), x.size(3));
    const auto weights = weights_.slice(2, 0, rows).slice(3, 0, columns);
    if (!kernels_fit(x, weights))
        return sum.defined() ? sum + by_aten(x) : by_aten(x);
    const auto in = weights.size(0), out = weights.size(1);
    const PlaneMaps maps(x, out, rows, columns);
    const auto spectra = maps.forward(x).view({x.size(0), 2, rows * columns, 1, in});
    const auto result = mix_frequencies(spectra, matrices_of(weights_, weights, matrices_)).view({x.size(0), -1});
    if (sum.defined() && can_be_added_to(sum))
        return maps.inverse.add_to(sum, result);
    const auto images = as_images(maps.inverse(result), x, out);
    return sum.defined() ? sum + images : images;
}

at::Tensor SpectralConv2d::by_aten(const at::Tensor& x) const
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
    if (in_bfloat16(x))
        return in_float32(x, [this](const at::Tensor& full) { return (*this)(full); });
    if (!kernels_fit(x, weights_x_))
        return along_rows(x, weights_x_) + along_rows(x.transpose(2, 3), weights_y_).transpose(2, 3);
    const auto images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    const auto columns = kept(weights_x_.size(2), width), rows = kept(weights_y_.size(2), height);

    const ImageMap along({{real_forward(columns, width), height, channels}});
    const ImageMap back_along({{real_inverse(columns, width), height, channels}});
    // (B, H, 2, columns, C): what the kernels make of each line; the mixing wants real and imaginary part outside.
    const auto lines = along(x).view({images * height, 2, columns, 1, channels});
    const auto along_weights = matrices_of(weights_x_, weights_x_.slice(2, 0, columns), matrices_x_);
    const auto mixed_lines = mix_frequencies(lines, along_weights).view({images, -1});
    const auto sum = back_along(mixed_lines);

    const ImageMap down({{real_forward(rows, height), 1, width * channels}});
    const ImageMap back_down({{real_inverse(rows, height), 1, width * channels}});
    const auto stacks = down(x).view({images, 2, rows, width, channels});
    const auto down_weights = matrices_of(weights_y_, weights_y_.slice(2, 0, rows), matrices_y_);
    const auto mixed_stacks = mix_frequencies(stacks, down_weights).view({images, -1});
    return as_images(back_down.add_to(sum, mixed_stacks), x, channels);
}

} // namespace ptk::generators
