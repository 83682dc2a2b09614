#include "training/ptychopinn_physics.h"

#include "base/error.h"
#include "base/shape.h"
#include "training/losses.h"
#include "training/sums.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

constexpr double added_to_mean = 1e-8; ///< the reference's, in the losses' denominators
/// Rates below count as this: a count at rate zero would have an infinite loss. Far below a rounding error.
constexpr double smallest_rate = 1e-37;

at::Tensor mean_likelihood(const at::Tensor& rate, const at::Tensor& value)
{
    return sum_of_each(poisson_of_pixels(rate, value, smallest_rate)).mean();
}

std::vector<std::string> names_of(const model::PtychoPinnSettings& settings)
{
    if (settings.model == model::PhysicsModel::Rectangular)
        return {"s1", "s2"};
    return settings.alpha_beta ? std::vector<std::string>{"alpha", "beta"} : std::vector<std::string>{};
}

/// k of the rectangular model: from the normalised probe to the one that makes counts.
double rectangular_scale(const model::PtychoPinnSettings& settings, double probe_factor, double physics_scale)
{
    if (settings.count_intensity)
        return 1 / probe_factor;
    return std::sqrt(1 / (probe_factor * probe_factor * physics_scale + 1e-9)); // 1e-9: the reference's
}

} // namespace

PtychoPinnPhysics::PtychoPinnPhysics(const model::PtychoPinnSettings& settings, const PtychoPinnStatistics& statistics,
                                     at::Tensor probe, at::Tensor mask, std::map<std::string, at::Tensor> factors)
    : settings_(settings), statistics_(statistics), probe_(std::move(probe)), mask_(std::move(mask)),
      factors_(std::move(factors))
{
    require(probe_.dim() == 3 && probe_.is_complex(), Status::Shape, "probe: expected complex (P, N, N), found {}",
            base::shape_of(probe_));
    for (const auto& name : names_of(settings_))
        require(factors_.contains(name), Status::State, "physics.model: the model has no factor '{}'", name);
}

std::map<std::string, at::Tensor> PtychoPinnPhysics::factors_of(const model::PtychoPinnSettings& settings,
                                                                const std::map<std::string, at::Tensor>& kept,
                                                                c10::Device device)
{
    std::map<std::string, at::Tensor> factors;
    for (const auto& name : names_of(settings)) {
        const auto found = kept.find(name);
        factors[name] = found != kept.end() ? found->second.detach().clone()
                                            : at::ones({1}, at::TensorOptions(at::kFloat).device(device));
    }
    return factors;
}

at::Tensor PtychoPinnPhysics::predicted(const at::Tensor& patches, const at::Tensor& relative,
                                        const at::Tensor& input_scale, const at::Tensor& experiment) const
{
    const auto which =
        experiment.defined() ? experiment : at::zeros({patches.size(0)}, patches.options().dtype(at::kLong));
    const auto factor = [&](const char* name) {
        const auto found = factors_.find(name);
        return found == factors_.end() ? at::Tensor() : found->second.index_select(0, which);
    };
    physics::PtychoPinnForward options;
    options.merge = settings_.merge;
    options.padded = settings_.padded;
    options.probe_scale = settings_.probe_scale;
    options.mask = mask_;
    if (rectangular()) {
        options.scale = at::full({1, 1, 1, 1}, output_scale(), patches.options().dtype(at::kFloat));
        options.s1 = factor("s1");
        options.s2 = factor("s2");
        return physics::rectangular_forward(patches, relative, probe_, options);
    }
    options.gain = settings_.gain;
    options.scale = input_scale;
    options.alpha = factor("alpha");
    options.beta = factor("beta");
    return physics::amplitude_forward(patches, relative, probe_, options);
}

at::Tensor PtychoPinnPhysics::loss(const at::Tensor& predicted, const at::Tensor& amplitude,
                                   const at::Tensor& good) const
{
    require(predicted.sizes().equals(amplitude.sizes()), Status::Shape,
            "loss: the prediction has shape {}, the measurement {}; expected the same", base::shape_of(predicted),
            base::shape_of(amplitude));
    // The reference's amplitude form is one of float32, which shows: lgamma(v + 1) of its small v.
    const auto type = rectangular() || !settings_.poisson ? at::kDouble : at::kFloat;
    auto prediction = predicted.to(type), measured = amplitude.to(type);
    auto pixels = static_cast<double>(amplitude.numel());
    if (good.defined()) {
        const auto counted = good.ne(0);
        prediction = at::where(counted, prediction, 0);
        measured = at::where(counted, measured, 0);
        pixels *= counted.to(at::kDouble).mean().item<double>();
    }
    return rectangular() ? rectangular_loss(prediction, measured.square(), pixels)
                         : amplitude_loss(prediction, measured, pixels);
}

at::Tensor PtychoPinnPhysics::amplitude_loss(const at::Tensor& predicted, const at::Tensor& measured,
                                             double pixels) const
{
    const double unit = settings_.loss_in_counts ? 1 : statistics_.physics_scale;
    const auto mean = measured.sum(at::kDouble) / pixels * (settings_.loss_in_counts ? statistics_.input_scale : 1);
    const auto value = measured * unit;
    auto rate = predicted * unit;
    if (settings_.poisson)
        return mean_likelihood(rate.square(), value.square()) / (mean + added_to_mean);
    if (settings_.match_norm)
        rate = rate * norm_match(rate.square(), value);
    return (rate - value).abs().sum() / pixels / (mean + added_to_mean);
}

at::Tensor PtychoPinnPhysics::rectangular_loss(const at::Tensor& predicted, const at::Tensor& counts,
                                               double pixels) const
{
    if (settings_.count_intensity)
        return poisson_negative_log_likelihood(predicted, counts).mean() / statistics_.mean_intensity;
    const auto mean = counts.sum() / pixels + added_to_mean;
    if (settings_.poisson)
        return mean_likelihood(predicted, counts) / mean;
    const auto compared = settings_.squared_again ? predicted.square() : predicted;
    return (compared - counts).abs().sum() / pixels / mean;
}

double PtychoPinnPhysics::calibrate(const at::Tensor& predicted, const at::Tensor& amplitude)
{
    const at::NoGradGuard no_gradient;
    const double made = predicted.mean(at::kDouble).item<double>(),
                 measured = amplitude.square().mean(at::kDouble).item<double>();
    const double factor = std::sqrt(measured / std::max(made, 1e-30));
    require(std::isfinite(factor) && factor > 0, Status::NotConverged,
            "physics.scales_start = 'data': the first prediction has {} counts in a pixel, the frames {}", made,
            measured);
    for (const char* name : {"s1", "s2"})
        factors_.at(name).fill_(factor);
    return factor;
}

std::vector<PtychoPinnPhysics::Factor> PtychoPinnPhysics::trained() const
{
    std::vector<Factor> found;
    if (rectangular() && !settings_.scales_trainable)
        return found;
    for (const auto& [name, tensor] : factors_)
        found.push_back({"physics." + name, tensor});
    return found;
}

double PtychoPinnPhysics::output_scale() const
{
    return rectangular_scale(settings_, statistics_.probe_factor, statistics_.physics_scale);
}

double ptychopinn_object_scale(const model::PtychoPinnSettings& settings, double probe_factor, double physics_scale)
{
    if (settings.model == model::PhysicsModel::Rectangular)
        return rectangular_scale(settings, probe_factor, physics_scale) * probe_factor;
    return probe_factor / settings.probe_scale * settings.gain;
}

} // namespace ptk::training
