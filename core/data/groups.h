#pragma once
#include "base/numpy_random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>

namespace ptk::data {

// Groups are rows of indices into the frames: (groups, G) int64. Ties in distance are broken by index, so that a result
// depends on the positions and the seed only.

/// One frame in each group. @param positions (n, 2) @return (n, 1)
at::Tensor single_groups(const at::Tensor& positions);

/// Tiles: every frame with its G - 1 nearest others, itself first, by distance. @return (n, G)
/// @throws Error(Shape) when there are fewer than G frames
at::Tensor tile_groups(const at::Tensor& positions, std::int64_t group_size);

/// PtychoPINN's 'Nearest': for each frame, @p samples random draws of C among itself and its K nearest, without
/// repetition; for C = 1 the frame itself, as often. Each set of C is equally likely (Fisher-Yates).
/// @return (n * samples, C): all draws of the first frame, then those of the second ...
/// @throws Error(InvalidConfig) when C > K + 1; Error(Shape) when there are fewer than K + 1 frames
at::Tensor nearest_groups(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                          std::int64_t samples, std::mt19937_64& random);

/// The same with NumPy's legacy generator, equal draw for draw to the reference after np.random.seed() (compat =
/// "ptychopinn"). The generator is left where the reference's is.
at::Tensor nearest_groups_like_numpy(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                                     std::int64_t samples, base::NumpyRandom& random);
/// The same from a fresh generator.
at::Tensor nearest_groups_like_numpy(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                                     std::int64_t samples, std::uint32_t seed);

/// k nearest neighbours of every point, itself included, sorted by (distance, index); exact. O(n k log n) by a k-d
/// tree, also for clustered points and lines; only thousands of points at one place make it slow. @return (n, k) int64
/// @throws Error(Shape) when there are fewer than k points
at::Tensor nearest_neighbours(const at::Tensor& positions, std::int64_t k);

/// Mean position of each group, (groups, 1, 2), and centre minus position, (groups, G, 2), in pixels, float64
/// (PtychoPINN's sign).
struct RelativePositions {
    at::Tensor centre;
    at::Tensor relative;
};
RelativePositions relative_positions(const at::Tensor& positions, const at::Tensor& groups);

/// Factor that brings amplitudes to a mean square of one per pixel: sqrt(N^2 / mean_n sum_hw A^2) (PtychoPINN,
/// Parseval, Batch); with
/// @p half_side, (N/2)^2 instead of N^2. @param mean_power  mean_n sum_hw A^2
/// @throws Error(InvalidArgument) when @p mean_power is not a positive number
double parseval_scale(double mean_power, std::int64_t side, bool half_side);

} // namespace ptk::data
