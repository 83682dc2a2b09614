#include "generators/blocks/bottlenecks.h"

#include "generators/blocks/initial.h"

#include <ATen/TensorOperators.h>

namespace ptk::generators {

namespace {

constexpr std::int64_t convnext_expansion = 4;
constexpr std::int64_t convnext_kernel = 7;

} // namespace

ResidualBody::ResidualBody(std::int64_t channels, at::Generator random)
    : conv1_(channels, channels, 3, random), norm1_(channels), conv2_(channels, channels, 3, random), norm2_(channels)
{
    // 0 and 4 are the paddings, 3 is the GELU of the reference's sequence.
    add_child("1", conv1_);
    add_child("2", norm1_);
    add_child("5", conv2_);
    add_child("6", norm2_);
}

at::Tensor ResidualBody::operator()(const at::Tensor& x) const
{
    return norm2_(conv2_(activate(norm1_(conv1_(x)), Activation::Gelu)));
}

ResnetBlock::ResnetBlock(std::int64_t channels, at::Generator random) : body(channels, random)
{
    add_child("block", body);
}

ConvNextBlock::ConvNextBlock(std::int64_t channels, at::Generator random)
    : depthwise(channels, channels, convnext_kernel, random, channels), norm(channels),
      expand(channels, convnext_expansion * channels, 1, random),
      project(convnext_expansion * channels, channels, 1, random)
{
    add_child("depthwise", depthwise);
    add_child("norm", norm);
    add_child("expand", expand);
    add_child("project", project);
}

at::Tensor ConvNextBlock::operator()(const at::Tensor& x) const
{
    return project(expand(norm(depthwise(x)), Activation::Gelu));
}

template <class Block>
ScaledResiduals<Block>::ScaledResiduals(std::int64_t channels, std::int64_t blocks, LayerScale scale,
                                        at::Generator random)
    : layerscale_(scalar_weight(scale.value))
{
    scale.learned ? add_parameter("layerscale", layerscale_) : add_buffer("layerscale", layerscale_);
    add_child("blocks", blocks_);
    for (std::int64_t i = 0; i < blocks; ++i)
        blocks_.append(channels, random);
}

template <class Block> at::Tensor ScaledResiduals<Block>::operator()(at::Tensor x) const
{
    for (std::size_t i = 0; i < blocks_.size(); ++i)
        x = x + layerscale_ * blocks_[i](x);
    return x;
}

template class ScaledResiduals<ResnetBlock>;
template class ScaledResiduals<ConvNextBlock>;

FfnoBottleneck::FfnoBottleneck(const FfnoStack::Options& options, at::Generator random) : stack_(options, random)
{
    add_child("", stack_);
}

SpectralResnetBottleneck::Block::Block(const Options& options, FactorizedSpectralConv2d* shared, at::Generator random)
    : body(options.channels, random), spectral(shared)
{
    add_child("local_conv_body", body);
    if (shared != nullptr) {
        add_alias("shared_spectral", *shared);
        return;
    }
    spectral = &own.emplace(options.channels, options.modes, random);
    add_child("shared_spectral", *own);
}

SpectralResnetBottleneck::Gates::Gates(std::int64_t count, double value)
{
    for (std::int64_t i = 0; i < count; ++i)
        values.push_back(scalar_weight(value));
    for (std::size_t i = 0; i < values.size(); ++i)
        add_parameter(std::to_string(i), values[i]);
}

SpectralResnetBottleneck::SpectralResnetBottleneck(const Options& options, at::Generator random)
    : layerscale_(scalar_weight(options.layerscale)), shared_spectral_(options.channels, options.modes, random),
      gates_(options.share_gate ? 1 : options.blocks, options.gate)
{
    add_parameter("layerscale", layerscale_);
    add_child("shared_spectral", shared_spectral_);
    add_child("blocks", blocks_);
    add_child("spectral_gates", gates_);
    for (std::int64_t i = 0; i < options.blocks; ++i)
        blocks_.append(options, options.share_weights ? &shared_spectral_ : nullptr, random);
}

at::Tensor SpectralResnetBottleneck::operator()(at::Tensor x) const
{
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const auto& gate = gates_.values.size() == 1 ? gates_.values[0] : gates_.values[i];
        x = x + layerscale_ * blocks_[i].body(x) + gate * (*blocks_[i].spectral)(x);
    }
    return x;
}

} // namespace ptk::generators
