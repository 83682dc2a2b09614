#include "generators/blocks/encoder_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

namespace ptk::generators {

EncoderBlock::EncoderBlock(const Options& options, at::Generator random)
{
    const auto scalar = [&](const char* name, at::Tensor& place, double value) {
        place = at::full({1}, value, at::kFloat);
        add_parameter(name, place);
    };
    if (options.scaled)
        scalar("encoder_layerscale", encoder_layerscale_, options.scale);
    if (options.spectral_width > 0) {
        if (options.gated)
            scalar("spectral_branch_gate", spectral_branch_gate_, options.gate);
        if (options.spectral_width != options.channels) {
            add_child("spectral_in", spectral_in_.emplace(options.channels, options.spectral_width, 1, random));
            add_child("spectral_out", spectral_out_.emplace(options.spectral_width, options.channels, 1, random));
        }
        add_child("spectral", spectral_.emplace(options.spectral_width, options.spectral_width, options.modes, random));
    }
    if (options.conv_width > 0) {
        if (options.gated)
            scalar("local_branch_gate", local_branch_gate_, options.gate);
        if (options.conv_width != options.channels) {
            add_child("conv_in", conv_in_.emplace(options.channels, options.conv_width, 1, random));
            add_child("conv_out", conv_out_.emplace(options.conv_width, options.channels, 1, random));
        }
        add_child("local_conv", local_conv_.emplace(options.conv_width, options.conv_width, 3, random));
    }
}

at::Tensor EncoderBlock::spectral_branch(const at::Tensor& x) const
{
    const auto y = spectral_in_ ? (*spectral_out_)((*spectral_)((*spectral_in_)(x))) : (*spectral_)(x);
    return spectral_branch_gate_.defined() ? spectral_branch_gate_ * y : y;
}

at::Tensor EncoderBlock::local_branch(const at::Tensor& x) const
{
    const auto y = conv_in_ ? (*conv_out_)((*local_conv_)((*conv_in_)(x))) : (*local_conv_)(x);
    return local_branch_gate_.defined() ? local_branch_gate_ * y : y;
}

at::Tensor EncoderBlock::operator()(const at::Tensor& x) const
{
    at::Tensor y;
    if (local_conv_)
        y = local_branch(x);
    if (spectral_ && !spectral_in_ && !spectral_branch_gate_.defined())
        y = spectral_->add_to(y, x);
    else if (spectral_)
        y = y.defined() ? spectral_branch(x) + y : spectral_branch(x);
    return encoder_layerscale_.defined() ? x + encoder_layerscale_ * activate(y, Activation::Gelu)
                                         : residual_gelu(x, y);
}

} // namespace ptk::generators
