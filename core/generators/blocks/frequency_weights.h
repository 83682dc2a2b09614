#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

/// Complex weights of a mixing of channels as matrices of each frequency, real parts before imaginary ones:
///   (in, out, ...) complex64 -> (frequencies, in, 2, out) float32
/// Differentiable once; on the CPU.
at::Tensor frequency_weights(const at::Tensor& weights);

} // namespace ptk::generators
