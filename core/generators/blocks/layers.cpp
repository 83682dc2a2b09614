#include "generators/blocks/layers.h"

#include "generators/blocks/activation_watch.h"
#include "generators/blocks/autocast.h"
#include "generators/blocks/flops.h"
#include "generators/blocks/initial.h"
#include "generators/blocks/instance_norm.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

namespace ptk::generators {

namespace {

constexpr double epsilon = 1e-5;
constexpr std::int64_t no_padding = 0; // not the literal, which is a null pointer to an overload of conv2d()

/// Every value of @p values is multiplied with as many weights as one output (or input) of @p weight has.
void count(const at::Tensor& values, const at::Tensor& weight)
{
    if (weight.size(0) > 0)
        FlopCount::add(2.0 * static_cast<double>(values.numel()) *
                       (static_cast<double>(weight.numel()) / static_cast<double>(weight.size(0))));
}

} // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random, std::int64_t stride,
               bool with_bias)
    : stride_(stride), weight_(uniform_weights({out, in, kernel, kernel}, in * kernel * kernel, random))
{
    add_parameter("weight", weight_);
    if (!with_bias)
        return;
    bias_ = uniform_weights({out}, in * kernel * kernel, random);
    add_parameter("bias", bias_);
}

at::Tensor Conv2d::operator()(const at::Tensor& x, Activation activation) const
{
    if (weight_.size(2) != 3 || stride_ > 2)
        return counted(activate(at::conv2d(x, weight_, bias_, stride_, weight_.size(2) / 2), activation), activation);
    const auto kind = stride_ == 1 ? Convolution::Same : Convolution::Down;
    return counted(convolve(kind, x, weight_, bias_, activation, &kept_), activation);
}

at::Tensor Conv2d::doubled(const at::Tensor& x, Activation activation) const
{
    if (weight_.size(2) == 3 && stride_ == 1)
        return counted(convolve(Convolution::Doubled, x, weight_, bias_, activation, &kept_), activation);
    return (*this)(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}), activation);
}

at::Tensor Conv2d::counted(at::Tensor y, Activation activation) const
{
    count(y, weight_);
    if (activation == Activation::Relu)
        ActivationWatch::units(weight_, y);
    return y;
}

at::Tensor Conv2d::rectified(at::Tensor y) const
{
    ActivationWatch::units(weight_, y);
    return y;
}

void Conv2d::set_zero()
{
    const c10::NoGradGuard no_gradient;
    weight_.zero_();
    if (bias_.defined())
        bias_.zero_();
}

MirrorConv2d::MirrorConv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, at::Generator random,
                           std::int64_t groups)
    : groups_(groups),
      weight_(uniform_weights({out, in / groups, kernel, kernel}, in / groups * kernel * kernel, random)),
      bias_(uniform_weights({out}, in / groups * kernel * kernel, random))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor MirrorConv2d::operator()(const at::Tensor& x) const
{
    const auto margin = weight_.size(2) / 2;
    if (margin == 1 && groups_ == 1) {
        auto same = convolve(Convolution::Mirror, x, weight_, bias_, Activation::None, &kept_);
        count(same, weight_);
        return same;
    }
    auto y = at::conv2d(at::reflection_pad2d(x, {margin, margin, margin, margin}), weight_, bias_, 1, no_padding, 1,
                        groups_);
    count(y, weight_);
    return y;
}

PatchConv2d::PatchConv2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random)
    : weight_(uniform_weights({out, in, stride, stride}, in * stride * stride, random)),
      bias_(uniform_weights({out}, in * stride * stride, random))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor PatchConv2d::operator()(const at::Tensor& x) const
{
    auto y = at::conv2d(x, weight_, bias_, weight_.size(2));
    count(y, weight_);
    return y;
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t stride, at::Generator random,
                                 std::int64_t padding)
    : stride_(stride), padding_(padding)
{
    const auto kernel = stride + 2 * padding;
    // PyTorch counts the fan of a transposed convolution on the output channels, the second axis of its weight.
    weight_ = uniform_weights({in, out, kernel, kernel}, out * kernel * kernel, random);
    bias_ = uniform_weights({out}, out * kernel * kernel, random);
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor ConvTranspose2d::operator()(const at::Tensor& x, Activation activation) const
{
    count(x, weight_);
    if (stride_ == 2 && padding_ == 0)
        return convolve(Convolution::Up, x, weight_, bias_, activation);
    return activate(at::conv_transpose2d(x, weight_, bias_, stride_, padding_), activation);
}

Linear::Linear(std::int64_t in, std::int64_t out, at::Generator random, bool with_bias)
    : weight_(uniform_weights({out, in}, in, random))
{
    add_parameter("weight", weight_);
    if (!with_bias)
        return;
    bias_ = uniform_weights({out}, in, random);
    add_parameter("bias", bias_);
}

at::Tensor Linear::operator()(const at::Tensor& x) const
{
    auto y = at::linear(x, weight_, bias_);
    count(y, weight_);
    return y;
}

Conv1d::Conv1d(std::int64_t kernel, at::Generator random) : weight_(uniform_weights({1, 1, kernel}, kernel, random))
{
    add_parameter("weight", weight_);
}

at::Tensor Conv1d::operator()(const at::Tensor& x) const
{
    auto y = at::conv1d(x, weight_, {}, 1, weight_.size(2) / 2);
    count(y, weight_);
    return y;
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
    return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, is_training(), 0.1, epsilon, true);
}

InstanceNorm2d::InstanceNorm2d(std::int64_t channels)
    : weight_(at::ones({channels}, at::kFloat)), bias_(at::zeros({channels}, at::kFloat))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor InstanceNorm2d::operator()(const at::Tensor& x) const
{
    return instance_norm(x, weight_, bias_, epsilon);
}

LayerNorm2d::LayerNorm2d(std::int64_t channels)
    : weight_(at::ones({channels}, at::kFloat)), bias_(at::zeros({channels}, at::kFloat))
{
    add_parameter("weight", weight_);
    add_parameter("bias", bias_);
}

at::Tensor LayerNorm2d::operator()(const at::Tensor& x) const
{
    return at::group_norm(x, 1, weight_, bias_, epsilon);
}

RmsNorm::RmsNorm(std::int64_t width) : weight_(at::ones({width}, at::kFloat))
{
    add_parameter("weight", weight_);
}

at::Tensor RmsNorm::operator()(const at::Tensor& x) const
{
    return in_float32(x, [this](const at::Tensor& full) { return at::rms_norm(full, weight_.sizes(), weight_); });
}

} // namespace ptk::generators
