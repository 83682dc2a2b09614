#include "generators/blocks/activation.h"

#include "base/error.h"
#include "kernels/backend.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ptk::generators {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// @param x      dense
/// @param slope  the derivative in x's layout, unless it is undefined
at::Tensor own_gelu(const at::Tensor& x, const at::Tensor& slope)
{
    auto y = at::empty_like(x);
    const auto loop = kernels::cpu::gelu_loop();
    const float* in = x.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    float* derivative = slope.defined() ? slope.mutable_data_ptr<float>() : nullptr;
    at::parallel_for(0, x.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
        loop(in + begin, end - begin, out + begin, derivative ? derivative + begin : nullptr);
    });
    return y;
}

struct DifferentiableGelu : torch::autograd::Function<DifferentiableGelu> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x)
    {
        const auto slope = at::empty_like(x);
        auto y = own_gelu(x, slope);
        context->save_for_backward({slope});
        return y;
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        return {gradients[0] * context->get_saved_variables()[0]};
    }
};

/// x + GELU(z). @param slope  as for own_gelu()
at::Tensor own_residual_gelu(const at::Tensor& x, const at::Tensor& z, const at::Tensor& slope)
{
    auto y = at::empty_like(z);
    const auto loop = kernels::cpu::gelu_loop();
    const float* in = z.const_data_ptr<float>();
    const float* base = x.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    float* derivative = slope.defined() ? slope.mutable_data_ptr<float>() : nullptr;
    constexpr std::int64_t piece = 4096; // stays in the nearest cache between the two loops
    at::parallel_for(0, x.numel(), 4 * piece, [&](std::int64_t begin, std::int64_t end) {
        for (auto first = begin; first < end; first += piece) {
            const auto last = std::min(first + piece, end);
            loop(in + first, last - first, out + first, derivative ? derivative + first : nullptr);
            for (auto i = first; i < last; ++i)
                out[i] += base[i];
        }
    });
    return y;
}

struct ResidualGelu : torch::autograd::Function<ResidualGelu> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& z)
    {
        const auto slope = at::empty_like(z);
        auto y = own_residual_gelu(x, z, slope);
        context->save_for_backward({slope});
        return y;
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        return {gradients[0], gradients[0] * context->get_saved_variables()[0]};
    }
};

bool is_ours(const at::Tensor& x)
{
    return kernels::backend() != kernels::Backend::Aten && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
           x.layout() == at::kStrided;
}

} // namespace

void require_first_derivative()
{
    require(!c10::GradMode::is_enabled(), Status::Unsupported,
            "our kernels have no second derivative; set kernels = aten");
}

at::Tensor activate(const at::Tensor& x, Activation activation)
{
    if (activation == Activation::None)
        return x;
    if (activation == Activation::Relu)
        return at::relu(x);
    if (!is_ours(x))
        return at::gelu(x);
    const auto dense = x.is_non_overlapping_and_dense() ? x : x.contiguous();
    if (c10::GradMode::is_enabled() && x.requires_grad())
        return DifferentiableGelu::apply(dense);
    return own_gelu(dense, at::Tensor());
}

at::Tensor residual_gelu(const at::Tensor& x, const at::Tensor& z)
{
    const bool alike = is_ours(x) && is_ours(z) && x.sizes().equals(z.sizes()) && x.strides().equals(z.strides()) &&
                       x.is_non_overlapping_and_dense();
    if (!alike)
        return x + activate(z, Activation::Gelu);
    if (c10::GradMode::is_enabled() && (x.requires_grad() || z.requires_grad()))
        return ResidualGelu::apply(x, z);
    return own_residual_gelu(x, z, at::Tensor());
}

} // namespace ptk::generators
