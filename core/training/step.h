#pragma once
#include "generators/precision.h"
#include "model/scaling.h"
#include "physics/propagator.h"
#include "training/illumination.h"

#include <vector>

namespace ptk::training {

/// One batch of groups.
struct Batch {
    at::Tensor amplitude; ///< (B, G, N, N) float32, sqrt(counts)
    at::Tensor corners;   ///< (B, G, 2) int64 (x, y), see physics::pixel_grid()
    at::Tensor relative;  ///< (B, G, 2) float64 (x, y): centre of the group minus position; only Subpixel::Interpolate
                          ///< looks at it
    Light light;
    at::Tensor good{}; ///< (N, N) float32, 0 at the detector's bad pixels; undefined when all are good
    physics::PropagatorPtr propagator{}; ///< of frames in the near field; nullptr: in the far field
    at::Tensor experiments{}; ///< (B) int64: which of several experiments each group is of; undefined when there is one
    at::Tensor labels{}; ///< (B, G, N, N) complex64, the true object around each frame; only for supervised training
};

/// Patches of all frames as the network sees them, (B, G, N, N) complex64. Gradients do not reach the probe through the
/// network's input.
/// @param known      what an earlier pass agreed on, (B, G, N, N) complex64, or undefined
/// @param precision  of the network's layers
at::Tensor predicted_patches(generators::Generator& generator, const Batch& batch, const model::Scaling& scaling,
                             const at::Tensor& known = {},
                             generators::Precision precision = generators::Precision::Float32);

/// What one object has to say about all frames of each group: patches merged with the weights and cut out again, on
/// whole pixels or, with Subpixel::Interpolate, by bilinear interpolation around the group's centre. Without weights
/// the patches as they are.
at::Tensor agreed_patches(const at::Tensor& patches, const Batch& batch, Subpixel subpixel);

/// One pass of a generator over a batch.
struct Pass {
    at::Tensor patches; ///< as the network has them, (B, G, N, N) complex64
    at::Tensor agreed;  ///< merged and cut out again, (B, G, N, N) complex64
};

/// All passes of the generator. The agreed patches of one, after the generator's steps of physics
/// (Generator::agreement()), are what the next one starts from; gradients stay within their pass.
std::vector<Pass> predicted_passes(generators::Generator& generator, const Batch& batch, const model::Scaling& scaling,
                                   Subpixel subpixel, generators::Precision precision = generators::Precision::Float32);

/// From the object to the detector: (B, G, N, N) counts, differentiable in patches and probe. Bad pixels have a
/// prediction like all others; losses leave them out.
/// @param patches  (B, G, N, N) complex64
at::Tensor predicted_intensity(const at::Tensor& patches, const Batch& batch);

} // namespace ptk::training
