#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

/// exp(i angle), complex of the angle's precision. @param angle  (...) real, radians
at::Tensor phasor(const at::Tensor& angle);

/// Frequencies of a transform of @p side, turns a pixel, in its order: (N) float64 on the options' device.
at::Tensor frequencies(std::int64_t side, const at::TensorOptions& options = {});

/// exp(2 pi i axis shift) for each shift: (...) and (N) float64 -> (..., N) complex128. Over frequencies() it moves
/// what is multiplied by -shift pixels.
at::Tensor ramps(const at::Tensor& shifts, const at::Tensor& axis);

/// Ramps over both axes of a plane. @param along  (2, B, N) complex, x first @return (B, N, N)
at::Tensor plane_ramps(const at::Tensor& along);

} // namespace ptk::physics
