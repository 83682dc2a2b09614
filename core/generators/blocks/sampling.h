#pragma once
#include "generators/blocks/layers.h"

#include <memory>
#include <optional>
#include <string>

namespace ptk::generators {

/// Half the pixels of a side: (B, in, H, W) -> (B, out, H/2, W/2), even H and W.
class Downsampler : public Module {
public:
    virtual at::Tensor operator()(const at::Tensor& x) const = 0;
};

/// 2 x 2 convolution of stride 2. Key conv.
class StrideDownsampler : public Downsampler {
public:
    StrideDownsampler(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override { return conv_(x); }

private:
    PatchConv2d conv_;
};

/// Means of 2 x 2 pixels, then a 1 x 1 convolution. Key proj.
class MeanDownsampler : public Downsampler {
public:
    MeanDownsampler(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    Conv2d proj_;
};

/// Every second pixel after a binomial blur [1 2 1] x [1 2 1] / 16 on mirrored edges, then a 1 x 1 convolution: little
/// aliasing (Zhang, "Making convolutional networks shift-invariant again", ICML 2019). Keys blur_kernel (buffer), proj.
class BlurDownsampler : public Downsampler {
public:
    BlurDownsampler(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    at::Tensor blur_kernel_; ///< (1, 1, 3, 3)
    Conv2d proj_;
};

/// "stride_conv", "avgpool_conv" or "blurpool_conv".
std::unique_ptr<Downsampler> downsampler_by_name(const std::string& name, std::int64_t in, std::int64_t out,
                                                 at::Generator random);

/// Twice the pixels of a side: (B, in, H, W) -> (B, out, 2 H, 2 W).
class Upsampler : public Module {
public:
    virtual at::Tensor operator()(const at::Tensor& x) const = 0;
};

/// Transposed convolution (kernel 4, stride 2), instance norm, GELU; as in CycleGAN (Zhu et al., ICCV 2017). Keys
/// block.0, block.1.
class CycleGanUpsampler : public Upsampler {
public:
    CycleGanUpsampler(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    ConvTranspose2d conv_;
    InstanceNorm2d norm_;
};

/// Bilinear interpolation, then a 1 x 1 convolution. Key proj.
class BilinearUpsampler : public Upsampler {
public:
    BilinearUpsampler(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const override;

private:
    Conv2d proj_;
};

/// (B, C, H, W) -> (B, C, height, width) by bilinear interpolation between the centres of pixels.
at::Tensor resized(const at::Tensor& x, std::int64_t height, std::int64_t width);

} // namespace ptk::generators
