#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

namespace ptk::training {

/// Scalar loss of predicted intensities against measured amplitudes, differentiable in the prediction.
/// @param intensity  (B, G, N, N) predicted counts
/// @param amplitude  (B, G, N, N) measured sqrt(counts)
using Loss = std::function<at::Tensor(const at::Tensor& intensity, const at::Tensor& amplitude)>;

/// sum (sqrt(I) - A)^2 / sum A^2: the squared relative Fourier error
at::Tensor amplitude_loss(const at::Tensor& intensity, const at::Tensor& amplitude);
/// mean_b sum_ghw [I - A^2 log I + lgamma(A^2 + 1)] / mean(A^2), sums in double (PtychoPINN's normalisation, digest 4.6)
at::Tensor poisson_loss(const at::Tensor& intensity, const at::Tensor& amplitude);
/// mean |sqrt(I) - A| / mean A
at::Tensor mae_loss(const at::Tensor& intensity, const at::Tensor& amplitude);

/// By the names of option training.loss. @throws Error(NotFound)
Loss loss_by_name(const std::string& name);

}  // namespace ptk::training
