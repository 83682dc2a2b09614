#include "simulation/raster.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ptk::simulation {

namespace {

void paint_inside(std::int64_t height, std::int64_t width, std::int64_t row, std::int64_t column, const Paint& paint)
{
    if (row >= 0 && row < height && column >= 0 && column < width)
        paint(row, column);
}

/// One pixel for each step along the longer axis; halves go to the smaller index.
void outline(std::int64_t height, std::int64_t width, Corner a, Corner b, const Paint& paint)
{
    const auto steps = std::max(std::abs(b.x - a.x), std::abs(b.y - a.y));
    const auto nearest = [&](std::int64_t from, std::int64_t to, std::int64_t i) {
        return static_cast<std::int64_t>(std::ceil(
            static_cast<double>(from) + static_cast<double>((to - from) * i) / static_cast<double>(steps) - 0.5));
    };
    if (steps == 0)
        return paint_inside(height, width, a.y, a.x, paint);
    for (std::int64_t i = 0; i <= steps; ++i)
        paint_inside(height, width, nearest(a.y, b.y, i), nearest(a.x, b.x, i), paint);
}

struct Crossings {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void add(double x)
    {
        low = std::min(low, x);
        high = std::max(high, x);
    }
};

Crossings crossings_of(const std::vector<Corner>& corners, std::int64_t row)
{
    Crossings found;
    for (std::size_t i = 0; i < corners.size(); ++i) {
        const auto a = corners[i], b = corners[(i + 1) % corners.size()];
        if (row < std::min(a.y, b.y) || row > std::max(a.y, b.y))
            continue;
        if (a.y == b.y) {
            found.add(static_cast<double>(a.x));
            found.add(static_cast<double>(b.x));
        } else {
            found.add(static_cast<double>(a.x) +
                      static_cast<double>((b.x - a.x) * (row - a.y)) / static_cast<double>(b.y - a.y));
        }
    }
    return found;
}

/// Rows and columns, cut to the picture, that a shape of this half extent can touch.
struct Box {
    std::int64_t top, bottom, left, right;
};
Box box_of(std::int64_t height, std::int64_t width, double x_low, double x_high, double y_low, double y_high)
{
    const auto cut = [](double value, std::int64_t length) {
        return static_cast<std::int64_t>(std::clamp(value, -1.0, static_cast<double>(length)));
    };
    return {
        std::max<std::int64_t>(0, cut(std::floor(y_low), height)), std::min(height - 1, cut(std::ceil(y_high), height)),
        std::max<std::int64_t>(0, cut(std::floor(x_low), width)), std::min(width - 1, cut(std::ceil(x_high), width))};
}

template <class Inside> void fill_box(const Box& box, const Inside& inside, const Paint& paint)
{
    for (auto row = box.top; row <= box.bottom; ++row)
        for (auto column = box.left; column <= box.right; ++column)
            if (inside(static_cast<double>(column), static_cast<double>(row)))
                paint(row, column);
}

} // namespace

void fill_polygon(std::int64_t height, std::int64_t width, const std::vector<Corner>& corners, const Paint& paint)
{
    if (corners.empty())
        return;
    const auto [top, bottom] =
        std::minmax_element(corners.begin(), corners.end(), [](Corner a, Corner b) { return a.y < b.y; });
    for (auto row = std::max<std::int64_t>(0, top->y); row <= std::min(height - 1, bottom->y); ++row) {
        const auto found = crossings_of(corners, row);
        const auto last = static_cast<std::int64_t>(std::floor(found.high));
        for (auto column = static_cast<std::int64_t>(std::ceil(found.low)); column <= last; ++column)
            paint_inside(height, width, row, column, paint);
    }
    for (std::size_t i = 0; i < corners.size(); ++i)
        outline(height, width, corners[i], corners[(i + 1) % corners.size()], paint);
}

void fill_disk(std::int64_t height, std::int64_t width, Point centre, double radius, const Paint& paint)
{
    const auto box = box_of(height, width, centre.x - radius, centre.x + radius, centre.y - radius, centre.y + radius);
    fill_box(
        box,
        [&](double x, double y) {
            return (x - centre.x) * (x - centre.x) + (y - centre.y) * (y - centre.y) <= radius * radius;
        },
        paint);
}

void fill_ellipse(std::int64_t height, std::int64_t width, Point centre, double a, double b, double angle,
                  const Paint& paint)
{
    const double reach = std::max(a, b), c = std::cos(angle), s = std::sin(angle);
    const auto box = box_of(height, width, centre.x - reach, centre.x + reach, centre.y - reach, centre.y + reach);
    fill_box(
        box,
        [&](double x, double y) {
            const double u = ((x - centre.x) * c + (y - centre.y) * s) / a,
                         v = ((y - centre.y) * c - (x - centre.x) * s) / b;
            return u * u + v * v <= 1;
        },
        paint);
}

void fill_segment(std::int64_t height, std::int64_t width, Point from, Point to, double thickness, const Paint& paint)
{
    const double half = thickness / 2, dx = to.x - from.x, dy = to.y - from.y, length2 = dx * dx + dy * dy;
    const auto box = box_of(height, width, std::min(from.x, to.x) - half, std::max(from.x, to.x) + half,
                            std::min(from.y, to.y) - half, std::max(from.y, to.y) + half);
    fill_box(
        box,
        [&](double x, double y) {
            const double t =
                length2 > 0 ? std::clamp(((x - from.x) * dx + (y - from.y) * dy) / length2, 0.0, 1.0) : 0.0;
            return std::hypot(x - from.x - t * dx, y - from.y - t * dy) <= half;
        },
        paint);
}

} // namespace ptk::simulation
