#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ptk::evaluation {

/// Rows [top, top + height) and columns [left, left + width) of an image.
struct Box {
    std::int64_t top = 0;
    std::int64_t left = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
};

/// (H, W) complex128 on the CPU, contiguous. @throws Error(Shape) when @p image is not a plane; @p name is said in the
/// message
at::Tensor as_complex(const at::Tensor& image, const char* name);
/// (H, W) float64 on the CPU, contiguous. @throws Error(Shape) as above, Error(InvalidArgument) for a complex image
at::Tensor as_real(const at::Tensor& image, const char* name);
/// (H, W) bool on the CPU, contiguous. An undefined @p mask selects every pixel.
/// @throws Error(Shape) unless it has the shape of @p image and selects a pixel
at::Tensor as_mask(const at::Tensor& mask, const at::Tensor& image);
/// @throws Error(Shape) when the two planes differ in shape
void require_same_shape(const at::Tensor& image, const at::Tensor& reference);

/// @p image with 0 in place of NaN and infinity.
at::Tensor finite_or_zero(const at::Tensor& image);

/// Flat (row-major) indices of the pixels that a contiguous bool mask selects, ascending.
std::vector<std::int64_t> selected(const at::Tensor& mask);
/// The smallest box that holds every selected pixel of a mask that selects at least one.
Box bounding_box(const at::Tensor& mask);
/// A view of the box.
at::Tensor crop(const at::Tensor& image, const Box& box);

} // namespace ptk::evaluation
