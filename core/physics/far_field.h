#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::physics {

/// Diffracted intensity of exit waves in the far field, incoherent in the modes:
/// I(q) = sum_m |FFT2(P_m(r) O(r))|^2, orthonormal FFT, zero frequency at index N/2. Differentiable in both arguments;
/// complex64 on the CPU once, and frame by frame with little memory (framewise_far_field()) unless LibTorch's kernels
/// are asked for (kernels::set_backend()).
///
/// @param patches  (..., N, N) complex, object transmission around each position
/// @param probe    (M, N, N), or (..., M, N, N) with the leading axes of the patches: a probe for each patch; unit
/// sqrt(counts)
/// @return (..., N, N) real, counts
/// Source: Thibault & Menzel, Nature 494, 68 (2013), eq. 1.
at::Tensor far_field_intensity(const at::Tensor& patches, const at::Tensor& probe);

/// Square root of far_field_intensity(), with a finite gradient at zero intensity.
at::Tensor far_field_amplitude(const at::Tensor& patches, const at::Tensor& probe);

/// PtychoPINN's amplitude: modes summed coherently, FFT without norm, |.|^2 / N^2 (compat = "ptychopinn"; golden
/// phys_pad_and_diffract).
/// @param exit  (B, C, P, N, N) complex
at::Tensor coherent_amplitude(const at::Tensor& exit);

} // namespace ptk::physics
