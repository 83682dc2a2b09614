#pragma once
#include "generators/blocks/convolution.h"
#include "generators/module.h"

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::generators {

// The layers that the networks are made of. Weights are drawn as PyTorch's layers draw them: uniform within 1/sqrt(fan
// in) for weight and bias (He et al., ICCV 2015, with a = sqrt(5)), in the order of registration, from the generator
// that is given. All are contiguous float32 on the CPU until Module::to().

/// 2-D convolution, zero padding of half the (odd) kernel. (B, in, H, W) -> (B, out, H/stride, W/stride)
class Conv2d : public Module {
public:
    Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random, std::int64_t stride = 1,
           bool with_bias = true);
    /// Activation of the convolution, in one pass where convolve() can.
    at::Tensor operator()(const at::Tensor& x, Activation activation = Activation::None) const;
    /// All weights zero: the layer starts as the function 0.
    void set_zero();

private:
    std::int64_t stride_;
    at::Tensor weight_; ///< (out, in, kernel, kernel)
    at::Tensor bias_;   ///< (out), or undefined
};

/// Transposed convolution whose kernel equals its stride: every pixel becomes a square. (B, in, H, W) -> (B, out, H
/// stride, W stride)
class ConvTranspose2d : public Module {
public:
    ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random);
    at::Tensor operator()(const at::Tensor& x, Activation activation = Activation::None) const;

private:
    std::int64_t stride_;
    at::Tensor weight_; ///< (in, out, stride, stride)
    at::Tensor bias_;
};

/// (B, in) -> (B, out). Either may be 0.
class Linear : public Module {
public:
    Linear(std::int64_t in, std::int64_t out, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weight_; ///< (out, in)
    at::Tensor bias_;
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

} // namespace ptk::generators
