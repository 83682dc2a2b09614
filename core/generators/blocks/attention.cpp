#include "generators/blocks/attention.h"

#include "generators/blocks/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>

#include <array>

namespace ptk::generators {

namespace {

constexpr std::int64_t reduction = 16;
constexpr std::array<std::int64_t, 2> plane{-2, -1};

} // namespace

ChannelGate::ChannelGate(std::int64_t channels, at::Generator random)
    : reduce_(channels, channels / reduction, random), expand_(channels / reduction, channels, random)
{
    add_child("mlp.1", reduce_);
    add_child("mlp.3", expand_);
}

at::Tensor ChannelGate::scores(const at::Tensor& pooled) const
{
    return expand_(at::relu(reduce_(pooled)));
}

at::Tensor ChannelGate::gate(const ChannelStatistics& statistics) const
{
    return at::sigmoid(scores(statistics.mean) + scores(statistics.maximum));
}

SpatialGate::SpatialGate(std::int64_t kernel, at::Generator random) : compress_(2, 1, kernel, random, 1, false)
{
    add_child("compress", compress_);
}

at::Tensor SpatialGate::gate(const at::Tensor& statistics) const
{
    return at::sigmoid(compress_(statistics));
}

at::Tensor SpatialGate::operator()(const at::Tensor& x) const
{
    return x * gate(at::cat({std::get<0>(x.max(1, true)), x.mean(1, true)}, 1));
}

Cbam::Cbam(std::int64_t channels, at::Generator random) : channel_(channels, random), spatial_(7, random)
{
    add_child("ChannelGate", channel_);
    add_child("SpatialGate", spatial_);
}

at::Tensor Cbam::operator()(const at::Tensor& x) const
{
    const auto channels = channel_statistics(x);
    const auto gate = channel_.gate(channels);
    const auto pixels = pixel_statistics(channels.x, gate);
    return pixels.x * gate.unsqueeze(-1).unsqueeze(-1) * spatial_.gate(pixels.values);
}

at::Tensor Cbam::pooled(const at::Tensor& x) const
{
    const auto channels = channel_statistics(x);
    const auto gate = channel_.gate(channels);
    const auto pixels = pixel_statistics(channels.x, gate);
    return gated_maximum(pixels.x, gate, spatial_.gate(pixels.values));
}

EcaLayer::EcaLayer(at::Generator random) : conv_(3, random)
{
    add_child("conv", conv_);
}

at::Tensor EcaLayer::operator()(const at::Tensor& x) const
{
    const auto gate = at::sigmoid(conv_(x.mean(plane).unsqueeze(1)));
    return x * gate.squeeze(1).unsqueeze(-1).unsqueeze(-1);
}

SpatialAttention::SpatialAttention(std::int64_t kernel, at::Generator random) : gate_(kernel, random)
{
    add_child("spatial_gate", gate_);
}

at::Tensor SpatialAttention::operator()(const at::Tensor& x) const
{
    return gate_(x);
}

} // namespace ptk::generators
