#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

/// The complex products of a spectral convolution: every frequency's channels through that frequency's matrix.
///   y(b, f, p, o) = sum_i x(b, f, p, i) w(f, i, o)
/// Real and imaginary parts on axes of their own. Differentiable once in both; on the CPU.
/// @param spectra   (B, 2, frequencies, pixels, in) float32, in and out multiples of kernels::cpu::product_columns
/// @param matrices  (frequencies, in, 2, out) float32, of frequency_weights()
/// @return (B, 2, frequencies, pixels, out)
/// @throws Error(OutOfMemory)
at::Tensor mix_frequencies(const at::Tensor& spectra, const at::Tensor& matrices);

} // namespace ptk::generators
