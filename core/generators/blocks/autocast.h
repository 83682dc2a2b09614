#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

/// What the layers of a network compute in.
enum class Precision {
    Float32,
    /// Convolutions, matrix products and attention take and give bfloat16 (8 bits, the range of float32) and add up in
    /// float32; Fourier transforms, spectral weights, means and variances stay in float32.
    Bfloat16,
};

/// LibTorch's autocast in this thread while it lives: those operations cast their float32 arguments, weights too, and
/// leave complex numbers alone. Casts are not kept, because a weight may take part in a gradient and in inference mode
/// by turns.
class Autocast {
public:
    /// @param device  of the tensors: a CPU or CUDA
    Autocast(c10::DeviceType device, Precision precision);
    ~Autocast();
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

private:
    c10::DeviceType device_;
    bool was_enabled_, was_cached_;
    at::ScalarType was_type_;
};

/// True where an operation on @p x would be cast to bfloat16.
bool in_bfloat16(const at::Tensor& x);

/// work(x), in float32 also where layers compute in bfloat16; in x's type again.
template <class Work> at::Tensor in_float32(const at::Tensor& x, Work&& work)
{
    if (!in_bfloat16(x))
        return work(x);
    const Autocast full(x.device().type(), Precision::Float32);
    return work(x.to(at::kFloat)).to(x.scalar_type());
}

} // namespace ptk::generators
