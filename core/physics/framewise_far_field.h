#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::physics {

/// Whether framewise_far_field() takes these: complex64 on the CPU, something to do, and our kernels wanted
/// (kernels::set_backend()).
bool takes_framewise(const at::Tensor& patches, const at::Tensor& probe);

/// far_field_intensity(), frame by frame and mode by mode: illuminated, transformed and squared while it is in the
/// cache. No wave is kept; the gradients make them again:
///   w_m = sum_q (2 / N^2) (dL/dI(q)) F_m(q) exp(2 pi i q r / N),  F_m = FFT2(P_m O)
///   dL/dO = sum_m conj(P_m) w_m,  dL/dP_m = conj(O) w_m
/// (gradients as PyTorch writes them, dL/dRe + i dL/dIm). Gradients in both arguments, once; the same bits for any
/// number of threads. The gradient by one probe for all patches is summed in at most eight parts.
/// @param patches, probe  as far_field_intensity() takes them
/// @throws Error(Unsupported) when a gradient of the gradient is asked for
at::Tensor framewise_far_field(const at::Tensor& patches, const at::Tensor& probe);

} // namespace ptk::physics
