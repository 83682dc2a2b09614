#include "training/losses.h"

#include "base/shape.h"
#include "training/phase.h"
#include "training/sums.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/huber_loss.h>
#include <ATen/ops/where.h>

#include <variant>
#include <vector>

namespace ptk::training {

namespace {

/// PtychoPINN's bound of its count-intensity form.
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

/// What is compared, zero at bad pixels: chosen, not multiplied, so that a NaN there is gone.
class Pixels {
public:
    Pixels(const at::Tensor& predicted, const at::Tensor& measured, const at::Tensor& good)
        : intensity(predicted), amplitude(measured), count_(static_cast<double>(predicted.numel()))
    {
        require_same_shape(predicted, measured);
        if (!good.defined())
            return;
        require(predicted.dim() >= 2 && good.sizes().equals(predicted.sizes().slice(predicted.dim() - 2)),
                Status::Shape, "loss: the mask has shape {}, the prediction {}; expected that of a frame",
                base::shape_of(good), base::shape_of(predicted));
        good_ = good.ne(0);
        intensity = at::where(good_, predicted, 0);
        amplitude = at::where(good_, measured, 0);
        count_ = good_.sum(at::kDouble) * (static_cast<double>(predicted.numel()) / static_cast<double>(good.numel()));
    }

    at::Tensor counts() const { return amplitude.to(at::kDouble).square(); }
    /// Zero at bad pixels what is not so by itself.
    at::Tensor only_good(const at::Tensor& values) const
    {
        return good_.defined() ? at::where(good_, values, 0) : values;
    }
    /// Of values that are zero at bad pixels.
    at::Tensor mean(const at::Tensor& values) const
    {
        return std::visit([&](const auto& count) { return values.sum(at::kDouble) / count; }, count_);
    }

    at::Tensor intensity;
    at::Tensor amplitude;

private:
    at::Tensor good_;                        ///< bool, or undefined
    std::variant<double, at::Tensor> count_; ///< of good pixels; a tensor stays on the device
};

/// In double.
at::Tensor likelihood_of_pixels(const at::Tensor& rate, const at::Tensor& counts)
{
    return poisson_of_pixels(rate.to(at::kDouble), counts.to(at::kDouble), smallest_rate);
}

bool as_ptychopinn(const config::Settings& settings)
{
    return settings.text("compat") == "ptychopinn";
}

config::Schema options(const std::vector<std::string>& names)
{
    return config::library_schema().only(names);
}

void add_relative(LossRegistry& registry)
{
    registry.add({.name = "amplitude",
                  .summary = "squared difference of amplitudes over the counts: the squared relative Fourier error",
                  .source = "Thibault & Guizar-Sicairos, New J. Phys. 14, 063004 (2012)"},
                 {Compared::Intensities, Per::Count, [](const config::Settings&) { return Loss(amplitude_loss); },
                  /*relative=*/true});
    registry.add({.name = "poisson",
                  .summary = "negative log-likelihood of the counts over their mean, in double",
                  .source = "PtychoPINN (rectangular and count-intensity Poisson loss)",
                  .capabilities = {"needs counts"}},
                 {Compared::Intensities, Per::Count, [](const config::Settings&) { return Loss(poisson_loss); }});
    registry.add({.name = "mae",
                  .summary = "mean absolute difference of amplitudes over their mean",
                  .source = "PtychoPINN",
                  .options = options({"training.match_norm"})},
                 {Compared::Intensities, Per::Amplitude,
                  [](const config::Settings& settings) {
                      return Loss([match = settings.flag("training.match_norm")](auto&&... compared) {
                          return mae_loss(compared..., match);
                      });
                  },
                  /*relative=*/true});
    registry.add({.name = "mae_intensity",
                  .summary = "mean absolute difference of counts over their mean; compat = 'ptychopinn' squares the "
                             "prediction once more",
                  .source = "PtychoPINN (rectangular MAE)"},
                 {Compared::Intensities, Per::Count, [](const config::Settings& settings) {
                      return Loss([again = as_ptychopinn(settings)](auto&&... compared) {
                          return mae_intensity_loss(compared..., again);
                      });
                  }});
}

void add_noise_models(LossRegistry& registry)
{
    registry.add({.name = "gaussian",
                  .summary = "half the squared difference of counts over their variance, photons and readout",
                  .source = "Thibault & Guizar-Sicairos, New J. Phys. 14, 063004 (2012)",
                  .capabilities = {"needs counts"},
                  .options = options({"training.readout_variance"})},
                 {Compared::Intensities, Per::Frame, [](const config::Settings& settings) {
                      return Loss([variance = settings.number("training.readout_variance")](
                                      const auto& predicted, const auto& measured, const auto& good) {
                          return gaussian_loss(predicted, measured, variance, good);
                      });
                  }});
    registry.add({.name = "huber",
                  .summary = "amplitude, but beyond a difference linear: for frames with outliers",
                  .source = "Huber, Ann. Math. Statist. 35, 73 (1964)",
                  .options = options({"training.huber_delta"})},
                 {Compared::Intensities, Per::Count, [](const config::Settings& settings) {
                      return Loss([delta = settings.number("training.huber_delta")](
                                      const auto& predicted, const auto& measured, const auto& good) {
                          return huber_loss(predicted, measured, delta, good);
                      });
                  }});
}

void add_supervised(LossRegistry& registry)
{
    registry.add({.name = "supervised",
                  .summary = "mean absolute difference to the true object, 2 in amplitude + 4 in phase; compat = "
                             "'ptychopinn' takes phases as they are",
                  .source = "PtychoPINN",
                  .capabilities = {"needs the object of the scan's file"},
                  .options = options({"training.phase_subtraction"})},
                 {Compared::Objects, Per::Frame, [](const config::Settings& settings) {
                      return Loss(
                          [wrapped = !as_ptychopinn(settings)](const auto& patches, const auto& labels, const auto&) {
                              return supervised_loss(patches, labels.abs(), labels.angle(), wrapped);
                          });
                  }});
}

} // namespace

const LossRegistry& builtin_losses()
{
    static const LossRegistry registry = [] {
        LossRegistry all("loss");
        add_relative(all);
        add_noise_models(all);
        add_supervised(all);
        return all;
    }();
    return registry;
}

double batch_weight(Per per, const at::Tensor& measured, const at::Tensor& good)
{
    if (per == Per::Frame)
        return static_cast<double>(measured.size(0) * measured.size(1));
    const auto amplitude = good.defined() ? at::where(good.ne(0), measured, 0) : measured;
    return (per == Per::Count ? amplitude.square() : amplitude).sum(at::kDouble).item<double>();
}

at::Tensor amplitude_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good)
{
    const Pixels pixels(intensity, amplitude, good);
    const auto difference = root(pixels.intensity) - pixels.amplitude;
    return difference.square().sum(at::kDouble) / pixels.amplitude.square().sum(at::kDouble);
}

at::Tensor poisson_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good)
{
    const Pixels pixels(intensity, amplitude, good);
    const auto counts = pixels.counts();
    const auto likelihood = pixels.only_good(likelihood_of_pixels(pixels.intensity, counts));
    return sum_of_each(likelihood).mean() / pixels.mean(counts);
}

at::Tensor mae_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good, bool match_norm)
{
    const Pixels pixels(intensity, amplitude, good);
    auto predicted = root(pixels.intensity);
    if (match_norm)
        predicted = predicted * norm_match(pixels.intensity, pixels.amplitude);
    return (predicted - pixels.amplitude).abs().sum(at::kDouble) / pixels.amplitude.sum(at::kDouble);
}

at::Tensor mae_intensity_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good,
                              bool squared_again)
{
    const Pixels pixels(intensity, amplitude, good);
    const auto predicted = squared_again ? pixels.intensity.square() : pixels.intensity;
    const auto counts = pixels.amplitude.square();
    return (predicted - counts).abs().sum(at::kDouble) / counts.sum(at::kDouble);
}

at::Tensor gaussian_loss(const at::Tensor& intensity, const at::Tensor& amplitude, double readout_variance,
                         const at::Tensor& good)
{
    require(readout_variance > 0, Status::InvalidArgument, "gaussian loss: readout variance {}; expected more than 0",
            readout_variance);
    const Pixels pixels(intensity, amplitude, good);
    const auto counts = pixels.amplitude.square();
    return pixels.mean((pixels.intensity - counts).square() / (counts + readout_variance)) / 2;
}

at::Tensor huber_loss(const at::Tensor& intensity, const at::Tensor& amplitude, double delta, const at::Tensor& good)
{
    require(delta > 0, Status::InvalidArgument, "huber loss: delta {}; expected more than 0", delta);
    const Pixels pixels(intensity, amplitude, good);
    const auto each = at::huber_loss(root(pixels.intensity), pixels.amplitude, at::Reduction::None, delta);
    return 2 * each.sum(at::kDouble) / pixels.amplitude.square().sum(at::kDouble);
}

at::Tensor supervised_loss(const at::Tensor& patches, const at::Tensor& amplitude, const at::Tensor& phase,
                           bool wrapped)
{
    require_same_shape(patches, amplitude);
    require_same_shape(patches, phase);
    auto turn = patches.angle() - phase;
    if (wrapped)
        turn = short_way(turn);
    return 2 * (patches.abs() - amplitude).abs().mean(at::kDouble) + 4 * turn.abs().mean(at::kDouble);
}

at::Tensor poisson_negative_log_likelihood(const at::Tensor& rate, const at::Tensor& counts)
{
    require_same_shape(rate, counts);
    return sum_of_each(likelihood_of_pixels(rate, counts));
}

at::Tensor absolute_error(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    require_same_shape(intensity, amplitude);
    return (root(intensity) - amplitude).abs();
}

} // namespace ptk::training
