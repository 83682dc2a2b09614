#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::reconstruction {

// PtychoPINN's canvases, number for number (reference digest 6.2, 6.3; golden reasm_*). Canvas and reconstruct() are
// ours: a frame of whole pixels that other programs can name, where these lie around the mean of the positions.

/// Where a canvas lies: pixel (r, c) is at (x, y) = (centre_x + c - width / 2, centre_y + r - height / 2), halves
/// rounded down.
struct PtychoPinnLayout {
    double centre_x = 0;
    double centre_y = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
};
/// Around the mean of all positions, repeated ones counted as often: 2 @p trim pixels and twice the farthest
/// position's distance, rounded up, along each axis. @param positions (..., 2) (x, y), pixels
PtychoPinnLayout ptychopinn_layout(const at::Tensor& positions, std::int64_t trim);

/// The central @p trim pixels of the patches spread between the pixels of the layout's canvas with weights, as
/// VectorizedWeightedAccumulator: sum w p / (sum w + 1e-12).
/// @param patches    (..., N, N) complex64 @param positions (..., 2) of their centres
/// @param probe      (P, N, N) complex, whose summed intensity is the weight; undefined: all weigh the same
/// @param trim       even, at most N
/// @return (H, W) complex64, 0 where no patch reached
at::Tensor ptychopinn_barycentric(const at::Tensor& patches, const at::Tensor& positions, const at::Tensor& probe,
                                  std::int64_t trim);

/// Sums of patches moved to their places by bilinear interpolation, and of ones moved along: their quotient is the
/// object where the second is above zero.
struct PtychoPinnSums {
    at::Tensor sum;  ///< (M, M) complex64
    at::Tensor ones; ///< (M, M) float32
};
/// Each patch by itself, central @p middle pixels. @param patches (n, N, N) @param positions (n, 2)
PtychoPinnSums ptychopinn_translated(const at::Tensor& patches, const at::Tensor& positions, std::int64_t middle);
/// Groups, merged with the central mask first. @param patches (n, C, N, N) @param relative (n, C, 2) centre minus
/// position @param centres (n, 2)
PtychoPinnSums ptychopinn_translated(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& centres,
                                     std::int64_t middle);

} // namespace ptk::reconstruction
