#include "training/losses.h"

#include "base/shape.h"
#include "base/text.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/lgamma.h>
#include <ATen/ops/round.h>
#include <ATen/ops/xlogy.h>

#include <cmath>

namespace ptk::training {

namespace {

/// Rates below are raised to it, as PtychoPINN does: the likelihood of a count at rate zero is zero.
constexpr double smallest_rate = 1e-8;

/// The gradient of the root is infinite at zero. Intensities below (counts; far less than a rounding error) are taken
/// as constant; above, the factor 2 psi of the intensity's own gradient makes up for it.
constexpr double smallest_intensity = 1e-30;

void require_same_shape(const at::Tensor& prediction, const at::Tensor& measurement)
{
    require(prediction.sizes().equals(measurement.sizes()) && prediction.dim() > 0, Status::Shape,
            "loss: the prediction has shape {}, the measurement {}; expected the same", base::shape_of(prediction),
            base::shape_of(measurement));
}

at::Tensor root(const at::Tensor& intensity)
{
    return intensity.clamp_min(smallest_intensity).sqrt();
}

struct Named {
    const char* name;
    at::Tensor (*loss)(const at::Tensor&, const at::Tensor&);
};

constexpr Named losses[] = {
    {"amplitude", amplitude_loss},
    {"poisson", poisson_loss},
    {"mae", mae_loss},
};

} // namespace

at::Tensor amplitude_loss(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    require_same_shape(intensity, amplitude);
    return (root(intensity) - amplitude).square().sum(at::kDouble) / amplitude.square().sum(at::kDouble);
}

at::Tensor poisson_loss(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    require_same_shape(intensity, amplitude);
    const auto counts = amplitude.to(at::kDouble).square();
    return poisson_negative_log_likelihood(intensity, counts).mean() / counts.mean();
}

at::Tensor mae_loss(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    return absolute_error(intensity, amplitude).mean(at::kDouble) / amplitude.mean(at::kDouble);
}

at::Tensor supervised_loss(const at::Tensor& patches, const at::Tensor& amplitude, const at::Tensor& phase,
                           bool wrapped)
{
    require_same_shape(patches, amplitude);
    require_same_shape(patches, phase);
    auto turn = patches.angle() - phase;
    if (wrapped)
        turn = turn - 2 * M_PI * at::round(turn.detach() / (2 * M_PI));
    return 2 * (patches.abs() - amplitude).abs().mean(at::kDouble) + 4 * turn.abs().mean(at::kDouble);
}

at::Tensor poisson_negative_log_likelihood(const at::Tensor& rate, const at::Tensor& counts)
{
    require_same_shape(rate, counts);
    const auto expected = rate.to(at::kDouble).clamp_min(smallest_rate);
    const auto measured = counts.to(at::kDouble);
    const auto pixels = expected - at::xlogy(measured, expected) + at::lgamma(measured + 1);
    return pixels.reshape({rate.size(0), -1}).sum(1);
}

at::Tensor absolute_error(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    require_same_shape(intensity, amplitude);
    return (root(intensity) - amplitude).abs();
}

std::vector<std::string> loss_names()
{
    std::vector<std::string> names;
    for (const auto& entry : losses)
        names.emplace_back(entry.name);
    return names;
}

Loss loss_by_name(const std::string& name)
{
    for (const auto& entry : losses)
        if (name == entry.name)
            return entry.loss;
    fail(Status::NotFound, "training.loss: '{}' is not a loss{}", name, base::did_you_mean(name, loss_names()));
}

} // namespace ptk::training
