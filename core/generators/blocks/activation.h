#pragma once
#include "kernels/cpu/activation.h"

#include <ATen/core/Tensor.h>

namespace ptk::generators {

using kernels::cpu::Activation;

/// The activation of every value, in x's shape and layout. GELU on a CPU in float32 is ours unless LibTorch's kernels
/// are asked for (kernels::set_backend()); it keeps its derivative, so that the backward pass is one product, and has
/// no second derivative.
/// @throws Error(Unsupported) when a gradient of our gradient is asked for
at::Tensor activate(const at::Tensor& x, Activation activation);

/// x + GELU(z), of the same shape; as activate(), in one pass when both lie alike in memory.
at::Tensor residual_gelu(const at::Tensor& x, const at::Tensor& z);

/// What a backward pass of ours says when a gradient of the gradient is asked for.
void require_first_derivative();

} // namespace ptk::generators
