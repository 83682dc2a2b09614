#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::training {

// What our losses and PtychoPINN's are made of.

/// Over all axes but the first, in double: (B, ...) to (B).
at::Tensor sum_of_each(const at::Tensor& values);

/// r - v log r + lgamma(v + 1) of every pixel: the negative log-likelihood of a count v at rate r, in their type.
/// @param smallest  rates below count as this, so that a count where none is expected has a finite loss
at::Tensor poisson_of_pixels(const at::Tensor& rate, const at::Tensor& counts, double smallest);

/// Factor of each group, (B, 1, ...) in the type of @p intensity, that gives predicted amplitudes the measured sum of
/// squares: sqrt(sum A^2 / (sum I + 1e-8)), PtychoPINN's torch_mae_pred_l2_match_target.
/// @param intensity  (B, ...) predicted @param amplitude (B, ...) measured, the root of the same unit
at::Tensor norm_match(const at::Tensor& intensity, const at::Tensor& amplitude);

} // namespace ptk::training
