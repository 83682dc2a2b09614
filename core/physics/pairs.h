#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::physics {

/// A contiguous complex64 tensor as the kernels take it: pairs of float (re, im).
inline const float* pairs(const at::Tensor& tensor)
{
    return reinterpret_cast<const float*>(tensor.const_data_ptr<c10::complex<float>>());
}

/// The same to be written; nullptr when the tensor is undefined.
inline float* pairs_of(const at::Tensor& tensor)
{
    return tensor.defined() ? reinterpret_cast<float*>(tensor.mutable_data_ptr<c10::complex<float>>()) : nullptr;
}

} // namespace ptk::physics
