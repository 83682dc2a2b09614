#pragma once
#include "simulation/field.h"

#include <functional>

namespace ptk::simulation {

/// A point in pixels.
struct Point {
    double x, y;
};
/// A corner on the pixel grid.
struct Corner {
    std::int64_t x, y;
};

/// What is done to each pixel of a shape; pixels outside the picture are left out. A pixel may be visited more than
/// once.
using Paint = std::function<void(std::int64_t row, std::int64_t column)>;

/// Convex polygon with its outline, as scan lines between the outermost crossings; equal to OpenCV's fillPoly but for
/// single pixels of the outline.
void fill_polygon(std::int64_t height, std::int64_t width, const std::vector<Corner>& corners, const Paint& paint);
/// Pixels with (x - cx)^2 + (y - cy)^2 <= r^2.
void fill_disk(std::int64_t height, std::int64_t width, Point centre, double radius, const Paint& paint);
/// Ellipse of half axes a (along the angle) and b.
void fill_ellipse(std::int64_t height, std::int64_t width, Point centre, double a, double b, double angle,
                  const Paint& paint);
/// Pixels whose centre lies within half of @p thickness of the segment.
void fill_segment(std::int64_t height, std::int64_t width, Point from, Point to, double thickness, const Paint& paint);

} // namespace ptk::simulation
