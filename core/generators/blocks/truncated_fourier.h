#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::generators {

// Discrete Fourier transforms of which only the lowest frequencies are wanted, as matrix products: for the few modes of
// a spectral convolution that is less work, and better vectorised, than a whole transform of which most is thrown away.
// The matrices are made once for each length. Any floating type; differentiable.

/// X_k = sum_t x_t exp(-2 pi i k t / n) for 0 <= k < modes. (..., n) real -> (..., modes) complex; modes <= n/2 + 1.
at::Tensor low_frequencies(const at::Tensor& x, std::int64_t modes);

/// The real signal with these lowest frequencies and no others, the inverse of a real transform (imaginary parts at
/// frequency 0 and n/2 have no effect). (..., modes) complex -> (..., n) real
at::Tensor from_low_frequencies(const at::Tensor& spectrum, std::int64_t n);

/// As low_frequencies(), of complex signals; modes <= n. (..., n) complex -> (..., modes) complex
at::Tensor low_complex_frequencies(const at::Tensor& x, std::int64_t modes);

/// The complex signal with the frequencies 0 <= k < modes and no others. (..., modes) complex -> (..., n) complex
at::Tensor from_low_complex_frequencies(const at::Tensor& spectrum, std::int64_t n);

// The same with complex numbers as pairs of rows, for ImageMap: float32 matrices on the CPU whose rows and columns are
// all real parts and then all imaginary ones, (1 or 2) (signal or frequencies) each way. Made once. @{
at::Tensor real_forward(std::int64_t modes, std::int64_t n);   ///< (n, 2 modes)
at::Tensor real_inverse(std::int64_t modes, std::int64_t n);   ///< (2 modes, n)
at::Tensor paired_forward(std::int64_t modes, std::int64_t n); ///< (2 n, 2 modes); n as pairs, modes apart
at::Tensor paired_inverse(std::int64_t modes, std::int64_t n); ///< (2 modes, 2 n)
// @}

} // namespace ptk::generators
