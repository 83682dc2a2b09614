#include "training/optimizer.h"

#include "base/error.h"
#include "base/text.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
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
    const auto text = [](const at::Tensor& tensor) {
        return base::shape_text({tensor.sizes().begin(), tensor.sizes().end()});
    };
    require(found->second.sizes().equals(target.sizes()), Status::Format,
            "optimizer state: '{}' has shape {}, expected {}", name, text(found->second), text(target));
    target.copy_(found->second);
}

} // namespace

Adam::Adam(std::vector<Parameter> parameters, const Options& options) : options_(options)
{
    const at::NoGradGuard no_gradient;
    for (auto& parameter : parameters) {
        const auto real = real_view(parameter.tensor);
        Moments moments{at::zeros_like(real), at::zeros_like(real), at::zeros({1}, real.options().dtype(at::kFloat))};
        slots_.push_back({std::move(parameter), std::move(moments)});
    }
}

void Adam::clear_gradients()
{
    for (auto& slot : slots_)
        slot.parameter.tensor.mutable_grad().reset();
}

std::vector<at::Tensor> Adam::gradients() const
{
    std::vector<at::Tensor> result;
    for (const auto& slot : slots_)
        if (const auto& gradient = slot.parameter.tensor.grad(); gradient.defined())
            result.push_back(real_view(gradient));
    return result;
}

double Adam::clip_gradients(double largest)
{
    const at::NoGradGuard no_gradient;
    const auto all = gradients();
    if (all.empty())
        return 0;
    const double norm = at::stack(at::_foreach_norm(all)).to(at::kDouble).norm().item<double>();
    if (largest > 0 && norm > largest && std::isfinite(norm))
        at::_foreach_mul_(all, largest / norm);
    return norm;
}

void Adam::step(double learning_rate)
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
    at::_fused_adam_(parameters, gradients, means, mean_squares, {}, steps, learning_rate, options_.beta1,
                     options_.beta2, options_.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

Adam::Moments& Adam::moments(const std::string& parameter)
{
    for (auto& slot : slots_)
        if (slot.parameter.name == parameter)
            return slot.moments;
    fail(Status::NotFound, "optimizer: no parameter '{}'", parameter);
}

std::map<std::string, at::Tensor> Adam::state() const
{
    std::map<std::string, at::Tensor> state;
    for (const auto& slot : slots_) {
        state[slot.parameter.name + ".mean"] = slot.moments.mean;
        state[slot.parameter.name + ".mean_square"] = slot.moments.mean_square;
        state[slot.parameter.name + ".steps"] = slot.moments.steps;
    }
    return state;
}

void Adam::load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix)
{
    const at::NoGradGuard no_gradient;
    for (auto& slot : slots_) {
        const auto name = prefix + slot.parameter.name;
        copy_moment(slot.moments.mean, state, name + ".mean");
        copy_moment(slot.moments.mean_square, state, name + ".mean_square");
        copy_moment(slot.moments.steps, state, name + ".steps");
    }
}

} // namespace ptk::training
