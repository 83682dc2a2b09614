#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace ptk::generators {

/// A linear map of images by small matrices, one after the other, by our kernels: an image is seen as (outer, depth,
/// columns) in memory, and each of its outer parts becomes (rows, columns),
///   y(o, r, j) = sum_t matrix(t, r) x(o, t, j)
/// A Fourier transform along one axis of an image in channels last is such a step. Between the steps an image stays in
/// the cache.
class ImageMap {
public:
    struct Step {
        at::Tensor matrix;    ///< (depth, rows) float32, contiguous, on the CPU
        std::int64_t outer;   ///< parts of an image
        std::int64_t columns; ///< floats, a multiple of kernels::cpu::product_columns
    };

    /// @param steps  each takes what the one before makes
    explicit ImageMap(std::vector<Step> steps);

    /// Of each image, as (B, floats of a mapped image); differentiable once.
    /// @param x  float32 on the CPU: (B, C, H, W), taken in channels last, or (B, ...) as it lies in memory
    at::Tensor operator()(const at::Tensor& x) const;
    /// Adds the map of x in place to @p sum, (B, C, H, W) in channels last or (B, ...) contiguous, neither a leaf nor a
    /// view; differentiable in both.
    at::Tensor add_to(const at::Tensor& sum, const at::Tensor& x) const;

    /// The transposed map, from results back to images.
    ImageMap adjoint() const;

    const std::vector<Step>& steps() const { return steps_; }
    /// Floats of an image before and after. @{
    std::int64_t in() const;
    std::int64_t out() const;
    /// @}

    /// Without gradients: y = map(x), or y += map(x); both as they lie in memory.
    void run(const at::Tensor& x, const at::Tensor& y, bool add) const;

private:
    std::vector<Step> steps_;
};

/// Pixel by pixel in memory, all channels of a pixel together, (B, C, H, W); also where the strides of an axis of
/// length one say otherwise.
at::Tensor pixel_by_pixel(const at::Tensor& x);

} // namespace ptk::generators
