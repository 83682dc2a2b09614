#include "generators/blocks/gates.h"

#include "generators/blocks/activation.h"
#include "generators/blocks/image_map.h"
#include "kernels/backend.h"
#include "kernels/cpu/gates.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/max_pool2d.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <limits>

namespace ptk::generators {

namespace {

using kernels::cpu::gate_kernels;
using kernels::cpu::ImageShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::array<std::int64_t, 2> plane{-2, -1};

ImageShape shape_of(const at::Tensor& x)
{
    return {x.size(2), x.size(3), x.size(1)};
}

std::int64_t image_size(const at::Tensor& x)
{
    return x.numel() / x.size(0);
}

at::Tensor empty_images(at::IntArrayRef sizes)
{
    return at::empty(sizes, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

at::Tensor empty_places(at::IntArrayRef sizes)
{
    return at::empty(sizes, at::kInt);
}

/// Calls @p work(b) for every image.
template <class Work> void for_images(const at::Tensor& x, Work&& work)
{
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto b = begin; b < end; ++b)
            work(b);
    });
}

float* floats(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.mutable_data_ptr<float>() + offset;
}

const float* values(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.const_data_ptr<float>() + offset;
}

std::int32_t* places(const at::Tensor& tensor, std::int64_t offset)
{
    return tensor.defined() ? tensor.mutable_data_ptr<std::int32_t>() + offset : nullptr;
}

bool is_plain(const at::Tensor& tensor)
{
    return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided;
}

bool is_ours(const at::Tensor& x)
{
    return kernels::backend() != kernels::Backend::Aten && is_plain(x) && x.dim() == 4 && x.numel() > 0 &&
           image_size(x) <= std::numeric_limits<std::int32_t>::max();
}

template <class... Tensors> bool needs_gradient(const Tensors&... tensors)
{
    return c10::GradMode::is_enabled() && (tensors.requires_grad() || ...);
}

// ---- mean and maximum of a channel ----

/// (2, B, C): means, then maxima. @param where  (B, C) int32, or undefined
at::Tensor statistics_of_channels(const at::Tensor& x, const at::Tensor& where)
{
    const auto channels = x.size(1);
    auto both = at::empty({2, x.size(0), channels}, at::kFloat);
    for_images(x, [&](std::int64_t b) {
        gate_kernels().channels(shape_of(x), values(x, b * image_size(x)), floats(both, b * channels),
                                floats(both, (x.size(0) + b) * channels), places(where, b * channels));
    });
    return both;
}

struct ChannelsFunction : torch::autograd::Function<ChannelsFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x)
    {
        const auto where = empty_places({x.size(0), x.size(1)});
        auto both = statistics_of_channels(x, where);
        context->save_for_backward({where});
        context->saved_data["sizes"] = x.sizes().vec();
        return both;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto where = context->get_saved_variables()[0];
        const auto gradient = gradients[0].contiguous();
        const auto dx = empty_images(context->saved_data["sizes"].toIntVector()).zero_();
        const auto channels = dx.size(1);
        for_images(dx, [&](std::int64_t b) {
            gate_kernels().channels_backward(shape_of(dx), values(gradient, b * channels),
                                             values(gradient, (dx.size(0) + b) * channels), places(where, b * channels),
                                             floats(dx, b * image_size(dx)));
        });
        return {dx};
    }
};

// ---- maximum and mean of a pixel ----

/// (B, 2, H, W). @param where  (B, H, W) int32, or undefined
at::Tensor statistics_of_pixels(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& where)
{
    const auto channels = x.size(1), width = x.size(3), rows = x.size(2), pixels = rows * width;
    auto both = at::empty({x.size(0), 2, rows, width}, at::kFloat);
    at::parallel_for(0, x.size(0) * rows, 16, [&](std::int64_t begin, std::int64_t end) {
        for (auto row = begin; row < end; ++row) {
            const auto b = row / rows, first = row % rows * width;
            gate_kernels().pixels(width, channels, values(x, (b * pixels + first) * channels),
                                  values(gate, b * channels), floats(both, 2 * b * pixels + first),
                                  floats(both, (2 * b + 1) * pixels + first), places(where, b * pixels + first));
        }
    });
    return both;
}

struct PixelsFunction : torch::autograd::Function<PixelsFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gate)
    {
        const auto where = empty_places({x.size(0), x.size(2), x.size(3)});
        auto both = statistics_of_pixels(x, gate, where);
        context->save_for_backward({x, gate, where});
        return both;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &gate = saved[1], &where = saved[2];
        const auto gradient = gradients[0].contiguous();
        const auto channels = x.size(1), pixels = x.size(2) * x.size(3);
        const auto dx = empty_images(x.sizes());
        const auto dgate = at::empty_like(gate);
        for_images(x, [&](std::int64_t b) {
            gate_kernels().pixels_backward(shape_of(x), values(x, b * image_size(x)), values(gate, b * channels),
                                           values(gradient, 2 * b * pixels), values(gradient, (2 * b + 1) * pixels),
                                           places(where, b * pixels), floats(dx, b * image_size(x)),
                                           floats(dgate, b * channels));
        });
        return {dx, dgate};
    }
};

// ---- both gates and the maximum of a square ----

at::Tensor maximum_of_squares(const at::Tensor& x, const at::Tensor& channel_gate, const at::Tensor& pixel_gate)
{
    const auto channels = x.size(1), pixels = x.size(2) * x.size(3), rows = x.size(2) / 2;
    auto y = empty_images({x.size(0), channels, rows, x.size(3) / 2});
    at::parallel_for(0, x.size(0) * rows, 8, [&](std::int64_t begin, std::int64_t end) {
        for (auto row = begin; row < end; ++row) {
            const auto b = row / rows;
            gate_kernels().pool(shape_of(x), values(x, b * image_size(x)), values(channel_gate, b * channels),
                                values(pixel_gate, b * pixels), row % rows, row % rows + 1,
                                floats(y, b * rows * y.size(3) * channels));
        }
    });
    return y;
}

struct MaximumFunction : torch::autograd::Function<MaximumFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& channel_gate,
                              const at::Tensor& pixel_gate)
    {
        context->save_for_backward({x, channel_gate, pixel_gate});
        return maximum_of_squares(x, channel_gate, pixel_gate);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &channel_gate = saved[1], &pixel_gate = saved[2];
        const auto gradient = pixel_by_pixel(gradients[0]);
        const auto channels = x.size(1), pixels = x.size(2) * x.size(3);
        const auto dx = empty_images(x.sizes());
        const auto dchannel = at::empty_like(channel_gate), dpixel = at::empty_like(pixel_gate);
        for_images(x, [&](std::int64_t b) {
            gate_kernels().pool_backward(shape_of(x), values(x, b * image_size(x)), values(channel_gate, b * channels),
                                         values(pixel_gate, b * pixels), values(gradient, b * image_size(gradient)),
                                         floats(dx, b * image_size(x)), floats(dchannel, b * channels),
                                         floats(dpixel, b * pixels));
        });
        return {dx, dchannel, dpixel};
    }
};

} // namespace

ChannelStatistics channel_statistics(const at::Tensor& x)
{
    if (!is_ours(x))
        return {x.mean(plane), std::get<0>(x.flatten(2).max(-1))};
    const auto image = pixel_by_pixel(x);
    const auto both = needs_gradient(x) ? ChannelsFunction::apply(image) : statistics_of_channels(image, {});
    return {both[0], both[1]};
}

at::Tensor pixel_statistics(const at::Tensor& x, const at::Tensor& gate)
{
    if (!is_ours(x) || !is_plain(gate)) {
        const auto gated = x * gate.unsqueeze(-1).unsqueeze(-1);
        return at::cat({std::get<0>(gated.max(1, true)), gated.mean(1, true)}, 1);
    }
    const auto image = pixel_by_pixel(x), factor = gate.contiguous();
    return needs_gradient(x, gate) ? PixelsFunction::apply(image, factor) : statistics_of_pixels(image, factor, {});
}

at::Tensor gated_maximum(const at::Tensor& x, const at::Tensor& channel_gate, const at::Tensor& pixel_gate)
{
    if (!is_ours(x) || !is_plain(channel_gate) || !is_plain(pixel_gate))
        return at::max_pool2d(x * channel_gate.unsqueeze(-1).unsqueeze(-1) * pixel_gate, 2);
    const auto image = pixel_by_pixel(x), of_channel = channel_gate.contiguous(), of_pixel = pixel_gate.contiguous();
    return needs_gradient(x, channel_gate, pixel_gate) ? MaximumFunction::apply(image, of_channel, of_pixel)
                                                       : maximum_of_squares(image, of_channel, of_pixel);
}

} // namespace ptk::generators
