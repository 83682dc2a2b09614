#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace ptk::training {

/// Scalar loss (float64) of predicted intensities against measured amplitudes, differentiable in the prediction.
/// @param intensity  (B, G, N, N) predicted counts
/// @param amplitude  (B, G, N, N) measured sqrt(counts)
using Loss = std::function<at::Tensor(const at::Tensor& intensity, const at::Tensor& amplitude)>;

/// sum (sqrt(I) - A)^2 / sum A^2: the squared relative Fourier error
at::Tensor amplitude_loss(const at::Tensor& intensity, const at::Tensor& amplitude);
/// mean_b sum_ghw [I - A^2 log I + lgamma(A^2 + 1)] / mean(A^2), sums in double (PtychoPINN's normalisation,
/// digest 4.6)
at::Tensor poisson_loss(const at::Tensor& intensity, const at::Tensor& amplitude);
/// mean |sqrt(I) - A| / mean A
at::Tensor mae_loss(const at::Tensor& intensity, const at::Tensor& amplitude);

/// 2 mean ||o| - |t|| + 4 mean |arg o - arg t| (PtychoPINN's supervised loss, but a mean where that is a sum).
/// Differences of phase are taken the short way round the circle, or as they are (@p wrapped = false, as the
/// reference).
/// @param patches           (B, G, N, N) complex, the object around each frame as predicted
/// @param amplitude, phase  (B, G, N, N), as it is; radians @return float64
at::Tensor supervised_loss(const at::Tensor& patches, const at::Tensor& amplitude, const at::Tensor& phase,
                           bool wrapped = true);

/// By the names of option training.loss that compare intensities. @throws Error(NotFound)
Loss loss_by_name(const std::string& name);
std::vector<std::string> loss_names();

// Before reduction:

/// Negative log-likelihood of counts under a Poisson law, summed over all axes but the first, in double. Rates below
/// 1e-8 count as 1e-8.
/// @param rate, counts  (B, ...) real @return (B) float64
at::Tensor poisson_negative_log_likelihood(const at::Tensor& rate, const at::Tensor& counts);

/// |sqrt(I) - A| of every pixel.
at::Tensor absolute_error(const at::Tensor& intensity, const at::Tensor& amplitude);

} // namespace ptk::training
