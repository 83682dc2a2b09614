#pragma once
#include "data/measurement.h"
#include "model/model.h"

#include <ATen/core/Tensor.h>

namespace ptk::reconstruction {

/// What the frames of a caller hold: as named; "auto" takes whole-number types as counts and others as amplitudes.
data::Measurement measurement_of(const std::string& name, c10::ScalarType frames);

/// Patches of frames that belong to no scan: each group by itself, nothing is stitched.
/// @param frames     (B, G, N, N) real, in the unit of @p measurement
/// @param positions  (B, G, 2) (x, y) in pixels, whose fractions shift the probe; or undefined for whole pixels
/// @return (B, G, N, N) complex64 on the CPU
/// @throws Error(Shape) naming the axis; Error(State) without a probe for a generator that needs one
at::Tensor predict_frames(model::Model& model, const at::Tensor& frames, data::Measurement measurement,
                          const at::Tensor& positions);

} // namespace ptk::reconstruction
