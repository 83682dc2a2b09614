#pragma once
#include "config/config.h"
#include "registry/registry.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

namespace ptk::training {

/// Scalar loss (float64), differentiable in the prediction. What is compared, Compared says:
///   intensities  predicted (B, G, N, N) real, counts; measured (B, G, N, N) real, sqrt(counts)
///   objects      predicted (B, G, N, N) complex, the object around each frame; measured the same, the true one
/// @param good  (N, N) real, 0 at the detector's bad pixels: whatever the others hold there, NaN included, changes
///              neither value nor gradient. Undefined when all are good; not looked at where objects are compared
using Loss = std::function<at::Tensor(const at::Tensor& predicted, const at::Tensor& measured, const at::Tensor& good)>;

enum class Compared { Intensities, Objects };

/// What a loss is divided by: the loss of a batch is the mean of those of its parts, weighted with this.
enum class Per { Frame, Amplitude, Count };

struct LossFactory {
    Compared compared;
    Per per;
    std::function<Loss(const config::Settings& settings)> make;
    bool relative = false; ///< the same when prediction and measurement are given in another unit
};
using LossRegistry = registry::Registry<LossFactory>;

/// All losses of the library by the names of option training.loss, from one explicit table. Threads: any.
const LossRegistry& builtin_losses();

/// The weight of a batch, see Per: its frames, or the sum of its good pixels' amplitudes or counts.
/// @param measured, good  as Loss takes them
double batch_weight(Per per, const at::Tensor& measured, const at::Tensor& good);

// Of intensities I = predicted counts against amplitudes A = measured sqrt(counts); sums and means over good pixels.

/// sum (sqrt(I) - A)^2 / sum A^2: the squared relative Fourier error
at::Tensor amplitude_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good = {});

/// mean_b sum_ghw [I - A^2 log I + lgamma(A^2 + 1)] / mean(A^2), sums in double (PtychoPINN's normalisation,
/// digest 4.6: of its rectangular and count-intensity forms)
at::Tensor poisson_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good = {});

/// mean |sqrt(I) - A| / mean A
/// @param match_norm  the predicted amplitudes of each group are first multiplied by sqrt(sum A^2 / (sum I + 1e-8)),
///                    which the gradient sees (PtychoPINN's torch_mae_pred_l2_match_target)
at::Tensor mae_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good = {},
                    bool match_norm = false);

/// mean |I - A^2| / mean A^2 (PtychoPINN's rectangular MAE)
/// @param squared_again  I^2 in the place of I, as the reference, which squares what is an intensity already
at::Tensor mae_intensity_loss(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good = {},
                              bool squared_again = false);

/// 1/2 mean (I - A^2)^2 / (A^2 + r): the negative log-likelihood of normal counts without its constant; 1/2 where the
/// prediction is as good as the noise. The variance is that of the counts (Poisson, by the count that was measured) and
/// of the readout.
/// @param readout_variance  r > 0, counts^2
/// Source: Thibault & Guizar-Sicairos, New J. Phys. 14, 063004 (2012)
at::Tensor gaussian_loss(const at::Tensor& intensity, const at::Tensor& amplitude, double readout_variance,
                         const at::Tensor& good = {});

/// 2 sum h(sqrt(I) - A) / sum A^2 with h(d) = d^2 / 2 for |d| <= delta, delta (|d| - delta / 2) above: the amplitude
/// loss without its large differences.
/// @param delta  > 0, sqrt(counts)
/// Source: Huber, Ann. Math. Statist. 35, 73 (1964)
at::Tensor huber_loss(const at::Tensor& intensity, const at::Tensor& amplitude, double delta,
                      const at::Tensor& good = {});

/// 2 mean ||o| - |t|| + 4 mean |arg o - arg t| (PtychoPINN's supervised loss, but a mean where that is a sum).
/// Differences of phase are taken the short way round the circle, or as they are (@p wrapped = false, as the
/// reference).
/// @param patches           (B, G, N, N) complex, the object around each frame as predicted
/// @param amplitude, phase  (B, G, N, N), as it is; radians @return float64
at::Tensor supervised_loss(const at::Tensor& patches, const at::Tensor& amplitude, const at::Tensor& phase,
                           bool wrapped = true);

// Before reduction:

/// Negative log-likelihood of counts under a Poisson law, summed over all axes but the first, in double. Rates below
/// 1e-8 count as 1e-8.
/// @param rate, counts  (B, ...) real @return (B) float64
at::Tensor poisson_negative_log_likelihood(const at::Tensor& rate, const at::Tensor& counts);

/// |sqrt(I) - A| of every pixel.
at::Tensor absolute_error(const at::Tensor& intensity, const at::Tensor& amplitude);

} // namespace ptk::training
