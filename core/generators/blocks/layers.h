#pragma once
#include "generators/blocks/convolution.h"
#include "generators/module.h"

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::generators {

// The layers that the networks are made of. Weights are drawn as PyTorch's layers draw them (uniform_weights()), in the
// order of registration, from the generator that is given. All are contiguous float32 on the CPU until Module::to().

/// 2-D convolution, zero padding of half the (odd) kernel. (B, in, H, W) -> (B, out, H/stride, W/stride)
class Conv2d : public Module {
public:
    Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random, std::int64_t stride = 1,
           bool with_bias = true);
    /// Activation of the convolution, in one pass where convolve() can.
    at::Tensor operator()(const at::Tensor& x, Activation activation = Activation::None) const;
    /// The same of the image in which every pixel of @p x has become a square of four; stride 1.
    at::Tensor doubled(const at::Tensor& x, Activation activation = Activation::None) const;
    /// All weights zero: the layer starts as the function 0.
    void set_zero();
    /// @param y  what was made of the layer's output by a rectification outside of it; is shown to an ActivationWatch
    at::Tensor rectified(at::Tensor y) const;

private:
    at::Tensor counted(at::Tensor y, Activation activation) const;

    std::int64_t stride_;
    at::Tensor weight_; ///< (out, in, kernel, kernel)
    at::Tensor bias_;   ///< (out), or undefined
    mutable KeptWeights kept_;
};

/// 2-D convolution of images that are mirrored at their edges (the edge itself is not repeated); with several groups
/// each sees its part of the channels only. (B, in, H, W) -> (B, out, H, W); H and W above half the kernel.
class MirrorConv2d : public Module {
public:
    MirrorConv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random, std::int64_t groups = 1);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    std::int64_t groups_;
    at::Tensor weight_; ///< (out, in/groups, kernel, kernel)
    at::Tensor bias_;
    mutable KeptWeights kept_;
};

/// Convolution whose kernel equals its stride: every square becomes a pixel. (B, in, H, W) -> (B, out, H/stride,
/// W/stride)
class PatchConv2d : public Module {
public:
    PatchConv2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_; ///< (out, in, stride, stride)
    at::Tensor bias_;
};

/// Transposed convolution that enlarges by its stride: with kernel = stride + 2 padding the result is (B, out, H
/// stride, W stride). Without further numbers the kernel equals the stride and every pixel becomes a square.
class ConvTranspose2d : public Module {
public:
    ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random,
                    std::int64_t padding = 0);
    at::Tensor operator()(const at::Tensor& x, Activation activation = Activation::None) const;

private:
    std::int64_t stride_;
    std::int64_t padding_;
    at::Tensor weight_; ///< (in, out, kernel, kernel)
    at::Tensor bias_;
};

/// (..., in) -> (..., out). Either may be 0.
class Linear : public Module {
public:
    Linear(std::int64_t in, std::int64_t out, at::Generator random, bool with_bias = true);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_; ///< (out, in)
    at::Tensor bias_;   ///< (out), or undefined
};

/// Convolution over the last axis without bias, one channel, zero padding of half the (odd) kernel. (B, 1, L) -> (B, 1,
/// L)
class Conv1d : public Module {
public:
    Conv1d(std::int64_t kernel, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_; ///< (1, 1, kernel)
};

/// Batch normalisation (Ioffe and Szegedy, ICML 2015): with the batch's statistics in training mode, which also moves
/// the running ones by a tenth, with the running ones otherwise.
class BatchNorm2d : public Module {
public:
    explicit BatchNorm2d(std::int64_t channels);
    at::Tensor operator()(const at::Tensor& x);

private:
    at::Tensor weight_;
    at::Tensor bias_;
    at::Tensor running_mean_;
    at::Tensor running_var_;
    at::Tensor num_batches_tracked_;
};

/// Each image and channel with mean 0 and variance 1 over its pixels (epsilon 1e-5), then a factor and an offset a
/// channel. (B, C, H, W), same shape out. Source: Ulyanov et al., arXiv:1607.08022.
class InstanceNorm2d : public Module {
public:
    explicit InstanceNorm2d(std::int64_t channels);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_;
    at::Tensor bias_;
};

/// The same over all channels of an image at once: group normalisation with one group (Wu and He, ECCV 2018).
class LayerNorm2d : public Module {
public:
    explicit LayerNorm2d(std::int64_t channels);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_;
    at::Tensor bias_;
};

/// The last axis over its root mean square (epsilon of the type added to the square), times a factor a component.
/// Source: Zhang and Sennrich, NeurIPS 2019.
class RmsNorm : public Module {
public:
    explicit RmsNorm(std::int64_t width);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_; ///< (width)
};

} // namespace ptk::generators
