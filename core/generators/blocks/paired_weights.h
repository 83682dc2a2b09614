#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

/// Complex weights of a mixing of channels as one real matrix a frequency, for spectra whose real parts of all channels
/// stand before their imaginary ones:
///   (in, out, ...) complex64 -> (frequencies, 2 in, 2 out) float32,  [[Re, Im], [-Im, Re]]
/// Differentiable once; on the CPU.
at::Tensor paired_weights(const at::Tensor& weights);

} // namespace ptk::generators
