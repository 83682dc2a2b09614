#include "generators/blocks/ffno_stack.h"

#include "generators/blocks/initial.h"

#include <ATen/TensorOperators.h>

#include <cmath>

namespace ptk::generators {

namespace {

std::int64_t expanded(const FfnoStack::Options& options)
{
    const auto width = std::nearbyint(static_cast<double>(options.channels) * options.mlp_ratio);
    return std::max(options.channels, static_cast<std::int64_t>(width));
}

} // namespace

FfnoStack::Norm ffno_norm_by_name(const std::string& name)
{
    if (name == "instance")
        return FfnoStack::Norm::Instance;
    return name == "layer" ? FfnoStack::Norm::Layer : FfnoStack::Norm::None;
}

FfnoStack::Block::Block(const Options& options, FactorizedSpectralConv2d* shared, at::Generator random)
    : spectral_(shared), expand_(options.channels, expanded(options), 1, random),
      project_(expanded(options), options.channels, 1, random)
{
    if (shared != nullptr) {
        add_alias("shared_spectral", *shared);
    } else {
        gate_ = scalar_weight(options.gate);
        if (options.own_gates == OwnGates::Trained)
            add_parameter("gate", gate_);
        spectral_ = &own_.emplace(options.channels, options.modes, random);
        add_child("shared_spectral", *own_);
    }
    if (options.local_kernel > 0)
        add_child("local_conv", local_conv_.emplace(options.channels, options.channels, options.local_kernel, random));
    if (options.norm == Norm::Instance)
        add_child("norm", instance_.emplace(options.channels));
    if (options.norm == Norm::Layer)
        add_child("norm", layer_.emplace(options.channels));
    add_child("expand", expand_);
    add_child("project", project_);
}

at::Tensor FfnoStack::Block::operator()(const at::Tensor& x, const at::Tensor& shared_gate) const
{
    auto y = (*spectral_)(x);
    if (local_conv_)
        y = y + (*local_conv_)(x);
    if (instance_)
        y = (*instance_)(y);
    if (layer_)
        y = (*layer_)(y);
    return x + (gate_.defined() ? gate_ : shared_gate) * project_(expand_(y, Activation::Gelu));
}

FfnoStack::FfnoStack(const Options& options, at::Generator random)
    : shared_gate_(scalar_weight(options.gate)), shared_spectral_(options.channels, options.modes, random)
{
    add_parameter("shared_gate", shared_gate_);
    add_child("shared_spectral", shared_spectral_);
    add_child("blocks", blocks_);
    for (std::int64_t i = 0; i < options.blocks; ++i)
        blocks_.append(options, options.share_weights ? &shared_spectral_ : nullptr, random);
}

at::Tensor FfnoStack::operator()(at::Tensor x) const
{
    for (std::size_t i = 0; i < blocks_.size(); ++i)
        x = blocks_[i](x, shared_gate_);
    return x;
}

} // namespace ptk::generators
