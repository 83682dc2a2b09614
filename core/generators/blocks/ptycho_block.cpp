#include "generators/blocks/ptycho_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

namespace ptk::generators {

PtychoBlock::PtychoBlock(std::int64_t channels, std::int64_t modes, at::Generator random)
    : spectral_(channels, channels, modes, random), local_conv_(channels, channels, 3, random)
{
    add_child("spectral", spectral_);
    add_child("local_conv", local_conv_);
}

at::Tensor PtychoBlock::operator()(const at::Tensor& x) const
{
    return residual_gelu(x, spectral_.add_to(local_conv_(x), x));
}

StablePtychoBlock::StablePtychoBlock(std::int64_t channels, std::int64_t modes, at::Generator random)
    : layerscale_(at::full({channels}, 1e-3, at::kFloat)), spectral_(channels, channels, modes, random),
      local_conv_(channels, channels, 3, random), norm_(channels)
{
    add_parameter("layerscale", layerscale_);
    add_child("spectral", spectral_);
    add_child("local_conv", local_conv_);
    add_child("norm", norm_);
}

at::Tensor StablePtychoBlock::operator()(const at::Tensor& x) const
{
    return x + layerscale_.view({-1, 1, 1}) * norm_(activate(spectral_.add_to(local_conv_(x), x), Activation::Gelu));
}

} // namespace ptk::generators
