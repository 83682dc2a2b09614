#include "generators/blocks/layers.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cmath>

namespace ptk::generators {

namespace {

at::Tensor uniform(at::IntArrayRef shape, std::int64_t fan_in, const at::Generator& random)
{
    // A layer without inputs (a gate of fewer than 16 channels in PtychoPINN's cnn) draws nothing.
    const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
    auto values = at::empty(shape, at::kFloat);
    return values.numel() > 0 ? values.uniform_(-bound, bound, random) : values;
}

} // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random, std::int64_t stride,
               bool with_bias)
    : stride_(stride), weight_(uniform({out, in, kernel, kernel}, in * kernel * kernel, random))
{
    add_parameter("weight", weight_);
    if (!with_bias)
        return;
    bias_ = uniform({out}, in * kernel * kernel, random);
    add_parameter("bias", bias_);
}

at::Tensor Conv2d::operator()(const at::Tensor& x, Activation activation) const
{
    if (weight_.size(2) == 3 && stride_ <= 2)
        return convolve(stride_ == 1 ? Convolution::Same : Convolution::Down, x, weight_, bias_, activation);
    return activate(at::conv2d(x, weight_, bias_, stride_, weight_.size(2) / 2), activation);
}

void Conv2d::set_zero()
{
    const c10::NoGradGuard no_gradient;
    weight_.zero_();
    if (bias_.defined())
        bias_.zero_();
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random)
    // PyTorch counts the fan of a transposed convolution on the output channels, the second axis of its weight.
    : stride_(stride), weight_(uniform({in, out, stride, stride}, out * stride * stride, random)),
      bias_(uniform({out}, out * stride * stride, random))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor ConvTranspose2d::operator()(const at::Tensor& x, Activation activation) const
{
    if (stride_ == 2)
        return convolve(Convolution::Up, x, weight_, bias_, activation);
    return activate(at::conv_transpose2d(x, weight_, bias_, stride_), activation);
}

Linear::Linear(std::int64_t in, std::int64_t out, at::Generator random)
    : weight_(uniform({out, in}, in, random)), bias_(uniform({out}, in, random))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor Linear::operator()(const at::Tensor& x) const
{
    return at::linear(x, weight_, bias_);
}

Conv1d::Conv1d(std::int64_t kernel, at::Generator random) : weight_(uniform({1, 1, kernel}, kernel, random))
{
    add_parameter("weight", weight_);
}

at::Tensor Conv1d::operator()(const at::Tensor& x) const
{
    return at::conv1d(x, weight_, {}, 1, weight_.size(2) / 2);
}

BatchNorm2d::BatchNorm2d(std::int64_t channels)
    : weight_(at::ones({channels}, at::kFloat)), bias_(at::zeros({channels}, at::kFloat)),
      running_mean_(at::zeros({channels}, at::kFloat)), running_var_(at::ones({channels}, at::kFloat)),
      num_batches_tracked_(at::zeros({}, at::kLong))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
    add_buffer("running_mean", running_mean_);
    add_buffer("running_var", running_var_);
    add_buffer("num_batches_tracked", num_batches_tracked_);
}

at::Tensor BatchNorm2d::operator()(const at::Tensor& x)
{
    if (is_training())
        num_batches_tracked_.add_(1);
    return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, is_training(), 0.1, 1e-5, true);
}

} // namespace ptk::generators
