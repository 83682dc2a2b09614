#include "generators/blocks/convolution.h"

#include "base/error.h"
#include "generators/blocks/autocast.h"
#include "generators/blocks/own_kernels.h"
#include "kernels/cpu/conv3x3.h"
#include "kernels/cpu/large_pages.h"
#include "kernels/cpu/resample.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
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

/// Pictures come out of few channels.
bool is_slim(Convolution kind, const at::Tensor& weight)
{
    return (kind == Convolution::Same || kind == Convolution::Doubled) && weight.size(0) <= 4;
}

/// As the kernels take it: pixel by pixel, nothing between the channels of a pixel and the next unless @p kind allows
/// it.
at::Tensor as_taken(Convolution kind, const at::Tensor& x)
{
    const auto stride = pixel_stride(x);
    const bool wide = kind == Convolution::Mirror || kind == Convolution::Doubled ||
                      (kind == Convolution::Same && !is_narrow(kind, x));
    const bool fits = stride == x.size(1) || (stride > 0 && wide);
    if (fits)
        return x;
    return pixel_by_pixel(x);
}

const ConvolutionKernels& kernels_of(Convolution kind, const at::Tensor& x, const at::Tensor& weight)
{
    if (is_narrow(kind, x))
        return kernels::cpu::narrow_kernels();
    if (is_slim(kind, weight))
        return kernels::cpu::slim_kernels();
    if (kind == Convolution::Down)
        return kernels::cpu::down_kernels();
    return kind == Convolution::Up ? kernels::cpu::up_kernels() : kernels::cpu::conv3x3_kernels();
}

ConvolutionShape shape_of(Convolution kind, const at::Tensor& x, const at::Tensor& weight)
{
    const auto out = weight.size(kind == Convolution::Up ? 1 : 0);
    const bool doubled = kind == Convolution::Doubled;
    const std::int64_t scale = doubled ? 2 : 1;
    return {x.size(0), scale * x.size(2), scale * x.size(3),           x.size(1),
            out,       pixel_stride(x),   kind == Convolution::Mirror, doubled};
}

/// Length of an axis of the result, from that of what is convolved.
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
/// @return (B, out, rows, columns), its contents undefined
at::Tensor empty_result(Convolution kind, const ConvolutionShape& shape)
{
    return empty_images({shape.batch, shape.out, length_of(kind, shape.height), length_of(kind, shape.width)});
}

/// Weights (out, in, 3, 3) as kernels::cpu::packed_conv3x3_kernels() takes them; null when there is no memory.
std::shared_ptr<const float> packed_weights(const at::Tensor& weight)
{
    const auto& kernels = kernels::cpu::packed_conv3x3_kernels();
    const ConvolutionShape shape{1, 1, 1, weight.size(1), weight.size(0), weight.size(1)};
    const auto count = static_cast<std::size_t>(kernels.size(shape));
    std::shared_ptr<float> packed(kernels::cpu::large_array(count), kernels::cpu::FreeArray());
    if (packed)
        kernels.pack(shape, data_of(weight), packed.get(), at::get_num_threads());
    return packed;
}

/// A prediction with weights that are kept; undefined when there are none for it.
at::Tensor predicted(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     Activation activation, KeptWeights* kept)
{
    const bool winograd = &kernels_of(kind, x, weight) == &kernels::cpu::conv3x3_kernels();
    if (!kept || !winograd)
        return {};
    const auto packed = kept->of(weight, weight.sizes(), [&] { return packed_weights(weight); });
    if (!packed)
        return {};
    const auto shape = shape_of(kind, x, weight);
    auto y = empty_result(kind, shape);
    require_memory(kernels::cpu::packed_conv3x3_kernels().forward(
        shape, data_of(x), packed.get(), data_of(bias), activation, target_of(y), nullptr, at::get_num_threads()));
    return y;
}

/// @param x     pixel by pixel
/// @param kept  gets what the backward pass needs of the activation, unless it is null
at::Tensor forward(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   Activation activation, at::Tensor* kept)
{
    const auto shape = shape_of(kind, x, weight);
    auto y = empty_result(kind, shape);
    at::Tensor slope;
    if (kept && activation == Activation::Gelu)
        slope = at::empty_like(y);
    require_memory(kernels_of(kind, x, weight)
                       .forward(shape, data_of(x), data_of(weight), data_of(bias), activation, target_of(y),
                                target_of(slope), at::get_num_threads()));
    if (kept && activation != Activation::None)
        *kept = activation == Activation::Gelu ? slope : y;
    return y;
}

/// A frame of zeros, one pixel wide, around images: pixel by pixel again.
at::Tensor framed(const at::Tensor& x)
{
    auto y = empty_images({x.size(0), x.size(1), x.size(2) + 2, x.size(3) + 2}).zero_();
    y.slice(2, 1, -1).slice(3, 1, -1).copy_(x);
    return y;
}

/// What lies in that frame is added to the pixels that it mirrors.
at::Tensor folded(const at::Tensor& y)
{
    const auto add_edges = [](const at::Tensor& images, int axis) {
        const auto last = images.size(axis) - 1;
        images.select(axis, 2).add_(images.select(axis, 0));
        images.select(axis, last - 2).add_(images.select(axis, last));
        return images.slice(axis, 1, last);
    };
    return add_edges(add_edges(y, 2), 3);
}

/// An activation's gradient on the way back. @param kept  what forward() kept
at::Tensor through(Activation activation, const at::Tensor& dy, const at::Tensor& kept)
{
    if (activation == Activation::None)
        return dy;
    return activation == Activation::Relu ? at::threshold_backward(dy, kept, 0) : dy * kept;
}

/// Gradient of a mirrored convolution by its input.
at::Tensor gradient_by_mirrored(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& dz)
{
    const auto dy = framed(dz);
    auto dx = empty_images({x.size(0), x.size(1), dy.size(2), dy.size(3)});
    const ConvolutionShape shape{x.size(0), dy.size(2), dy.size(3), x.size(1), dy.size(1), x.size(1)};
    require_memory(kernels::cpu::conv3x3_kernels().backward(shape, nullptr, data_of(weight), Activation::None, nullptr,
                                                            data_of(dy), target_of(dx), nullptr, nullptr,
                                                            at::get_num_threads()));
    return folded(dx);
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
        const auto dy = as_taken(Convolution::Down, gradients[0]);
        const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
        at::Tensor dx, dweight, dbias, mirrored_dx;
        if (context->needs_input_grad(0) && kind == Convolution::Mirror)
            mirrored_dx = gradient_by_mirrored(x, weight, through(activation, dy, saved[2]));
        else if (context->needs_input_grad(0))
            dx = empty_images(x.sizes());
        if (context->needs_input_grad(1))
            dweight = at::empty(weight.sizes(), at::kFloat);
        // Inputs that were not given have no number.
        if (context->saved_data["bias"].toBool() && context->needs_input_grad(2))
            dbias = at::empty({shape.out}, at::kFloat);
        require_memory(kernels_of(kind, x, weight)
                           .backward(shape, data_of(x), data_of(weight), activation, data_of(saved[2]), data_of(dy),
                                     target_of(dx), target_of(dweight), target_of(dbias), at::get_num_threads()));
        return {{}, mirrored_dx.defined() ? mirrored_dx : dx, dweight, dbias, {}};
    }
};

/// Sizes that our kernels are made for: the sums of a weight gradient fit into memory, something is to be done. What is
/// wrong altogether is left to LibTorch to say.
bool is_possible(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    const auto side = kind == Convolution::Up ? 2 : 3;
    const auto out = kind == Convolution::Up ? 1 : 0;
    const bool large = kind != Convolution::Mirror || (x.dim() == 4 && x.size(2) > 1 && x.size(3) > 1);
    return large && is_ours(x) && is_ours(weight) && x.dim() == 4 && weight.dim() == 4 && x.numel() > 0 &&
           weight.numel() > 0 && x.size(1) == weight.size(1 - out) && weight.size(2) == side &&
           weight.size(3) == side && weight.size(0) * weight.size(1) <= 1024 * 1024 &&
           (!bias.defined() ||
            (is_ours(bias) && bias.dim() == 1 && bias.size(0) == weight.size(out) && bias.is_contiguous()));
}

/// Winograd's transform of the weights is work that LibTorch does not have, and nine weights become thirty-six to be
/// read: with few pixels and many channels LibTorch is faster. Measured (tests/benchmark/kernels, "small"): 64 channels
/// from 16 pixels on, 256 from about 256 on, 16 always ours; with weights that are kept from the last prediction only
/// reading them counts.
bool are_enough_pixels(Convolution kind, const at::Tensor& x, const at::Tensor& weight, bool weights_are_kept)
{
    if (&kernels_of(kind, x, weight) != &kernels::cpu::conv3x3_kernels())
        return true;
    const auto scale = kind == Convolution::Doubled ? 4 : 1;
    const auto pixels = scale * x.size(0) * x.size(2) * x.size(3);
    const std::int64_t most = weights_are_kept ? 16 : 256;
    return pixels >= std::min(most, weight.size(0) * weight.size(1) / 256);
}

bool kernels_win(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                 Activation activation, bool weights_are_kept)
{
    // The golden numbers of a network with batch norm in training magnify the last digits of its first convolution:
    // with our sums there one output misses its bound (1.9e-4 against 1.6e-4), with LibTorch's slower ones it does not.
    // Where a norm follows there is no activation yet.
    const bool raw = kind == Convolution::Same && x.dim() == 4 && x.size(1) == 1 && activation == Activation::None;
    return !raw && is_possible(kind, x, weight, bias) && are_enough_pixels(kind, x, weight, weights_are_kept);
}

at::Tensor with_aten(Convolution kind, const at::Tensor& given, const at::Tensor& weight, const at::Tensor& bias)
{
    // What has instructions for bfloat16 wants the channels of a pixel together.
    const auto x = in_bfloat16(given) && given.dim() == 4 ? given.contiguous(channels_last) : given;
    if (kind == Convolution::Up)
        return at::conv_transpose2d(x, weight, bias, 2);
    if (kind == Convolution::Mirror)
        return at::conv2d(at::reflection_pad2d(x, {1, 1, 1, 1}), weight, bias);
    return at::conv2d(x, weight, bias, kind == Convolution::Down ? 2 : 1, 1);
}

} // namespace

at::Tensor convolve(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    Activation activation, KeptWeights* kept)
{
    const bool predicts = !needs_gradient(x, weight, bias);
    const bool doubled = kind == Convolution::Doubled;
    const bool ours = kernels_win(kind, x, weight, bias, activation, /*weights_are_kept=*/kept && predicts) &&
                      !(doubled && is_narrow(Convolution::Same, x));
    if (!ours && doubled)
        return convolve(Convolution::Same, at::upsample_nearest2d(x, {2 * x.size(-2), 2 * x.size(-1)}), weight, bias,
                        activation, kept);
    if (!ours)
        return activate(with_aten(kind, x, weight, bias), activation);
    const auto images = as_taken(kind, x);
    const auto filters = weight.contiguous();
    if (predicts) {
        auto y = predicted(kind, images, filters, bias, activation, kept);
        return y.defined() ? y : forward(kind, images, filters, bias, activation, nullptr);
    }
    std::optional<at::Tensor> given;
    if (bias.defined())
        given = bias;
    return Differentiable::apply(kind, images, filters, given, activation);
}

} // namespace ptk::generators
