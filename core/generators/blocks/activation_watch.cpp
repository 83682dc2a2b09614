#include "generators/blocks/activation_watch.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace ptk::generators {

namespace {

thread_local ActivationWatch* watching = nullptr;

constexpr double at_an_end = 1e-3; ///< of the range
constexpr double silu_is_flat = -6;

} // namespace

ActivationWatch::ActivationWatch() : outer_(watching)
{
    watching = this;
}

ActivationWatch::~ActivationWatch()
{
    watching = outer_;
}

bool ActivationWatch::active() noexcept
{
    return watching != nullptr;
}

void ActivationWatch::units(const at::Tensor& weight, const at::Tensor& y)
{
    if (!active())
        return;
    const c10::NoGradGuard no_gradient;
    const auto largest = y.amax(at::IntArrayRef({0, 2, 3}));
    auto& layers = watching->layers_;
    const auto known =
        std::find_if(layers.begin(), layers.end(), [&](const Layer& layer) { return layer.weight.is_same(weight); });
    if (known == layers.end())
        layers.push_back({weight, largest});
    else
        known->largest = at::maximum(known->largest, largest);
}

void ActivationWatch::ends(const char* name, const at::Tensor& limits, const at::Tensor& y)
{
    const double low = limits[0].item<double>(), high = limits[1].item<double>();
    if (!active() || !std::isfinite(low) || !std::isfinite(high))
        return;
    const double margin = at_an_end * (high - low);
    watching->add(name, (y <= low + margin).logical_or(y >= high - margin));
}

void ActivationWatch::silu(const char* name, const at::Tensor& x)
{
    if (active())
        watching->add(name, x < silu_is_flat);
}

void ActivationWatch::add(const char* name, const at::Tensor& saturated)
{
    auto& share = shares_[name];
    share.saturated += saturated.sum().item<double>();
    share.values += static_cast<double>(saturated.numel());
}

} // namespace ptk::generators
