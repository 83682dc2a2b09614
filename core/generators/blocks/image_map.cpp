#include "generators/blocks/image_map.h"

#include "base/error.h"
#include "generators/blocks/activation.h"
#include "generators/blocks/flops.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/workspace.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ptk::generators {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void run_step(const ImageMap::Step& step, const float* in, float* out, bool add)
{
    const auto depth = step.matrix.size(0), rows = step.matrix.size(1);
    const auto product = kernels::cpu::product_loop();
    for (std::int64_t o = 0; o < step.outer; ++o)
        product({.rows = rows,
                 .columns = step.columns,
                 .depth = depth,
                 .a = step.matrix.const_data_ptr<float>(),
                 .a_row = rows,
                 .b = in + o * depth * step.columns,
                 .b_row = step.columns,
                 .c = out + o * rows * step.columns,
                 .c_row = step.columns,
                 .add = add});
}

std::int64_t out_of(const ImageMap::Step& step)
{
    return step.outer * step.matrix.size(1) * step.columns;
}

/// Floats between the steps: two buffers that take turns.
std::int64_t largest_between(const std::vector<ImageMap::Step>& steps)
{
    std::int64_t largest = 0;
    for (std::size_t i = 0; i + 1 < steps.size(); ++i)
        largest = std::max(largest, out_of(steps[i]));
    return largest;
}

void run_image(const std::vector<ImageMap::Step>& steps, const float* in, float* out, bool add, float* buffer,
               std::int64_t size)
{
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const bool last = i + 1 == steps.size();
        float* target = last ? out : buffer + static_cast<std::int64_t>(i % 2) * size;
        run_step(steps[i], in, target, add && last);
        in = target;
    }
}

at::Tensor as_taken(const at::Tensor& x)
{
    return x.dim() == 4 ? pixel_by_pixel(x) : x.contiguous();
}

at::Tensor empty_as(at::IntArrayRef sizes)
{
    const auto format = sizes.size() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    return at::empty(sizes, at::TensorOptions(at::kFloat).memory_format(format));
}

/// A map in what a context can keep.
void keep(AutogradContext* context, const ImageMap& map)
{
    variable_list matrices;
    std::vector<std::int64_t> numbers;
    for (const auto& step : map.steps()) {
        matrices.push_back(step.matrix);
        numbers.insert(numbers.end(), {step.outer, step.columns});
    }
    context->save_for_backward(matrices);
    context->saved_data["numbers"] = numbers;
}

at::Tensor through_adjoint(AutogradContext* context, const at::Tensor& gradient)
{
    require_first_derivative();
    const auto matrices = context->get_saved_variables();
    const auto numbers = context->saved_data["numbers"].toIntVector();
    std::vector<ImageMap::Step> steps;
    for (std::size_t i = 0; i < matrices.size(); ++i)
        steps.push_back({matrices[i], numbers[2 * i], numbers[2 * i + 1]});
    const auto shape = context->saved_data["shape"].toIntVector();
    const auto map = ImageMap(std::move(steps)).adjoint();
    auto dx = empty_as(shape);
    map.run(as_taken(gradient), dx, false);
    return dx;
}

struct Mapped : torch::autograd::Function<Mapped> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const ImageMap& map)
    {
        keep(context, map);
        context->saved_data["shape"] = x.sizes().vec();
        auto y = at::empty({x.size(0), map.out()}, at::kFloat);
        map.run(x, y, false);
        return y;
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        return {through_adjoint(context, gradients[0]), {}};
    }
};

struct Added : torch::autograd::Function<Added> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& sum, const at::Tensor& x, const ImageMap& map)
    {
        keep(context, map);
        context->saved_data["shape"] = x.sizes().vec();
        context->mark_dirty({sum});
        map.run(x, sum, true);
        return sum;
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        return {gradients[0], through_adjoint(context, gradients[0]), {}};
    }
};

bool needs_gradient(const at::Tensor& x)
{
    return c10::GradMode::is_enabled() && x.requires_grad();
}

} // namespace

at::Tensor pixel_by_pixel(const at::Tensor& x)
{
    return x.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
}

ImageMap::ImageMap(std::vector<Step> steps) : steps_(std::move(steps))
{
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const auto& step = steps_[i];
        require(step.columns % kernels::cpu::product_columns == 0, Status::Internal,
                "image map: {} columns are no multiple of {}", step.columns, kernels::cpu::product_columns);
        require(i == 0 || out_of(steps_[i - 1]) == step.outer * step.matrix.size(0) * step.columns, Status::Internal,
                "image map: step {} does not take what the one before makes", i);
    }
}

std::int64_t ImageMap::in() const
{
    return steps_.front().outer * steps_.front().matrix.size(0) * steps_.front().columns;
}

std::int64_t ImageMap::out() const
{
    return out_of(steps_.back());
}

ImageMap ImageMap::adjoint() const
{
    std::vector<Step> steps;
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
        steps.push_back({step->matrix.t().contiguous(), step->outer, step->columns});
    return ImageMap(std::move(steps));
}

void ImageMap::run(const at::Tensor& x, const at::Tensor& y, bool add) const
{
    const auto images = x.size(0);
    require(x.numel() == images * in() && y.numel() == images * out(), Status::Internal,
            "image map: {} and {} floats for {} images of {} and {}", x.numel(), y.numel(), images, in(), out());
    for (const auto& step : steps_)
        FlopCount::add(2.0 * static_cast<double>(images * step.matrix.size(0)) * static_cast<double>(out_of(step)));
    const auto* from = x.const_data_ptr<float>();
    auto* to = y.mutable_data_ptr<float>();
    const auto between = largest_between(steps_);
    at::parallel_for(0, images, 1, [&](std::int64_t begin, std::int64_t end) {
        float* buffer =
            kernels::cpu::workspace(kernels::cpu::Workspace::Tiles, static_cast<std::size_t>(2 * between + 1));
        require(buffer != nullptr, Status::OutOfMemory, "image map: its workspace does not fit into memory");
        for (auto b = begin; b < end; ++b)
            run_image(steps_, from + b * in(), to + b * out(), add, buffer, between);
    });
}

at::Tensor ImageMap::operator()(const at::Tensor& x) const
{
    const auto images = as_taken(x);
    if (needs_gradient(images))
        return Mapped::apply(images, *this);
    auto y = at::empty({x.size(0), out()}, at::kFloat);
    run(images, y, false);
    return y;
}

at::Tensor ImageMap::add_to(const at::Tensor& sum, const at::Tensor& x) const
{
    const auto images = as_taken(x);
    if (needs_gradient(images) || needs_gradient(sum))
        return Added::apply(sum, images, *this);
    run(images, sum, true);
    return sum;
}

} // namespace ptk::generators
