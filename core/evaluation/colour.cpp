#include "evaluation/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace ptk::evaluation {

namespace {

constexpr double pi = std::numbers::pi;
using Linear = std::array<double, 3>; ///< linear sRGB, 0 ... 1 when it can be shown

Linear to_linear(double lightness, double chroma, double hue)
{
    const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
    const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

bool can_be_shown(const Linear& colour)
{
    constexpr double slack = 1e-4;
    return std::all_of(colour.begin(), colour.end(), [](double c) { return c >= -slack && c <= 1 + slack; });
}

/// IEC 61966-2-1.
std::uint8_t encode(double linear)
{
    const double c = std::clamp(linear, 0.0, 1.0);
    const double value = c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
    return static_cast<std::uint8_t>(std::lround(255 * value));
}

/// Colours are looked up: a picture has millions of pixels and the gamut takes a search.
constexpr std::size_t steps = 1024;
using Table = std::array<Rgb, steps>;

template <class Colour> Table tabulate(double last, const Colour& colour)
{
    Table table;
    for (std::size_t i = 0; i < steps; ++i)
        table[i] = colour(static_cast<double>(i) / last);
    return table;
}

/// 0 ... 1 around the circle, from -pi.
double turn_of(double phase)
{
    const double turns = phase / (2 * pi) + 0.5;
    return turns - std::floor(turns);
}

} // namespace

Rgb oklch(double lightness, double chroma, double hue)
{
    double low = 0, high = chroma;
    if (can_be_shown(to_linear(lightness, chroma, hue)))
        low = chroma;
    for (int halving = 0; low < high && halving < 20; ++halving) {
        const double middle = (low + high) / 2;
        (can_be_shown(to_linear(lightness, middle, hue)) ? low : high) = middle;
    }
    const Linear colour = to_linear(lightness, low, hue);
    return {encode(colour[0]), encode(colour[1]), encode(colour[2])};
}

Rgb sequential_colour(double value)
{
    static const Table table = tabulate(steps - 1, [](double t) {
        const double hue = (295 - 190 * t) * pi / 180;
        return oklch(0.22 + 0.72 * t, 0.13 + 0.03 * t, hue);
    });
    return table[static_cast<std::size_t>(std::lround(std::clamp(value, 0.0, 1.0) * (steps - 1)))];
}

Rgb cyclic_colour(double phase)
{
    static const Table table = tabulate(steps, [](double t) {
        const double angle = 2 * pi * (t - 0.5);
        return oklch(0.66 + 0.14 * std::cos(angle), 0.13, angle + 1.5);
    });
    return table[static_cast<std::size_t>(turn_of(phase) * steps) % steps];
}

Rgb wave_colour(double phase, double brightness)
{
    // Scaling lightness and chroma together stays within sRGB when the brightest colour of the hue does.
    const double level = std::clamp(brightness, 0.0, 1.0);
    const Linear colour = to_linear(0.76 * level, 0.125 * level, phase + 0.5);
    return {encode(colour[0]), encode(colour[1]), encode(colour[2])};
}

Rgb grey_level(double value)
{
    const auto level = static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
    return {level, level, level};
}

} // namespace ptk::evaluation
