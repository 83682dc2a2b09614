#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

/// Positions split into the whole-pixel corner of the patch and the fraction that shifts the probe:
/// corner = floor(position + 1/2) - N/2, fraction = position - floor(position + 1/2) in [-1/2, 1/2).
struct PixelGrid {
    at::Tensor corners;   ///< (n, 2) int64 (x, y): first column and row of each patch
    at::Tensor fractions; ///< (n, 2) float64 (x, y)
};
PixelGrid pixel_grid(const at::Tensor& positions, std::int64_t side);

/// Merge overlapping patches of each group on the object's whole-pixel grid with weights, then cut every patch out
/// again: what one object has to say about all frames of the group. Exact copies, no interpolation; differentiable in
/// the patches.
///   merged(r) = sum_g w_g(r) o_g(r) / max(sum_g w_g(r), 1e-12)
/// @param patches  (B, G, N, N) complex
/// @param corners  (B, G, 2) int64 (x, y)
/// @param weights  (B, G, N, N) real, >= 0
/// @return (B, G, N, N) complex
at::Tensor merge_and_cut(const at::Tensor& patches, const at::Tensor& corners, const at::Tensor& weights);

// PtychoPINN's way, by bilinear interpolation (reference digest 4.1, 4.2; golden phys_translation,
// phys_merge_extract_*):

/// Its mask: one in rows and columns N/4 ... N/4 + N/2 - 1, (N, N).
at::Tensor central_half(std::int64_t side, const at::TensorOptions& options);
/// Move the content of each image by +offset (x, y) pixels, bilinear, zero outside. @param images (n, H, W) @param
/// offsets (n, 2)
at::Tensor translated(const at::Tensor& images, const at::Tensor& offsets);

/// @param patches   (B, C, N, N) complex64; @param relative (B, C, 2): centre minus position
/// @param padded    side M of the merged region; @return (B, M, M)
at::Tensor merge_central_mask(const at::Tensor& patches, const at::Tensor& relative, std::int64_t padded);
/// @param weights   (B or 1, C or 1, N, N), e.g. the probe's intensity; or undefined for the central half
at::Tensor merge_weighted(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& weights,
                          std::int64_t padded, bool probe_threshold);
/// Cut C patches of side N out of the merged region. @return (B, C, N, N)
at::Tensor extract_patches(const at::Tensor& merged, const at::Tensor& relative, std::int64_t side);
/// Side of the merged region for a grid of groups (digest 4.1, get_bigN).
std::int64_t padded_side(std::int64_t side, std::int64_t grid, double max_neighbour_distance);

} // namespace ptk::physics
