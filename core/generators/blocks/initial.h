#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::generators {

// Initial weights. An undefined random generator draws nothing: the weights are zero, to be counted or filled.
// All throw Error(InvalidConfig) for a tensor of more than 2^30 weights, before memory is taken.

/// While it lives, tensors of initial weights made on this thread have type and shape but no memory (LibTorch's meta
/// device): generators can be made to be compared with a file's names and shapes. Not for use with random numbers.
class ShapesOnly {
public:
    ShapesOnly() noexcept;
    ~ShapesOnly();
    ShapesOnly(const ShapesOnly&) = delete;
    ShapesOnly& operator=(const ShapesOnly&) = delete;

private:
    bool outer_;
};

/// Uniform within 1/sqrt(fan_in), as PyTorch's layers (He et al., ICCV 2015, with a = sqrt(5)); float32.
at::Tensor uniform_weights(at::IntArrayRef shape, std::int64_t fan_in, const at::Generator& random);
/// Normal with mean 0; float32.
at::Tensor normal_weights(at::IntArrayRef shape, double deviation, const at::Generator& random);
/// Complex normal: E|w|^2 = deviation^2, shared equally by the two parts; complex64.
at::Tensor complex_normal_weights(at::IntArrayRef shape, double deviation, const at::Generator& random);
/// One number, float32, of no axis.
at::Tensor scalar_weight(double value);

} // namespace ptk::generators
