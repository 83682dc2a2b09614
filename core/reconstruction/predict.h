#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "model/model.h"
#include "reconstruction/result.h"

namespace ptk::reconstruction {

/// Patches of frames given as they are (each group one row of G frames), without gradient, in evaluation mode; the
/// network computes in reconstruction.precision of the model's settings.
/// @param amplitude (B, G, N, N) float32 sqrt(counts) @param probe (B, G, M, N, N) or undefined @return (B, G, N, N)
/// complex64 on the CPU
/// @param fractions (B, G, 2) by which the probes were shifted, which a model of the near field looks at; undefined:
/// none
/// @throws Error(Shape), Error(State) when the generator needs a probe
at::Tensor predict_patches(model::Model& model, const at::Tensor& amplitude, const at::Tensor& probe,
                           const at::Tensor& fractions = {});

/// The whole scan: predict in batches and stitch, in memory bounded by the batch and the canvas; frames are gathered
/// batch by batch.
///
/// A generator that sees each frame alone gets each frame once. One with groups gets a row for each frame (itself and
/// its nearest), and all patches of the row are stitched. Sub-pixel (physics.subpixel): shift_probe = the probe moves
/// by the fraction, patches go to whole pixels; interpolate = the probe stays, patches go to their exact positions;
/// round = neither. Weights (physics.patch_weighting): probe = the probe's intensity as shifted; central_mask; uniform,
/// and none, which is the same when patches are stitched. Only reconstruction.middle_trim central pixels are used. The
/// canvas is the frame of the scan's object, when it has one, and whatever the patches need around. With
/// reconstruction.precision = bfloat16 the network's layers compute in it (generators::predicted()); all else, the
/// merging between passes too, stays in float32.
///
/// The probe is the model's (trained or warmed), else the scan's with the power of the frames; then the frames should
/// have the dose of the training: neither probe nor input are rescaled to another. With probe.from = scan it is the
/// scan's, prepared as for a training (training::prepared_probe), and the input is scaled to its frames: for a network
/// that is made for any probe. The size of the batch does not change the
/// stitching; networks may round differently in batches of another size (1e-6 of the largest number).
/// @throws Error(State) without any probe for a generator that needs one; Error(Shape) when the scan's side is not the
/// model's, or it has fewer frames
///         than a group; Error(NotConverged) when the network gives numbers that are not finite; Error(Cancelled)
Result reconstruct(model::Model& model, const data::Scan& scan, const config::Settings& settings,
                   const Monitor& monitor, Log& log);

} // namespace ptk::reconstruction
