#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

/// Each image and channel with mean 0 and variance 1 over its pixels, times weight, plus bias (Ulyanov et al.,
/// arXiv:1607.08022); differentiable, once where our kernels do it: on a CPU in float32, channels last, unless
/// LibTorch's are asked for (kernels::set_backend()).
/// @param x  (B, C, H, W) @param weight, bias  (C) @return same shape
at::Tensor instance_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon);

} // namespace ptk::generators
