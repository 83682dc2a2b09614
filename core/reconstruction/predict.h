#pragma once
#include "base/progress.h"
#include "model/model.h"
#include "reconstruction/result.h"

namespace ptk::reconstruction {

/// Patches of frames given as they are (each group one row of G frames).
/// @param amplitude (B, G, N, N) float32 sqrt(counts) @param probe (B, G, M, N, N) or undefined @return (B, G, N, N) complex64 on the CPU
at::Tensor predict_patches(model::Model& model, const at::Tensor& amplitude, const at::Tensor& probe);

/// The whole scan: predict in batches, stitch with probe-intensity weights, in memory bounded by the batch and the canvas.
/// The probe is the model's (trained or warmed), else the scan's.
/// @throws Error(State) without any probe for a generator that needs one; Error(Shape) when the scan's side is not the model's
Result reconstruct(model::Model& model, const data::Scan& scan, const config::Settings& settings, const Monitor& monitor);

}  // namespace ptk::reconstruction
