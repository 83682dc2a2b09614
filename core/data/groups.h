#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>

namespace ptk::data {

// Groups are rows of indices into the frames: (groups, G) int64. Ties in distance are broken by index, so that a result depends on the
// positions and the seed only.

/// One frame in each group. @param positions (n, 2) @return (n, 1)
at::Tensor single_groups(const at::Tensor& positions);

/// Tiles: every frame with its G - 1 nearest others, itself first, by distance. @return (n, G)
/// @throws Error(Shape) when there are fewer than G frames
at::Tensor tile_groups(const at::Tensor& positions, std::int64_t group_size);

/// PtychoPINN's 'Nearest': for each frame, @p samples random draws of C among itself and its K nearest, without repetition.
/// @return (n * samples, C)
at::Tensor nearest_groups(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours, std::int64_t samples, std::mt19937_64& random);

/// The same draws as NumPy's legacy generator makes after np.random.seed(seed) (compat = "ptychopinn").
at::Tensor nearest_groups_like_numpy(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours, std::int64_t samples, std::uint32_t seed);

/// k nearest neighbours of every point, itself included, sorted by (distance, index). @return (n, k) int64
at::Tensor nearest_neighbours(const at::Tensor& positions, std::int64_t k);

/// Mean position of each group, (groups, 1, 2), and centre minus position, (groups, G, 2), in pixels, float64 (PtychoPINN's sign).
struct RelativePositions {
    at::Tensor centre;
    at::Tensor relative;
};
RelativePositions relative_positions(const at::Tensor& positions, const at::Tensor& groups);

/// Factor that brings amplitudes to a mean square of one per pixel pair: sqrt(N^2 / mean_n sum_hw A^2) (PtychoPINN, Parseval, Batch); with
/// @p half_side, (N/2)^2 instead of N^2. @param mean_power  mean_n sum_hw A^2
double parseval_scale(double mean_power, std::int64_t side, bool half_side);

}  // namespace ptk::data
