#pragma once
#include "generators/blocks/layers.h"
#include "generators/blocks/spectral_conv.h"

namespace ptk::generators {

/// What a Fourier layer of PtychoPINN's networks does to features (B, C, H, W); same shape out.
class FourierBlock : public Module {
public:
    virtual at::Tensor operator()(const at::Tensor& x) const = 0;
};

/// x + GELU(spectral convolution of x + 3 x 3 convolution of x)
class PtychoBlock : public FourierBlock {
public:
    PtychoBlock(std::int64_t channels, std::int64_t modes, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    SpectralConv2d spectral_;
    Conv2d local_conv_;
};

/// x + layerscale * instance norm of GELU(spectral convolution of x + 3 x 3 convolution of x), with one layerscale a
/// channel that starts at 1e-3: deep stacks start as the identity (Touvron et al., ICCV 2021).
class StablePtychoBlock : public FourierBlock {
public:
    StablePtychoBlock(std::int64_t channels, std::int64_t modes, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    at::Tensor layerscale_; ///< (C)
    SpectralConv2d spectral_;
    Conv2d local_conv_;
    InstanceNorm2d norm_;
};

} // namespace ptk::generators
