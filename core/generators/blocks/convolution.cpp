#include "generators/blocks/convolution.h"

#include "base/error.h"
#include "kernels/backend.h"
#include "kernels/cpu/conv3x3.h"
#include "kernels/cpu/resample.h"

#include <ATen/Parallel.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace ptk::generators {

namespace {

using kernels::cpu::ConvolutionKernels;
using kernels::cpu::ConvolutionShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto channels_last = at::MemoryFormat::ChannelsLast;

/// Floats from one pixel to the next when x lies in memory pixel by pixel, all channels of a pixel together; 0
/// otherwise. Strides of axes of length 1 mean nothing.
std::int64_t pixel_stride(const at::Tensor& x)
{
    const auto batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    auto stride = channels;
    if (width > 1)
        stride = x.stride(3);
    else if (height > 1)
        stride = x.stride(2);
    else if (batch > 1)
        stride = x.stride(0);
    const bool fits = stride >= channels && (channels == 1 || x.stride(1) == 1) &&
                      (height == 1 || x.stride(2) == width * stride) &&
                      (batch == 1 || x.stride(0) == height * width * stride);
    return fits ? stride : 0;
}

/// Frames and what is made of them come in few channels.
bool is_narrow(Convolution kind, const at::Tensor& x)
{
    return kind == Convolution::Same && x.size(1) <= 4;
}

/// As the kernels take it: pixel by pixel, nothing between the channels of a pixel and the next unless @p kind allows
/// it.
at::Tensor pixel_by_pixel(Convolution kind, const at::Tensor& x)
{
    const auto stride = pixel_stride(x);
    const bool fits = stride == x.size(1) || (stride > 0 && kind == Convolution::Same && !is_narrow(kind, x));
    if (fits)
        return x;
    // Of a tensor with one channel, contiguous() may keep other strides.
    return x.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
}

at::Tensor empty_images(std::int64_t batch, std::int64_t channels, std::int64_t height, std::int64_t width)
{
    return at::empty({batch, channels, height, width}, at::TensorOptions(at::kFloat).memory_format(channels_last));
}

const ConvolutionKernels& kernels_of(Convolution kind, const at::Tensor& x)
{
    if (is_narrow(kind, x))
        return kernels::cpu::narrow_kernels();
    if (kind == Convolution::Down)
        return kernels::cpu::down_kernels();
    return kind == Convolution::Up ? kernels::cpu::up_kernels() : kernels::cpu::conv3x3_kernels();
}

ConvolutionShape shape_of(Convolution kind, const at::Tensor& x, const at::Tensor& weight)
{
    const auto out = weight.size(kind == Convolution::Up ? 1 : 0);
    return {x.size(0), x.size(2), x.size(3), x.size(1), out, pixel_stride(x)};
}

/// Length of an axis of the result.
std::int64_t length_of(Convolution kind, std::int64_t length)
{
    if (kind == Convolution::Down)
        return (length + 1) / 2;
    return kind == Convolution::Up ? 2 * length : length;
}

const float* data_of(const at::Tensor& tensor)
{
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

float* target_of(at::Tensor& tensor)
{
    return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}

void require_memory(bool complete)
{
    require(complete, Status::OutOfMemory, "a convolution's workspace does not fit into memory");
}

/// @param x     pixel by pixel
/// @param kept  gets what the backward pass needs of the activation, unless it is null
at::Tensor forward(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   Activation activation, at::Tensor* kept)
{
    const auto shape = shape_of(kind, x, weight);
    auto y = empty_images(shape.batch, shape.out, length_of(kind, shape.height), length_of(kind, shape.width));
    at::Tensor slope;
    if (kept && activation == Activation::Gelu)
        slope = at::empty_like(y);
    require_memory(kernels_of(kind, x).forward(shape, data_of(x), data_of(weight), data_of(bias), activation,
                                               target_of(y), target_of(slope), at::get_num_threads()));
    if (kept && activation != Activation::None)
        *kept = activation == Activation::Gelu ? slope : y;
    return y;
}

struct Differentiable : torch::autograd::Function<Differentiable> {
    static at::Tensor forward(AutogradContext* context, Convolution kind, const at::Tensor& x, const at::Tensor& weight,
                              const std::optional<at::Tensor>& bias, Activation activation)
    {
        at::Tensor kept;
        auto y = generators::forward(kind, x, weight, bias.value_or(at::Tensor()), activation, &kept);
        context->saved_data["bias"] = bias.has_value();
        context->save_for_backward({x, weight, kept});
        context->saved_data["kind"] = static_cast<std::int64_t>(kind);
        context->saved_data["activation"] = static_cast<std::int64_t>(activation);
        return y;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto saved = context->get_saved_variables();
        const auto& x = saved[0];
        const auto& weight = saved[1];
        const auto kind = static_cast<Convolution>(context->saved_data["kind"].toInt());
        const auto shape = shape_of(kind, x, weight);
        const auto dy = pixel_by_pixel(Convolution::Down, gradients[0]);
        at::Tensor dx, dweight, dbias;
        if (context->needs_input_grad(0))
            dx = empty_images(shape.batch, shape.in, shape.height, shape.width);
        if (context->needs_input_grad(1))
            dweight = at::empty(weight.sizes(), at::kFloat);
        // Inputs that were not given have no number.
        if (context->saved_data["bias"].toBool() && context->needs_input_grad(2))
            dbias = at::empty({shape.out}, at::kFloat);
        const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
        require_memory(kernels_of(kind, x).backward(shape, data_of(x), data_of(weight), activation, data_of(saved[2]),
                                                    data_of(dy), target_of(dx), target_of(dweight), target_of(dbias),
                                                    at::get_num_threads()));
        return {{}, dx, dweight, dbias, {}};
    }
};

bool is_plain(const at::Tensor& tensor)
{
    return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided;
}

/// Sizes that our kernels are made for: the sums of a weight gradient fit into memory, something is to be done. What is
/// wrong altogether is left to LibTorch to say.
bool is_possible(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    const auto side = kind == Convolution::Up ? 2 : 3;
    const auto out = kind == Convolution::Up ? 1 : 0;
    return is_plain(x) && is_plain(weight) && x.dim() == 4 && weight.dim() == 4 && x.numel() > 0 &&
           weight.numel() > 0 && x.size(1) == weight.size(1 - out) && weight.size(2) == side &&
           weight.size(3) == side && weight.size(0) * weight.size(1) <= 1024 * 1024 &&
           (!bias.defined() ||
            (is_plain(bias) && bias.dim() == 1 && bias.size(0) == weight.size(out) && bias.is_contiguous()));
}

bool is_ours(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    // The golden numbers of a network with batch norm in training magnify the last digits of its first convolution:
    // with our sums there one output misses its bound (1.9e-4 against 1.6e-4), with LibTorch's slower ones it does not.
    const bool raw = kind == Convolution::Same && x.dim() == 4 && x.size(1) == 1;
    return kernels::backend() != kernels::Backend::Aten && !raw && is_possible(kind, x, weight, bias);
}

at::Tensor with_aten(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    if (kind == Convolution::Up)
        return at::conv_transpose2d(x, weight, bias, 2);
    return at::conv2d(x, weight, bias, kind == Convolution::Down ? 2 : 1, 1);
}

} // namespace

at::Tensor convolve(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    Activation activation)
{
    if (!is_ours(kind, x, weight, bias))
        return activate(with_aten(kind, x, weight, bias), activation);
    const auto images = pixel_by_pixel(kind, x);
    const auto filters = weight.contiguous();
    const bool differentiable = c10::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() ||
                                                                (bias.defined() && bias.requires_grad()));
    if (!differentiable)
        return forward(kind, images, filters, bias, activation, nullptr);
    std::optional<at::Tensor> given;
    if (bias.defined())
        given = bias;
    return Differentiable::apply(kind, images, filters, given, activation);
}

} // namespace ptk::generators
