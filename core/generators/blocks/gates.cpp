#include "generators/blocks/gates.h"

#include "generators/blocks/own_kernels.h"
#include "kernels/cpu/gates.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/max_pool2d.h>
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

std::int32_t* places(const at::Tensor& tensor, std::int64_t offset)
{
    return tensor.defined() ? tensor.mutable_data_ptr<std::int32_t>() + offset : nullptr;
}

/// Images that our kernels can take.
bool images_are_ours(const at::Tensor& x)
{
    return is_ours(x) && x.dim() == 4 && x.numel() > 0 && image_size(x) <= std::numeric_limits<std::int32_t>::max();
}

// ---- mean and maximum of a channel ----

/// (2, B, C): means, then maxima. @param where  (B, C) int32, or undefined
at::Tensor statistics_of_channels(const at::Tensor& x, const at::Tensor& where)
{
    const auto channels = x.size(1);
    auto both = at::empty({2, x.size(0), channels}, at::kFloat);
    for_images(x, [&](std::int64_t b) {
        gate_kernels().channels(shape_of(x), values(x, b * image_size(x)), targets(both, b * channels),
                                targets(both, (x.size(0) + b) * channels), places(where, b * channels));
    });
    return both;
}

/// The gradient by an image that was returned again, to be added to; nobody else has it.
at::Tensor own_gradient(const at::Tensor& gradient, at::IntArrayRef sizes)
{
    if (!gradient.defined())
        return empty_images(sizes).zero_();
    const bool ours = gradient.use_count() == 1 && gradient.is_contiguous(at::MemoryFormat::ChannelsLast) &&
                      gradient.scalar_type() == at::kFloat && !gradient.is_view();
    return ours ? gradient : empty_images(sizes).copy_(gradient);
}

struct ChannelsFunction : torch::autograd::Function<ChannelsFunction> {
    static variable_list forward(AutogradContext* context, const at::Tensor& x)
    {
        const auto where = empty_places({x.size(0), x.size(1)});
        auto both = statistics_of_channels(x, where);
        context->save_for_backward({where});
        context->saved_data["sizes"] = x.sizes().vec();
        context->set_materialize_grads(false);
        return {both, x};
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto where = context->get_saved_variables()[0];
        const auto dx = own_gradient(gradients[1], context->saved_data["sizes"].toIntVector());
        if (!gradients[0].defined())
            return {dx};
        const auto gradient = gradients[0].contiguous();
        const auto channels = dx.size(1);
        for_images(dx, [&](std::int64_t b) {
            gate_kernels().channels_backward(shape_of(dx), values(gradient, b * channels),
                                             values(gradient, (dx.size(0) + b) * channels), places(where, b * channels),
                                             targets(dx, b * image_size(dx)));
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
                                  values(gate, b * channels), targets(both, 2 * b * pixels + first),
                                  targets(both, (2 * b + 1) * pixels + first), places(where, b * pixels + first));
        }
    });
    return both;
}

struct PixelsFunction : torch::autograd::Function<PixelsFunction> {
    static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gate)
    {
        const auto where = empty_places({x.size(0), x.size(2), x.size(3)});
        auto both = statistics_of_pixels(x, gate, where);
        context->save_for_backward({x, gate, where});
        context->set_materialize_grads(false);
        return {both, x};
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &gate = saved[1], &where = saved[2];
        const auto dx = own_gradient(gradients[1], x.sizes());
        if (!gradients[0].defined())
            return {dx, {}};
        const auto gradient = gradients[0].contiguous();
        const auto channels = x.size(1), pixels = x.size(2) * x.size(3);
        const auto dgate = at::empty_like(gate);
        for_images(x, [&](std::int64_t b) {
            gate_kernels().pixels_backward(shape_of(x), values(x, b * image_size(x)), values(gate, b * channels),
                                           values(gradient, 2 * b * pixels), values(gradient, (2 * b + 1) * pixels),
                                           places(where, b * pixels), targets(dx, b * image_size(x)),
                                           targets(dgate, b * channels));
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
                                targets(y, b * rows * y.size(3) * channels));
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
                                         targets(dx, b * image_size(x)), targets(dchannel, b * channels),
                                         targets(dpixel, b * pixels));
        });
        return {dx, dchannel, dpixel};
    }
};

} // namespace

ChannelStatistics channel_statistics(const at::Tensor& x)
{
    if (!images_are_ours(x))
        return {x.mean(plane), std::get<0>(x.flatten(2).max(-1)), x};
    const auto image = pixel_by_pixel(x);
    const auto made =
        needs_gradient(x) ? ChannelsFunction::apply(image) : variable_list{statistics_of_channels(image, {}), image};
    return {made[0][0], made[0][1], made[1]};
}

PixelStatistics pixel_statistics(const at::Tensor& x, const at::Tensor& gate)
{
    if (!images_are_ours(x) || !is_ours(gate)) {
        const auto gated = x * gate.unsqueeze(-1).unsqueeze(-1);
        return {at::cat({std::get<0>(gated.max(1, true)), gated.mean(1, true)}, 1), x};
    }
    const auto image = pixel_by_pixel(x), factor = gate.contiguous();
    if (!needs_gradient(x, gate))
        return {statistics_of_pixels(image, factor, {}), image};
    const auto made = PixelsFunction::apply(image, factor);
    return {made[0], made[1]};
}

at::Tensor gated_maximum(const at::Tensor& x, const at::Tensor& channel_gate, const at::Tensor& pixel_gate)
{
    if (!images_are_ours(x) || !is_ours(channel_gate) || !is_ours(pixel_gate))
        return at::max_pool2d(x * channel_gate.unsqueeze(-1).unsqueeze(-1) * pixel_gate, 2);
    const auto image = pixel_by_pixel(x), of_channel = channel_gate.contiguous(), of_pixel = pixel_gate.contiguous();
    return needs_gradient(x, channel_gate, pixel_gate) ? MaximumFunction::apply(image, of_channel, of_pixel)
                                                       : maximum_of_squares(image, of_channel, of_pixel);
}

} // namespace ptk::generators
