#pragma once
#include "physics/propagator.h"

#include <ATen/core/Tensor.h>

namespace ptk::physics {

/// What one projection knows of a patch: start from @p patches, impose the measured amplitude on the exit waves of all
/// modes, take one rPIE step of the object.
///   psi_m = P_m O; Psi'_m = Psi_m A / sqrt(sum |Psi|^2); O' = O + step * sum_m conj(P_m) (psi'_m - psi_m) / ((1 -
///   alpha) sum_m |P_m|^2 + alpha max sum_m |P_m|^2)
/// Source: Maiden, Johnson & Li, Optica 4, 736 (2017), eq. 13; modes as Thibault & Menzel 2013.
/// @param patches    (B, N, N) complex
/// @param probe      (B, M, N, N) complex, unit sqrt(counts)
/// @param amplitude  (B, N, N) real, sqrt(counts), zero frequency at index N/2
/// @param good       (N, N) real, 0 at bad pixels of the detector, where what is predicted stays; undefined: all are
/// good
/// @param propagator  of frames in the near field, with the @p fractions (B, 2) by which the probes were shifted, or
/// undefined
/// @return (B, N, N) complex
at::Tensor rpie_step(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& amplitude, double alpha,
                     double step, const at::Tensor& good = {}, const PropagatorPtr& propagator = {},
                     const at::Tensor& fractions = {});

} // namespace ptk::physics
