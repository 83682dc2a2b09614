#pragma once
#include "kernels/cpu/splat.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ptk::reconstruction {

/// The object under construction: weighted sums of patches in the frame of the positions. Pixel (row r, column c) is at
/// position (x, y) = (origin_x + c, origin_y + r). Sums are kept in double and every pixel receives its patches in the
/// order of the calls: neither the size of batches nor the number of threads changes a bit of the result.
class Canvas {
public:
    /// A canvas of the given frame. @throws Error(Shape) without pixels, or with more than 2^30 (24 bytes each)
    Canvas(std::int64_t height, std::int64_t width, std::int64_t origin_x, std::int64_t origin_y);
    /// The smallest canvas that holds all patches of side N at these positions, with one pixel around; when @p height
    /// and @p width are given (the frame of the input's object, origin 0), at least that frame. @throws Error(Shape)
    static Canvas around(const at::Tensor& positions, std::int64_t side, std::int64_t height = 0,
                         std::int64_t width = 0);

    std::int64_t height() const noexcept { return height_; }
    std::int64_t width() const noexcept { return width_; }
    std::int64_t origin_x() const noexcept { return origin_x_; }
    std::int64_t origin_y() const noexcept { return origin_y_; }

    /// Add patches with weights at sub-pixel positions (bilinear spread; exact copy on whole pixels). The patch of (x,
    /// y) covers columns [x - n/2, x - n/2 + n), n/2 rounded down. Patches that do not fit entirely are dropped and
    /// counted.
    /// @param patches (k, n, n) complex64, side n may be smaller than N (trimmed) @param positions (k, 2) float64 (x,
    /// y) of the patch centres
    /// @param weights (k, n, n) or (n, n) float32, >= 0
    /// @throws Error(Shape), Error(InvalidArgument) for negative weights
    void add(const at::Tensor& patches, const at::Tensor& positions, const at::Tensor& weights);

    std::int64_t added() const noexcept { return added_; }
    std::int64_t dropped() const noexcept { return dropped_; }

    /// Weighted mean, (H, W) complex64; pixels with less than @p coverage of the largest weight get @p fill.
    at::Tensor object(double fill = 0, double coverage = 1e-3) const;
    /// Patches cut out of an image in the canvas's frame, (k, side, side), where add() would put them: bilinear between
    /// pixels, exact copies on whole ones. Beyond the canvas the nearest pixel is repeated.
    /// @param image (H, W) complex64 @param positions (k, 2) float64 (x, y) of the patch centres
    at::Tensor cut(const at::Tensor& image, const at::Tensor& positions, std::int64_t side) const;
    /// (H, W) float32: sum of weights.
    at::Tensor weights() const;
    /// (H, W) bool: weights of at least @p coverage of the largest; a pixel without weight never is.
    at::Tensor covered(double coverage = 1e-3) const;

private:
    std::vector<kernels::cpu::SplatPlace> places_of(const at::Tensor& positions, std::int64_t side) const;
    double least_weight(double coverage) const;

    std::int64_t height_, width_, origin_x_, origin_y_;
    at::Tensor sum_;    ///< (H, W, 2) float64
    at::Tensor weight_; ///< (H, W) float64
    std::int64_t added_ = 0;
    std::int64_t dropped_ = 0;
};

} // namespace ptk::reconstruction
