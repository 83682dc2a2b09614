#pragma once
#include <ATen/core/Tensor.h>

#include <string>

namespace ptk::base {

/// "(516, 64, 64)"
std::string shape_text(at::IntArrayRef shape);

/// The shape of a tensor as text; "none" when it is undefined.
std::string shape_of(const at::Tensor& tensor);

} // namespace ptk::base
