#include "simulation/objects.h"

#include "base/distributions.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "simulation/raster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

namespace ptk::simulation {

namespace {

using base::uniform;
constexpr double pi = std::numbers::pi;

/// Improved Perlin noise: gradients of a shuffled table, quintic fade.
class Perlin {
public:
    explicit Perlin(std::mt19937_64& random)
    {
        std::iota(table_.begin(), table_.begin() + 256, 0);
        for (std::size_t i = 255; i > 0; --i)
            std::swap(table_[i], table_[base::uniform_below(random, i + 1)]);
        std::copy_n(table_.begin(), 256, table_.begin() + 256);
    }

    double operator()(double x, double y) const
    {
        const double fx = std::floor(x), fy = std::floor(y);
        const auto i = static_cast<std::size_t>(static_cast<std::int64_t>(fx) & 255),
                   j = static_cast<std::size_t>(static_cast<std::int64_t>(fy) & 255);
        const double u = x - fx, v = y - fy, a = fade(u), b = fade(v);
        const double top = mix(a, slope(i, j, u, v), slope(i + 1, j, u - 1, v));
        const double bottom = mix(a, slope(i, j + 1, u, v - 1), slope(i + 1, j + 1, u - 1, v - 1));
        return mix(b, top, bottom);
    }

private:
    static double fade(double t) { return t * t * t * (t * (t * 6 - 15) + 10); }
    static double mix(double t, double a, double b) { return a + t * (b - a); }
    double slope(std::size_t i, std::size_t j, double x, double y) const
    {
        const double angle = 2 * pi * table_[(static_cast<std::size_t>(table_[i & 255]) + j) & 511] / 256;
        return std::cos(angle) * x + std::sin(angle) * y;
    }
    std::array<int, 512> table_{};
};

double shorter(std::int64_t height, std::int64_t width)
{
    return static_cast<double>(std::min(height, width));
}

Point random_point(std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    const double x = uniform(random) * static_cast<double>(width);
    return {x, uniform(random) * static_cast<double>(height)};
}

std::int64_t random_between(std::mt19937_64& random, std::int64_t low, std::int64_t high)
{
    return low + static_cast<std::int64_t>(base::uniform_below(random, static_cast<std::uint64_t>(high - low + 1)));
}

/// Adds a layer: its mask, slightly blurred, times an intensity.
void add_layer(Field& base, const Field& mask, std::mt19937_64& random)
{
    const auto soft = blurred(mask, uniform(random));
    const double intensity = uniform(random, 0.5, 0.9);
    for (std::size_t i = 0; i < base.values.size(); ++i)
        base.values[i] += intensity * soft.values[i];
}

enum class Layer { Disks, Ellipses, Lines };

Field layer_mask(Layer layer, std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    Field mask(height, width);
    const auto paint = [&](std::int64_t row, std::int64_t column) { mask(row, column) = 1; };
    const double side = shorter(height, width);
    const double scaling = std::max(0.25, side / 256);
    const auto count = static_cast<std::int64_t>((layer == Layer::Disks      ? 40
                                                  : layer == Layer::Ellipses ? 130
                                                                             : 60) *
                                                 scaling);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto centre = random_point(height, width, random);
        if (layer == Layer::Disks) {
            fill_disk(height, width, centre, uniform(random, std::max(3.0, side / 40), std::max(4.0, side / 30)),
                      paint);
        } else if (layer == Layer::Ellipses) {
            const double a = uniform(random, std::max(1.0, side / 50), std::max(2.0, side / 10)),
                         b = uniform(random, std::max(1.0, side / 50), std::max(2.0, side / 10));
            fill_ellipse(height, width, centre, a, b, uniform(random) * pi, paint);
        } else {
            const auto end = random_point(height, width, random);
            fill_segment(height, width, centre, end, uniform(random, 1, std::max(2.0, side / 50)), paint);
        }
    }
    return mask;
}

} // namespace

const std::vector<std::string>& object_kinds()
{
    static const std::vector<std::string> kinds{"dead_leaves",   "lines",  "siemens_star", "white_noise",
                                                "blurred_noise", "perlin", "layered",      "polyhedra"};
    return kinds;
}

Field noise_map(std::int64_t height, std::int64_t width, double sigma, std::mt19937_64& random)
{
    Field field(height, width);
    for (auto& value : field.values)
        value = uniform(random);
    field = blurred(field, sigma);
    normalise(field);
    return field;
}

Field perlin_map(std::int64_t height, std::int64_t width, std::int64_t octaves, std::mt19937_64& random)
{
    const Perlin noise(random);
    const double cell = std::max(1.0, shorter(height, width) / 4);
    Field field(height, width);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            for (std::int64_t octave = 0; octave < octaves; ++octave) {
                const double scale = std::ldexp(1.0, static_cast<int>(octave)) / cell;
                // Offset, because every octave is zero at the lattice points of the first.
                field(y, x) +=
                    std::ldexp(noise(static_cast<double>(x) * scale + 0.37, static_cast<double>(y) * scale + 0.61),
                               -static_cast<int>(octave));
            }
    normalise(field);
    return field;
}

Field lines_map(std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    // 400 lines with both ends anywhere in a picture of twice the side, for a side of 392.
    const auto count = std::max<std::int64_t>(8, static_cast<std::int64_t>(400.0 * shorter(height, width) / 392));
    Field drawn(height, width);
    for (std::int64_t i = 0; i < count; ++i) {
        auto from = random_point(2 * height, 2 * width, random), to = random_point(2 * height, 2 * width, random);
        const double left = static_cast<double>(width) / 2, top = static_cast<double>(height) / 2;
        fill_segment(height, width, {from.x - left, from.y - top}, {to.x - left, to.y - top}, 1,
                     [&](std::int64_t row, std::int64_t column) { drawn(row, column) = 1; });
    }
    const auto narrow = blurred(drawn, 1), medium = blurred(drawn, 5), wide = blurred(drawn, 10);
    for (std::size_t i = 0; i < drawn.values.size(); ++i)
        drawn.values[i] = narrow.values[i] + 2 * medium.values[i] + 5 * wide.values[i];
    normalise(drawn);
    return drawn;
}

Field siemens_map(std::int64_t height, std::int64_t width, std::int64_t spokes)
{
    constexpr int samples = 4;
    const double side = shorter(height, width), inner = 0.02 * side, outer = 0.45 * side;
    Field field(height, width);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            for (int k = 0; k < samples * samples; ++k) {
                const double dx =
                    static_cast<double>(x) + (k % samples + 0.5) / samples - static_cast<double>(width) / 2;
                const double dy =
                    static_cast<double>(y) + (k / samples + 0.5) / samples - static_cast<double>(height) / 2;
                const double r = std::hypot(dx, dy);
                if (r >= inner && r <= outer && std::sin(static_cast<double>(spokes) * std::atan2(dy, dx)) > 0)
                    field(y, x) += 1.0 / (samples * samples);
            }
    return field;
}

Field layered_map(std::int64_t height, std::int64_t width, std::mt19937_64& random)
{
    Field base(height, width);
    for (auto& value : base.values)
        value = uniform(random, 0, 0.02);
    const bool disks_first = uniform(random) < 0.5;
    for (const auto layer :
         {disks_first ? Layer::Disks : Layer::Ellipses, disks_first ? Layer::Ellipses : Layer::Disks, Layer::Lines})
        add_layer(base, layer_mask(layer, height, width, random), random);
    const auto octaves = random_between(random, 4, 7);
    const double weight = uniform(random, 0.3, 0.4);
    const auto noise = perlin_map(height, width, octaves, random);
    for (std::size_t i = 0; i < base.values.size(); ++i)
        base.values[i] += weight * noise.values[i];
    base = blurred(base, uniform(random));
    normalise(base);
    return base;
}

ComplexField through(const Matter& matter, Range amplitude, Range phase)
{
    Field modulus = matter.absorption, angle = matter.shift;
    for (auto& value : modulus.values)
        value = std::exp(-value);
    for (auto& value : angle.values)
        value = -value;
    stretch(modulus, amplitude);
    stretch(angle, phase);
    return from_amplitude_phase(modulus, angle);
}

ComplexField make_object(const ObjectRecipe& recipe, std::mt19937_64& random)
{
    const auto h = recipe.height, w = recipe.width;
    const auto mapped = [&](const Field& base) { return complex_object(base, recipe.amplitude, recipe.phase); };
    if (recipe.kind == "dead_leaves") {
        std::vector<Leaf> leaves;
        for (int i = 0; i < 500; ++i)
            leaves.push_back(random_leaf(h, w, random));
        return through(dead_leaves(h, w, leaves), recipe.amplitude, recipe.phase);
    }
    if (recipe.kind == "polyhedra")
        return through(polyhedra(h, w, random), recipe.amplitude, recipe.phase);
    if (recipe.kind == "lines")
        return mapped(lines_map(h, w, random));
    if (recipe.kind == "siemens_star")
        return mapped(siemens_map(h, w, recipe.spokes));
    if (recipe.kind == "white_noise")
        return mapped(noise_map(h, w, 0, random));
    if (recipe.kind == "blurred_noise")
        return mapped(noise_map(h, w, recipe.blur, random));
    if (recipe.kind == "perlin")
        return mapped(perlin_map(h, w, random_between(random, 3, 7), random));
    require(recipe.kind == "layered", Status::InvalidConfig, "simulation.object: '{}' is not known{}", recipe.kind,
            base::did_you_mean(recipe.kind, object_kinds()));
    return mapped(layered_map(h, w, random));
}

} // namespace ptk::simulation
