#include "training/probe_parameter.h"

#include "physics/probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

/// Of the modulus over all modes and pixels.
double root_mean_square(const at::Tensor& real_pairs)
{
    return std::sqrt(2 * real_pairs.to(at::kDouble).square().mean().item<double>());
}

} // namespace

ProbeParameter::ProbeParameter(const at::Tensor& probe, at::Tensor mask) : mask_(std::move(mask))
{
    const auto pairs = at::view_as_real(probe.detach().resolve_conj());
    unit_ = root_mean_square(pairs);
    value_ = (pairs / unit_).contiguous().requires_grad_(true);
    const auto centre = physics::centre_of_mass(probe);
    row_ = centre.row;
    column_ = centre.column;
}

at::Tensor ProbeParameter::probe() const
{
    return at::view_as_complex(value_ * unit_);
}

void ProbeParameter::restore_power()
{
    const at::NoGradGuard no_gradient;
    if (mask_.defined())
        value_.mul_(mask_.unsqueeze(-1));
    value_.div_(root_mean_square(value_));
}

ProbeParameter::Shift ProbeParameter::drift() const
{
    const at::NoGradGuard no_gradient;
    const auto centre = physics::centre_of_mass(at::view_as_complex(value_.detach()));
    return {std::llround(row_ - centre.row), std::llround(column_ - centre.column)};
}

void ProbeParameter::move(const Shift& shift)
{
    const at::NoGradGuard no_gradient;
    value_.copy_(at::roll(value_, {shift.rows, shift.columns}, {1, 2}));
}

std::map<std::string, at::Tensor> ProbeParameter::state() const
{
    return {{"value", value_.detach()}, {"gauge", at::tensor({unit_, row_, column_}, at::kDouble)}};
}

void ProbeParameter::load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix)
{
    const at::NoGradGuard no_gradient;
    const auto value = state.find(prefix + "value"), gauge = state.find(prefix + "gauge");
    require(value != state.end() && gauge != state.end(), Status::Format,
            "trained probe: '{0}value' or '{0}gauge' is missing", prefix);
    require(value->second.sizes().equals(value_.sizes()) && gauge->second.numel() == 3, Status::Format,
            "trained probe: '{}value' has another shape than the probe of the model", prefix);
    value_.copy_(value->second);
    unit_ = gauge->second[0].item<double>();
    row_ = gauge->second[1].item<double>();
    column_ = gauge->second[2].item<double>();
}

} // namespace ptk::training
