#include "simulation/scan_points.h"

#include "base/distributions.h"
#include "base/error.h"
#include "base/text.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ptk::simulation {

namespace {

constexpr double pi = std::numbers::pi;

std::int64_t columns_for(std::int64_t count)
{
    auto columns = static_cast<std::int64_t>(std::sqrt(static_cast<double>(count)));
    while (columns * columns < count)
        ++columns;
    return columns;
}

std::vector<Point> raster(std::int64_t count, double step)
{
    const auto columns = columns_for(count);
    std::vector<Point> points;
    for (std::int64_t i = 0; i < count; ++i)
        points.push_back({step * static_cast<double>(i % columns), step * static_cast<double>(i / columns)});
    return points;
}

std::vector<Point> rings(std::int64_t count, double step)
{
    std::vector<Point> points{{0, 0}};
    for (std::int64_t ring = 1; static_cast<std::int64_t>(points.size()) < count; ++ring) {
        const auto on_ring = std::lround(2 * pi * static_cast<double>(ring));
        for (std::int64_t i = 0; i < on_ring && static_cast<std::int64_t>(points.size()) < count; ++i) {
            const double angle = 2 * pi * static_cast<double>(i) / static_cast<double>(on_ring);
            points.push_back({step * static_cast<double>(ring) * std::cos(angle),
                              step * static_cast<double>(ring) * std::sin(angle)});
        }
    }
    return points;
}

std::vector<Point> spiral(std::int64_t count, double step)
{
    const double golden_angle = pi * (3 - std::sqrt(5.0));
    std::vector<Point> points;
    for (std::int64_t k = 0; k < count; ++k) {
        const double r = step * std::sqrt(static_cast<double>(k) / pi), angle = golden_angle * static_cast<double>(k);
        points.push_back({r * std::cos(angle), r * std::sin(angle)});
    }
    return points;
}

void centre(std::vector<Point>& points)
{
    const auto [left, right] =
        std::minmax_element(points.begin(), points.end(), [](Point a, Point b) { return a.x < b.x; });
    const auto [top, bottom] =
        std::minmax_element(points.begin(), points.end(), [](Point a, Point b) { return a.y < b.y; });
    const double x = (left->x + right->x) / 2, y = (top->y + bottom->y) / 2;
    for (auto& point : points)
        point = {point.x - x, point.y - y};
}

} // namespace

const std::vector<std::string>& scan_kinds()
{
    static const std::vector<std::string> kinds{"grid", "raster", "fermat", "concentric", "random"};
    return kinds;
}

std::vector<Point> scan_points(const std::string& kind, std::int64_t count, double step, double jitter,
                               std::mt19937_64& random)
{
    std::vector<Point> points;
    if (kind == "raster" || kind == "grid") {
        points = raster(count, step);
        if (kind == "grid")
            for (auto& point : points) {
                point.x += base::uniform(random, -jitter, jitter) * step;
                point.y += base::uniform(random, -jitter, jitter) * step;
            }
    } else if (kind == "fermat") {
        points = spiral(count, step);
    } else if (kind == "concentric") {
        points = rings(count, step);
    } else {
        require(kind == "random", Status::InvalidConfig, "simulation.scan: '{}' is not known{}", kind,
                base::did_you_mean(kind, scan_kinds()));
        const double side = step * std::sqrt(static_cast<double>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            const double x = base::uniform(random) * side;
            points.push_back({x, base::uniform(random) * side});
        }
    }
    centre(points);
    return points;
}

std::vector<Point> jittered_raster(std::int64_t height, std::int64_t width, std::int64_t side, std::int64_t count,
                                   const std::function<double()>& draw)
{
    const auto columns = columns_for(count);
    const auto border = static_cast<double>(side / 2);
    const auto spacing = [&](std::int64_t length) {
        return columns > 1 ? (static_cast<double>(length) - 2 * border) / static_cast<double>(columns - 1) : 0;
    };
    const double step_x = spacing(width), step_y = spacing(height), jitter = 0.3 * std::min(step_x, step_y);
    std::vector<Point> points(static_cast<std::size_t>(columns * columns));
    for (std::size_t i = 0; i < points.size(); ++i)
        points[i].x =
            border + step_x * static_cast<double>(static_cast<std::int64_t>(i) % columns) + (2 * draw() - 1) * jitter;
    for (std::size_t i = 0; i < points.size(); ++i)
        points[i].y =
            border + step_y * static_cast<double>(static_cast<std::int64_t>(i) / columns) + (2 * draw() - 1) * jitter;
    points.resize(static_cast<std::size_t>(count));
    return points;
}

} // namespace ptk::simulation
