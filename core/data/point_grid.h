#pragma once
#include "data/nearest.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ptk::data {

/// Points of the plane sorted into square cells, for exact searches of near ones (Bentley, Weide & Yao, ACM Trans.
/// Math. Softw. 6, 563 (1980)). Faster than a tree where the points are spread evenly, as those of a scan are.
class PointGrid {
public:
    /// @param xy  (count) pairs x, y @param cell  points of a cell on average
    /// @return nothing when the points are clustered, so that many share a cell, or not finite
    static std::optional<PointGrid> made(const double* xy, std::int64_t count, double cell);

    /// Indices of the points in the order of their cells: searches in this order find what they need in the cache.
    const std::vector<std::int64_t>& order() const { return order_; }

    /// Offers all points to @p nearest that can be among its best around point @p self; begin() was called.
    void search(std::int64_t self, Nearest& nearest) const;

private:
    PointGrid() = default;
    std::int64_t column_of(double x) const { return static_cast<std::int64_t>((x - left_) * scale_); }
    std::int64_t row_of(double y) const { return static_cast<std::int64_t>((y - top_) * scale_); }
    void sort(const double* xy, std::int64_t count);
    bool is_even(double cell) const;
    void find_edges();
    void offer(std::int64_t row, std::int64_t first, std::int64_t last, double x, double y, Nearest& nearest) const;
    /// Squared distance from (x, y) that all points outside these columns and rows have at least.
    double margin(std::int64_t left, std::int64_t right, std::int64_t top, std::int64_t bottom, double x,
                  double y) const;

    const double* xy_ = nullptr;
    double left_ = 0, top_ = 0, scale_ = 0;
    std::int64_t columns_ = 1, rows_ = 1;
    std::vector<std::int64_t> start_; ///< of each cell in order_, row by row; and the end
    std::vector<std::int64_t> order_;
    std::vector<double> sorted_; ///< pairs in order_
    /// Of the points in the columns (rows) from each one on the smallest coordinate, of those up to it the largest.
    std::vector<double> smallest_x_, largest_x_, smallest_y_, largest_y_;
};

} // namespace ptk::data
