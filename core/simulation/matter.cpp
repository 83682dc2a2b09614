// Objects of matter with a thickness: dead leaves and polyhedra.
#include "base/distributions.h"
#include "base/random.h"
#include "simulation/objects.h"
#include "simulation/raster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace ptk::simulation {

namespace {

using base::uniform;
constexpr double pi = std::numbers::pi;

/// Radii in whole pixels, drawn by the nearest of 200 steps of the distribution.
class Radii {
public:
    explicit Radii(std::int64_t resolution)
    {
        const auto low = std::max(1.0, std::floor(0.03 * static_cast<double>(resolution)));
        const auto high = std::max(low + 1, std::floor(0.2 * static_cast<double>(resolution)));
        double sum = 0;
        for (std::size_t i = 0; i < radius_.size(); ++i) {
            radius_[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(radius_.size() - 1);
            cumulative_[i] = sum += 1 / (radius_[i] * radius_[i] * radius_[i]) - 1 / (high * high * high);
        }
        for (auto& value : cumulative_)
            value /= sum;
    }
    double of(double draw) const
    {
        const auto nearest = std::min_element(cumulative_.begin(), cumulative_.end(), [&](double a, double b) {
            return std::abs(a - draw) < std::abs(b - draw);
        });
        return std::floor(radius_[static_cast<std::size_t>(nearest - cumulative_.begin())]);
    }

private:
    std::array<double, 200> radius_{};
    std::array<double, 200> cumulative_{};
};

std::vector<Point> outline_of(const Leaf& leaf, double radius)
{
    if (leaf.shape == Leaf::Shape::Square || leaf.shape == Leaf::Shape::Rectangle) {
        const bool square = leaf.shape == Leaf::Shape::Square;
        const double aspect = square ? pi / 4 : leaf.angles[0], rotation = leaf.angles[square ? 0 : 1];
        const double a = radius * std::cos(aspect), b = radius * std::sin(aspect), c = std::cos(rotation),
                     s = std::sin(rotation);
        std::vector<Point> corners;
        for (const auto& [x, y] : {Point{-a, -b}, Point{a, -b}, Point{a, b}, Point{-a, b}})
            corners.push_back({x * c - y * s, x * s + y * c});
        return corners;
    }
    auto angles = leaf.angles;
    std::sort(angles.begin(), angles.end());
    std::vector<Point> corners;
    for (const double angle : angles)
        corners.push_back({radius * std::cos(angle), radius * std::sin(angle)});
    return corners;
}

void paint_leaf(Matter& matter, const Leaf& leaf, double radius)
{
    constexpr double thickness = 3;
    const double absorption = std::max(0.001 * std::pow(leaf.absorption_draw, 1.5), 1e-7);
    const auto paint = [&](std::int64_t row, std::int64_t column) {
        matter.absorption(row, column) = thickness * absorption;
        matter.shift(row, column) = thickness * absorption * leaf.ratio;
    };
    const auto h = matter.absorption.height, w = matter.absorption.width;
    const Point centre{static_cast<double>(leaf.x), static_cast<double>(leaf.y)};
    if (leaf.shape == Leaf::Shape::Circle)
        return fill_disk(h, w, centre, radius, paint);
    std::vector<Corner> corners;
    for (const auto& point : outline_of(leaf, radius))
        corners.push_back(
            {static_cast<std::int64_t>(centre.x + point.x), static_cast<std::int64_t>(centre.y + point.y)});
    fill_polygon(h, w, corners, paint);
}

using Vector = std::array<double, 3>;

double dot(const Vector& a, const Vector& b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vector random_direction(std::mt19937_64& random)
{
    for (;;) {
        const Vector v{uniform(random, -1, 1), uniform(random, -1, 1), uniform(random, -1, 1)};
        const double length = std::sqrt(dot(v, v));
        if (length > 0.05 && length < 1)
            return {v[0] / length, v[1] / length, v[2] / length};
    }
}

/// Normals of the twenty faces of an icosahedron: the corners of its dual, the dodecahedron.
std::array<Vector, 20> face_normals()
{
    constexpr double golden = std::numbers::phi;
    std::array<Vector, 20> normals{};
    std::size_t n = 0;
    for (const double a : {-1.0, 1.0})
        for (const double b : {-1.0, 1.0}) {
            for (const double c : {-1.0, 1.0})
                normals[n++] = {a, b, c};
            normals[n++] = {0, a / golden, b * golden};
            normals[n++] = {a / golden, b * golden, 0};
            normals[n++] = {a * golden, 0, b / golden};
        }
    for (auto& normal : normals) // all of length sqrt(3)
        for (auto& part : normal)
            part /= std::numbers::sqrt3;
    return normals;
}

/// A rotation by Gram-Schmidt of two random directions.
std::array<Vector, 3> random_rotation(std::mt19937_64& random)
{
    const auto a = random_direction(random);
    for (;;) {
        auto b = random_direction(random);
        const double along = dot(a, b);
        if (std::abs(along) > 0.95)
            continue;
        const double length = std::sqrt(1 - along * along);
        for (std::size_t i = 0; i < 3; ++i)
            b[i] = (b[i] - along * a[i]) / length;
        return {a, b, {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]}};
    }
}

/// Half spaces normal . r <= distance around the origin.
struct Polyhedron {
    std::array<Vector, 20> normals{};
    std::array<double, 20> distances{};
    double reach = 0; ///< no point is further away

    /// Length of the line along the beam through (x, y) inside the body scaled by @p factor.
    double thickness(double x, double y, double factor) const
    {
        double low = -2 * reach, high = 2 * reach;
        for (std::size_t i = 0; i < normals.size(); ++i) {
            const double rest = factor * distances[i] - normals[i][0] * x - normals[i][1] * y;
            if (std::abs(normals[i][2]) < 1e-12) {
                if (rest < 0)
                    return 0;
            } else if (normals[i][2] > 0) {
                high = std::min(high, rest / normals[i][2]);
            } else {
                low = std::max(low, rest / normals[i][2]);
            }
        }
        return std::max(0.0, high - low);
    }
};

Polyhedron random_polyhedron(double radius, std::mt19937_64& random)
{
    static const auto faces = face_normals();
    const auto rotation = random_rotation(random);
    const Vector stretch{uniform(random, 0.5, 1.5), uniform(random, 0.5, 1.5), uniform(random, 0.5, 1.5)};
    Polyhedron body;
    for (std::size_t i = 0; i < faces.size(); ++i) {
        // A face n . r = d of the stretched body has the normal n / stretch.
        const Vector n{faces[i][0] / stretch[0], faces[i][1] / stretch[1], faces[i][2] / stretch[2]};
        const double length = std::sqrt(dot(n, n));
        for (std::size_t axis = 0; axis < 3; ++axis)
            body.normals[i][axis] = dot(rotation[axis], n) / length;
        body.distances[i] = radius * uniform(random, 0.9, 1.1) / length;
    }
    // Corners of an icosahedron lie 1.26 inner radii away; 1.1 from the uneven faces, 1.5 from the stretch.
    body.reach = radius * 1.26 * 1.1 * 1.5 * 1.2;
    return body;
}

/// Adds the body around a centre to the picture.
void add_polyhedron(Matter& matter, const Polyhedron& body, Point centre, double absorption, double shift,
                    double hollow)
{
    const auto paint = [&](std::int64_t row, std::int64_t column) {
        const double x = static_cast<double>(column) - centre.x, y = static_cast<double>(row) - centre.y;
        const double length = body.thickness(x, y, 1) - (hollow > 0 ? body.thickness(x, y, hollow) : 0);
        matter.absorption(row, column) += absorption * length;
        matter.shift(row, column) += shift * length;
    };
    fill_disk(matter.absorption.height, matter.absorption.width, centre, body.reach, paint);
}

} // namespace

Leaf random_leaf(std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    Leaf leaf;
    leaf.shape = static_cast<Leaf::Shape>(base::uniform_below(random, 5));
    leaf.radius_draw = uniform(random);
    leaf.absorption_draw = uniform(random);
    leaf.ratio = std::max(1.0, 100 + 10 * base::normal(random));
    leaf.x = static_cast<std::int64_t>(base::uniform_below(random, static_cast<std::uint64_t>(width)));
    leaf.y = static_cast<std::int64_t>(base::uniform_below(random, static_cast<std::uint64_t>(height)));
    static constexpr std::array<int, 5> draws{0, 1, 2, 3, 4};
    for (int i = 0; i < draws[static_cast<std::size_t>(leaf.shape)]; ++i)
        leaf.angles.push_back(uniform(random) * 2 * pi);
    if (leaf.shape == Leaf::Shape::Rectangle)
        leaf.angles[0] /= 4; // an aspect, 0 to pi/2
    return leaf;
}

Matter dead_leaves(std::int64_t height, std::int64_t width, const std::vector<Leaf>& leaves)
{
    const Radii radii(height);
    Matter matter{Field(height, width), Field(height, width)};
    for (const auto& leaf : leaves)
        paint_leaf(matter, leaf, radii.of(leaf.radius_draw));
    return matter;
}

Matter polyhedra(std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    const double side = static_cast<double>(std::min(height, width));
    const auto count = 20 + std::max<std::int64_t>(0, (width - 200) / 5);
    Matter matter{Field(height, width), Field(height, width)};
    for (std::int64_t i = 0; i < count; ++i) {
        const auto body = random_polyhedron(side * uniform(random, 0.08, 0.12), random);
        const Point centre{uniform(random) * static_cast<double>(width), uniform(random) * static_cast<double>(height)};
        const double absorption = uniform(random, 0.0001, 0.0003), shift = uniform(random, 0.0005, 0.003);
        const double hollow = uniform(random) < 0.3 ? uniform(random, 0.9, 0.97) : 0;
        add_polyhedron(matter, body, centre, absorption, shift, hollow);
    }
    return matter;
}

} // namespace ptk::simulation
