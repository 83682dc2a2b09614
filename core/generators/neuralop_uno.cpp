#include "generators/neuralop_uno.h"

#include "generators/blocks/autocast.h"
#include "generators/blocks/flops.h"
#include "generators/blocks/initial.h"
#include "generators/common_options.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/fft_irfft2.h>
#include <ATen/ops/fft_rfft2.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include <cmath>

namespace ptk::generators {

namespace {

constexpr std::int64_t mlp_over_width = 4; ///< lifting and projection go through 128 channels at a width of 32

at::Tensor bicubic(const at::Tensor& x, std::int64_t side)
{
    if (x.size(2) == side)
        return x;
    return at::upsample_bicubic2d(x, at::IntArrayRef({side, side}), /*align_corners=*/true);
}

/// (B, 2, N, N): row and column over N.
at::Tensor coordinates(const at::Tensor& x)
{
    const auto side = x.size(2);
    const auto axis = at::arange(side, x.options()) / static_cast<double>(side);
    return at::cat({axis.view({1, 1, side, 1}).expand({x.size(0), 1, side, side}),
                    axis.view({1, 1, 1, side}).expand({x.size(0), 1, side, side})},
                   1);
}

/// A two-dimensional transform of every channel: 5 n log2 n real operations for n complex points, half for real ones.
void count_transform(const at::Tensor& x)
{
    FlopCount::add(2.5 * static_cast<double>(x.numel()) * std::log2(static_cast<double>(x.size(2) * x.size(3))));
}

} // namespace

config::Schema neuralop_uno_options()
{
    return config::Schema({options::channels(), options::width(), options::modes(), options::output_mode()});
}

NeuralopUno::Pointwise::Pointwise(std::int64_t in, std::int64_t out, at::Generator random, bool with_bias)
    : weight_(uniform_weights({out, in, 1}, in, random))
{
    add_parameter("weight", weight_);
    if (!with_bias)
        return;
    bias_ = uniform_weights({out}, in, random);
    add_parameter("bias", bias_);
}

at::Tensor NeuralopUno::Pointwise::operator()(const at::Tensor& x) const
{
    FlopCount::add(2.0 * static_cast<double>(x.numel()) * static_cast<double>(weight_.size(0)));
    return at::conv2d(x, weight_.unsqueeze(-1), bias_);
}

NeuralopUno::ChannelMlp::ChannelMlp(std::int64_t in, std::int64_t hidden, std::int64_t out, at::Generator random)
    : first(in, hidden, random, true), second(hidden, out, random, true)
{
    add_child("fcs.0", first);
    add_child("fcs.1", second);
}

at::Tensor NeuralopUno::ChannelMlp::operator()(const at::Tensor& x) const
{
    return second(at::gelu(first(x)));
}

NeuralopUno::Spectral::Spectral(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random)
    : bias_(normal_weights({out, 1, 1}, std::sqrt(2.0 / static_cast<double>(in + out)), random)),
      weight_(complex_normal_weights({in, out, modes, modes / 2 + 1}, std::sqrt(2.0 / static_cast<double>(in + out)),
                                     random))
{
    add_parameter("bias", bias_);
    add_parameter("weight.tensor", weight_);
}

at::Tensor NeuralopUno::Spectral::operator()(const at::Tensor& x, std::int64_t side) const
{
    if (in_bfloat16(x))
        return in_float32(x, [&](const at::Tensor& full) { return (*this)(full, side); });
    const auto half = weight_.size(2) / 2;
    const auto rows = x.size(2);
    const auto all = at::fft_rfft2(x, c10::nullopt, {-2, -1}, "forward").slice(3, 0, weight_.size(3));
    count_transform(x);
    // Frequencies 0 ... half - 1, then -half ... -1, on both sides of the product.
    const auto kept = at::cat({all.slice(2, 0, half), all.slice(2, rows - half, rows)}, 2);
    const auto weight = at::cat({weight_.slice(2, half), weight_.slice(2, 0, half)}, 2);
    FlopCount::add(8.0 * static_cast<double>(kept.numel()) * static_cast<double>(weight.size(1)));
    const auto mixed = at::einsum("bixy,ioxy->boxy", {kept, weight});
    const auto zeros = [&](std::int64_t count) {
        return mixed.new_zeros({mixed.size(0), mixed.size(1), count, mixed.size(3)});
    };
    const auto low = mixed.slice(2, 0, half);
    const auto spectrum = side < rows
                              ? at::cat({low, zeros(side - half)}, 2)
                              : at::cat({low, zeros(rows - 2 * half), mixed.slice(2, half), zeros(side - rows)}, 2);
    auto y = at::fft_irfft2(spectrum, at::IntArrayRef({side, side}), {-2, -1}, "forward") + bias_;
    count_transform(y);
    return y;
}

NeuralopUno::Layer::Layer(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random)
    : spectral(in, out, modes, random), skip(in, out, random, false),
      mlp(out, std::max<std::int64_t>(1, out / 2), out, random), mlp_skip(in, out, random, false)
{
    add_child("convs.0", spectral);
    add_child("fno_skips.0.conv", skip);
    add_child("channel_mlp.0", mlp);
    add_child("channel_mlp_skips.0.conv", mlp_skip);
}

at::Tensor NeuralopUno::Layer::operator()(const at::Tensor& x, std::int64_t side) const
{
    const auto y = spectral(x, side) + bicubic(skip(x), side);
    return mlp(y) + bicubic(mlp_skip(x), side);
}

NeuralopUno::NeuralopUno(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("neuralop_uno", problem, settings, 4))
{
    const auto width = settings.integer("generator.width");
    const auto modes = settings.integer("generator.modes");
    require(modes % 2 == 0 && problem.side / 2 >= modes, Status::InvalidConfig,
            "generator.modes: expected an even number of at most N/2 = {}, found {}", problem.side / 2, modes);
    lifting_.emplace(channels() + 2, mlp_over_width * width, width, random);
    layers_.append(width, width, modes, random);
    layers_.append(width, 2 * width, modes, random);
    layers_.append(4 * width, 2 * width, modes, random);
    layers_.append(3 * width, width, modes, random);
    for (const auto features : {width, 2 * width})
        horizontal_skips_.append(features, features, random, false);
    projection_.emplace(width, mlp_over_width * width, 2 * channels(), random);
    add_child("uno.lifting", *lifting_);
    add_child("uno.fno_blocks", layers_);
    // In the library a convolution lies between the index and the weight.
    for (std::size_t i = 0; i < horizontal_skips_.size(); ++i)
        add_child("uno.horizontal_skips." + std::to_string(i) + ".conv", horizontal_skips_[i]);
    add_child("uno.projection", *projection_);
}

ChannelGenerator::Branches NeuralopUno::branches(const at::Tensor& x)
{
    const auto side = x.size(2);
    auto y = (*lifting_)(at::cat({x, coordinates(x)}, 1));
    y = layers_[0](y, side);
    const auto full = horizontal_skips_[0](y);
    y = layers_[1](y, side / 2);
    y = layers_[2](at::cat({y, horizontal_skips_[1](y)}, 1), side / 2);
    y = layers_[3](at::cat({y, bicubic(full, side / 2)}, 1), side);
    const auto both = (*projection_)(y);
    const auto first = both.slice(1, 0, channels());
    const auto second = both.slice(1, channels());
    if (layout().output != OutputMode::AmpPhase)
        return {first, second};
    return bounded(first, second);
}

} // namespace ptk::generators
