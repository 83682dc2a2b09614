#include "training/optimizer.h"

#include "base/error.h"
#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

/// The fused kernel knows real numbers only.
at::Tensor real_view(const at::Tensor& tensor)
{
    return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

void copy_moment(at::Tensor& target, const std::map<std::string, at::Tensor>& state, const std::string& name)
{
    const auto found = state.find(name);
    require(found != state.end(), Status::Format, "optimizer state: '{}' is missing", name);
    require(found->second.sizes().equals(target.sizes()), Status::Format,
            "optimizer state: '{}' has shape {}, expected {}", name, base::shape_of(found->second),
            base::shape_of(target));
    target.copy_(found->second);
}

/// LibTorch's fused kernels change tensors without counting it; who keeps what he made of a parameter (Kept)
/// looks at the count.
void count_change(const std::vector<at::Tensor>& tensors)
{
    for (const auto& tensor : tensors)
        tensor.unsafeGetTensorImpl()->bump_version();
}

constexpr double smallest_parameter_norm = 1e-3; ///< of adaptive clipping, so that zero parameters can move

config::Schema options(const std::vector<std::string>& names)
{
    return config::library_schema().only(names);
}

registry::Registry<GradientLimit> make_limits()
{
    registry::Registry<GradientLimit> all("gradient limit");
    all.add({.name = "norm",
             .summary = "all gradients by one factor, so that their norm together is at most the limit",
             .source = "Pascanu et al., ICML 2013",
             .options = options({"training.gradient_clip"})},
            GradientLimit::Norm);
    all.add({.name = "value",
             .summary = "each number into [-limit, limit]",
             .source = "Graves, arXiv:1308.0850 (2013)",
             .options = options({"training.gradient_clip"})},
            GradientLimit::Value);
    all.add({.name = "agc",
             .summary = "each tensor, so that its norm is at most the limit times its parameter's",
             .source = "Brock et al., arXiv:2102.06171 (2021), with whole tensors in the place of units",
             .options = options({"training.gradient_clip"})},
            GradientLimit::Adaptive);
    return all;
}

registry::Registry<Optimizer::Method> make_methods()
{
    registry::Registry<Optimizer::Method> all("optimizer");
    all.add({.name = "adam",
             .summary = "steps of the gradient's mean over the root of its mean square",
             .source = "Kingma & Ba, arXiv:1412.6980, algorithm 1",
             .options = options({"training.adam_beta1", "training.adam_beta2", "training.weight_decay"})},
            Optimizer::Method::Adam);
    all.add({.name = "adamw",
             .summary = "adam with weight decay apart from the gradient",
             .source = "Loshchilov & Hutter, arXiv:1711.05101",
             .options = options({"training.adam_beta1", "training.adam_beta2", "training.weight_decay"})},
            Optimizer::Method::AdamW);
    all.add({.name = "sgd",
             .summary = "gradient descent with Nesterov's momentum",
             .source = "Sutskever et al., ICML 2013",
             .options = options({"training.momentum", "training.weight_decay"})},
            Optimizer::Method::Sgd);
    return all;
}

void limit_each(const at::Tensor& gradient, const at::Tensor& parameter, double largest)
{
    const auto bound = parameter.norm().clamp_min(smallest_parameter_norm) * largest;
    gradient.mul_((bound / gradient.norm()).clamp_max(1));
}

} // namespace

const registry::Registry<GradientLimit>& builtin_gradient_limits()
{
    static const auto registry = make_limits();
    return registry;
}

const registry::Registry<Optimizer::Method>& builtin_optimizers()
{
    static const auto registry = make_methods();
    return registry;
}

Optimizer::Optimizer(std::vector<Parameter> parameters, const Options& options) : options_(options)
{
    const at::NoGradGuard no_gradient;
    for (auto& parameter : parameters) {
        const auto real = real_view(parameter.tensor);
        Moments moments{at::zeros_like(real), at::Tensor(), at::zeros({1}, real.options().dtype(at::kFloat))};
        if (options.method != Method::Sgd)
            moments.mean_square = at::zeros_like(real);
        slots_.push_back({std::move(parameter), std::move(moments)});
    }
}

void Optimizer::clear_gradients()
{
    for (auto& slot : slots_)
        slot.parameter.tensor.mutable_grad().reset();
}

std::vector<at::Tensor> Optimizer::gradients() const
{
    std::vector<at::Tensor> result;
    for (const auto& slot : slots_)
        if (const auto& gradient = slot.parameter.tensor.grad(); gradient.defined())
            result.push_back(real_view(gradient));
    return result;
}

double Optimizer::clip_gradients(double largest, GradientLimit by)
{
    const at::NoGradGuard no_gradient;
    const auto all = gradients();
    if (all.empty())
        return 0;
    const double norm = at::stack(at::_foreach_norm(all)).to(at::kDouble).norm().item<double>();
    if (!(largest > 0) || !std::isfinite(norm))
        return norm;
    if (by == GradientLimit::Value) {
        at::_foreach_clamp_max_(all, largest);
        at::_foreach_clamp_min_(all, -largest);
    }
    if (by == GradientLimit::Adaptive)
        for (const auto& slot : slots_)
            if (const auto& gradient = slot.parameter.tensor.grad(); gradient.defined())
                limit_each(real_view(gradient), real_view(slot.parameter.tensor), largest);
    if (by == GradientLimit::Norm && norm > largest)
        at::_foreach_mul_(all, largest / norm);
    return norm;
}

void Optimizer::step(double learning_rate)
{
    const at::NoGradGuard no_gradient;
    std::vector<at::Tensor> parameters, gradients, means, mean_squares, steps;
    for (const auto& slot : slots_) {
        const auto& gradient = slot.parameter.tensor.grad();
        if (!gradient.defined())
            continue;
        parameters.push_back(real_view(slot.parameter.tensor));
        gradients.push_back(real_view(gradient));
        means.push_back(slot.moments.mean);
        mean_squares.push_back(slot.moments.mean_square);
        steps.push_back(slot.moments.steps);
    }
    if (parameters.empty())
        return;
    at::_foreach_add_(steps, 1);
    count_change(parameters); // first, because they may have changed when a kernel throws
    const auto& o = options_;
    if (o.method == Method::Sgd) {
        if (o.momentum == 0)
            means.clear(); // LibTorch wants none
        // The momentum starts at zero, which makes the first step that of any other.
        at::_fused_sgd_(parameters, gradients, means, o.weight_decay, o.momentum, learning_rate, /*dampening=*/0,
                        /*nesterov=*/o.momentum > 0, /*maximize=*/false, /*is_first_step=*/false);
        return;
    }
    const auto adam = [&](auto&& update) {
        update(parameters, gradients, means, mean_squares, at::TensorList(), steps, learning_rate, o.beta1, o.beta2,
               o.weight_decay, o.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    };
    if (o.method == Method::AdamW)
        adam([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    else
        adam([](auto&&... arguments) { at::_fused_adam_(arguments...); });
}

Optimizer::Moments& Optimizer::moments(const std::string& parameter)
{
    for (auto& slot : slots_)
        if (slot.parameter.name == parameter)
            return slot.moments;
    fail(Status::NotFound, "optimizer: no parameter '{}'", parameter);
}

std::map<std::string, at::Tensor> Optimizer::state() const
{
    std::map<std::string, at::Tensor> state;
    for (const auto& slot : slots_) {
        state[slot.parameter.name + ".mean"] = slot.moments.mean;
        if (slot.moments.mean_square.defined())
            state[slot.parameter.name + ".mean_square"] = slot.moments.mean_square;
        state[slot.parameter.name + ".steps"] = slot.moments.steps;
    }
    return state;
}

void Optimizer::load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix)
{
    const at::NoGradGuard no_gradient;
    for (auto& slot : slots_) {
        const auto name = prefix + slot.parameter.name;
        copy_moment(slot.moments.mean, state, name + ".mean");
        if (slot.moments.mean_square.defined())
            copy_moment(slot.moments.mean_square, state, name + ".mean_square");
        copy_moment(slot.moments.steps, state, name + ".steps");
    }
}

} // namespace ptk::training
