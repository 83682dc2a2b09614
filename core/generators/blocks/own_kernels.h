#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

namespace ptk::generators {

/// True when our CPU kernels, which are for float32, can take @p x and nobody asks for LibTorch's
/// (kernels::set_backend(), Autocast).
bool is_ours(const at::Tensor& x);

/// True when a gradient will be asked for by one of these. Tensors may be undefined.
template <class... Tensors> bool needs_gradient(const Tensors&... tensors)
{
    return c10::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

/// What a backward pass of ours does first. @throws Error(Unsupported) when a gradient of the gradient is asked for
void require_first_derivative();

/// Pixel by pixel in memory, all channels of a pixel together, (B, C, H, W); also where the strides of an axis of
/// length one say otherwise.
at::Tensor pixel_by_pixel(const at::Tensor& x);

/// (B, C, H, W) float32 on the CPU, pixel by pixel, contents undefined; in large pages where it is large.
at::Tensor empty_images(at::IntArrayRef sizes);

/// Of a float32 tensor, @p offset numbers from its first. @{
inline const float* values(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.const_data_ptr<float>() + offset;
}
inline float* targets(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.mutable_data_ptr<float>() + offset;
}
/// @}

} // namespace ptk::generators
