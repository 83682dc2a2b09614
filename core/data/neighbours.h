#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

namespace ptk::data {

// Exact nearest neighbours in the plane: on a grid of cells where the points are spread evenly, O(n k), by a k-d tree
// where they are clustered, O(n k log n); only thousands of points at one place make it slow. Ties in distance are
// broken by index, so that a result depends on the positions only.

/// k nearest neighbours of every point, itself included, sorted by (distance, index). @return (n, k) int64
/// @throws Error(Shape) when there are fewer than k points
at::Tensor nearest_neighbours(const at::Tensor& positions, std::int64_t k);

/// Which points count as neighbours: those at smallest <= distance <= largest (pixels), the point itself or not.
struct Window {
    double smallest = 0;
    double largest = std::numeric_limits<double>::infinity();
    bool itself = true;
};

/// The k nearest of the points inside the window around each of @p centres, sorted by (distance, index); -1 where there
/// are fewer.
/// @param positions  (n, 2) pixels @param centres  (m) int64, indices into positions; undefined for all of them
/// @return (m, k) int64
at::Tensor neighbours_within(const at::Tensor& positions, const at::Tensor& centres, std::int64_t k,
                             const Window& window);

} // namespace ptk::data
