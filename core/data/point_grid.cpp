#include "data/point_grid.h"

#include <cmath>

namespace ptk::data {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
/// Pairs of points in the same cell, over those of points at random.
constexpr double most_crowding = 4;

struct Box {
    double left = infinity, right = -infinity, top = infinity, bottom = -infinity;
};

Box box_of(const double* xy, std::int64_t count)
{
    Box box;
    for (std::int64_t i = 0; i < count; ++i) {
        box.left = std::min(box.left, xy[2 * i]);
        box.right = std::max(box.right, xy[2 * i]);
        box.top = std::min(box.top, xy[2 * i + 1]);
        box.bottom = std::max(box.bottom, xy[2 * i + 1]);
    }
    return box;
}

bool are_finite(const double* xy, std::int64_t count)
{
    double sum = 0; // zero, or not a number
    for (std::int64_t i = 0; i < 2 * count; ++i)
        sum += xy[i] * 0;
    return sum == 0;
}

/// From each line on the smallest number of all that follow, up to each one the largest of all before.
void accumulate(std::vector<double>& smallest, std::vector<double>& largest)
{
    for (auto i = static_cast<std::int64_t>(smallest.size()) - 2; i >= 0; --i)
        smallest[i] = std::min(smallest[i], smallest[i + 1]);
    for (std::size_t i = 1; i < largest.size(); ++i)
        largest[i] = std::max(largest[i], largest[i - 1]);
}

double square(double x)
{
    return x * x;
}

} // namespace

std::optional<PointGrid> PointGrid::made(const double* xy, std::int64_t count, double cell)
{
    if (!are_finite(xy, count))
        return std::nullopt;
    const auto box = box_of(xy, count);
    const double width = box.right - box.left, height = box.bottom - box.top;
    // A line of points has as many cells as an area.
    const double number = static_cast<double>(count) / cell;
    const double side = std::max(std::sqrt(width * height / number), std::max(width, height) / number);
    const double scale = 1 / side;
    if (!(side > 0) || !std::isfinite(side) || !std::isfinite(scale))
        return std::nullopt;

    PointGrid grid;
    grid.xy_ = xy;
    grid.left_ = box.left;
    grid.top_ = box.top;
    grid.scale_ = scale;
    grid.columns_ = grid.column_of(box.right) + 1;
    grid.rows_ = grid.row_of(box.bottom) + 1;
    grid.sort(xy, count);
    if (!grid.is_even(cell))
        return std::nullopt;
    grid.find_edges();
    return grid;
}

void PointGrid::sort(const double* xy, std::int64_t count)
{
    start_.assign(static_cast<std::size_t>(columns_ * rows_ + 1), 0);
    std::vector<std::int64_t> cells(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        cells[i] = row_of(xy[2 * i + 1]) * columns_ + column_of(xy[2 * i]);
        ++start_[cells[i] + 1];
    }
    for (std::int64_t c = 0; c < columns_ * rows_; ++c)
        start_[c + 1] += start_[c];
    order_.resize(static_cast<std::size_t>(count));
    sorted_.resize(static_cast<std::size_t>(2 * count));
    std::vector<std::int64_t> next(start_.begin(), start_.end() - 1);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto place = next[cells[i]]++;
        order_[place] = i;
        sorted_[2 * place] = xy[2 * i];
        sorted_[2 * place + 1] = xy[2 * i + 1];
    }
}

bool PointGrid::is_even(double cell) const
{
    double pairs = 0;
    for (std::int64_t c = 0; c < columns_ * rows_; ++c)
        pairs += square(static_cast<double>(start_[c + 1] - start_[c]));
    return pairs <= most_crowding * (cell + 1) * static_cast<double>(order_.size());
}

void PointGrid::find_edges()
{
    smallest_x_.assign(static_cast<std::size_t>(columns_), infinity);
    largest_x_.assign(static_cast<std::size_t>(columns_), -infinity);
    smallest_y_.assign(static_cast<std::size_t>(rows_), infinity);
    largest_y_.assign(static_cast<std::size_t>(rows_), -infinity);
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const double x = sorted_[2 * i], y = sorted_[2 * i + 1];
        const auto column = column_of(x), row = row_of(y);
        smallest_x_[column] = std::min(smallest_x_[column], x);
        largest_x_[column] = std::max(largest_x_[column], x);
        smallest_y_[row] = std::min(smallest_y_[row], y);
        largest_y_[row] = std::max(largest_y_[row], y);
    }
    accumulate(smallest_x_, largest_x_);
    accumulate(smallest_y_, largest_y_);
}

inline void PointGrid::offer(std::int64_t row, std::int64_t first, std::int64_t last, double x, double y,
                             Nearest& nearest) const
{
    const auto begin = start_[row * columns_ + first], end = start_[row * columns_ + last + 1];
    for (auto i = begin; i < end; ++i) {
        const double distance = square(x - sorted_[2 * i]) + square(y - sorted_[2 * i + 1]);
        if (distance <= nearest.worst())
            nearest.addPoint(distance, order_[i]);
    }
}

double PointGrid::margin(std::int64_t left, std::int64_t right, std::int64_t top, std::int64_t bottom, double x,
                         double y) const
{
    // By the coordinates of the points that are there, so that rounding cannot put one on the wrong side.
    double nearest = infinity;
    if (left > 0)
        nearest = std::min(nearest, x - largest_x_[left - 1]);
    if (right + 1 < columns_)
        nearest = std::min(nearest, smallest_x_[right + 1] - x);
    if (top > 0)
        nearest = std::min(nearest, y - largest_y_[top - 1]);
    if (bottom + 1 < rows_)
        nearest = std::min(nearest, smallest_y_[bottom + 1] - y);
    return square(nearest);
}

void PointGrid::search(std::int64_t self, Nearest& nearest) const
{
    const double x = xy_[2 * self], y = xy_[2 * self + 1];
    const auto column = column_of(x), row = row_of(y);
    // A square of three cells first, then rings around it.
    for (std::int64_t reach = 1;; ++reach) {
        const auto left = std::max<std::int64_t>(column - reach, 0), right = std::min(column + reach, columns_ - 1);
        const auto top = std::max<std::int64_t>(row - reach, 0), bottom = std::min(row + reach, rows_ - 1);
        for (auto r = top; r <= bottom; ++r) {
            if (reach == 1 || r == row - reach || r == row + reach) {
                offer(r, left, right, x, y, nearest);
                continue;
            }
            if (column - reach >= 0)
                offer(r, left, left, x, y, nearest);
            if (column + reach < columns_)
                offer(r, right, right, x, y, nearest);
        }
        const double rest = margin(left, right, top, bottom, x, y);
        // As far away may still be a better tie.
        if (rest == infinity || rest > nearest.worst())
            return;
    }
}

} // namespace ptk::data
