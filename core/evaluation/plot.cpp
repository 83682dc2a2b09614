// write_curves(): layout, axes and lines of a plot.
#include "base/error.h"
#include "evaluation/colour.h"
#include "evaluation/drawing.h"
#include "evaluation/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace ptk::evaluation {

namespace {

constexpr std::int64_t height = 600, width = 960;
constexpr std::int64_t left = 120, bottom = height - 76,
                       right = width - 28; ///< the frame of the plot; its top is below the legend
constexpr int dot = 2;                     ///< pixels of a dot of the text
constexpr Rgb white{255, 255, 255}, ink{40, 40, 40}, line_grey{225, 225, 225};

struct Tick {
    double value;
    std::string text;
};

struct Axis {
    Range range;
    std::vector<Tick> ticks;

    /// 0 at the low, 1 at the high end.
    double fraction(double value) const
    {
        if (range.scale == Range::Scale::Logarithmic)
            return (std::log(value) - std::log(range.low)) / (std::log(range.high) - std::log(range.low));
        return (value - range.low) / (range.high - range.low);
    }
};

/// The smallest of 1, 2, 5 times a power of ten that is at least @p step.
double round_step(double step)
{
    const double decade = std::pow(10, std::floor(std::log10(step)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * decade >= step * (1 - 1e-9))
            return factor * decade;
    return 10 * decade;
}

/// Ticks at multiples of @p step within a range.
std::vector<Tick> even_ticks(const Range& range, double step)
{
    std::vector<Tick> ticks;
    for (double n = std::ceil(range.low / step - 1e-6); n <= range.high / step + 1e-6; ++n)
        ticks.push_back({n * step, fmt::format("{:.6g}", n * step + 0.0)});
    return ticks;
}

Axis epoch_axis(std::size_t epochs)
{
    Axis axis{.range = {.low = 1, .high = static_cast<double>(std::max<std::size_t>(epochs, 2))}, .ticks = {}};
    axis.ticks = even_ticks(axis.range, std::max(1.0, round_step((axis.range.high - axis.range.low) / 9)));
    return axis;
}

/// A little room above and below, so that no line runs on the frame.
Axis linear_axis(double low, double high)
{
    const double size = std::max(std::abs(low), std::abs(high));
    // A single value, or values equal but for rounding: a range around them that can be told apart.
    const double around = size > 1e-300 ? 0.2 * size : 1;
    const double spread = size > 1e-300 && high - low > 1e-9 * size ? high - low : around;
    const double middle = low / 2 + high / 2, half = spread / 2 * 1.1;
    Axis axis{.range = {.low = middle - half, .high = middle + half}, .ticks = {}};
    axis.ticks = even_ticks(axis.range, round_step(2 * half / 6));
    return axis;
}

/// high / low may be beyond what a double holds.
double decades_between(double low, double high)
{
    return std::log10(high) - std::log10(low);
}

Axis logarithmic_axis(double low, double high)
{
    const double room = std::pow(10, std::min(0.05 * decades_between(low, high), 3.0));
    Axis axis{.range = {low / room, high * room, Range::Scale::Logarithmic}, .ticks = {}};
    const double decades = decades_between(axis.range.low, axis.range.high);
    const double every = std::ceil(decades / 10); // label at most about ten decades
    for (double exponent = std::floor(std::log10(axis.range.low)); exponent <= std::log10(axis.range.high); ++exponent)
        for (const double factor : {1.0, 2.0, 5.0}) {
            const double value = factor * std::pow(10, exponent);
            const bool wanted = factor == 1 ? std::fmod(exponent, every) == 0 : decades < 2.5;
            if (wanted && value >= axis.range.low && value <= axis.range.high)
                axis.ticks.push_back({value, fmt::format("{:.6g}", value)});
        }
    return axis;
}

/// Finite, with room to compute with.
bool can_be_drawn(double value)
{
    return std::abs(value) < 1e300;
}

/// @throws Error(InvalidArgument) when there is nothing to draw
Axis value_axis(const std::vector<Curve>& curves, const std::string& path)
{
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Curve& curve : curves)
        for (const double value : curve.values)
            if (can_be_drawn(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
    require(low <= high, Status::InvalidArgument, "{}: none of the {} curves has a finite value", path, curves.size());
    return low > 1e-300 && decades_between(low, high) > 1 ? logarithmic_axis(low, high) : linear_axis(low, high);
}

double column_of(const Axis& epochs, double epoch)
{
    return static_cast<double>(left) + epochs.fraction(epoch) * static_cast<double>(right - left);
}

double row_of(const Axis& values, double value, std::int64_t top)
{
    return static_cast<double>(bottom) - values.fraction(value) * static_cast<double>(bottom - top);
}

/// Hues a golden angle apart stay different for any number of curves.
Rgb curve_colour(std::size_t index)
{
    return oklch(0.58, 0.16, 4.5 + static_cast<double>(index) * std::numbers::pi * (3 - std::sqrt(5.0)));
}

/// The beginning of a text that fits into so many pixels.
std::string fitted(const std::string& text, std::int64_t pixels)
{
    std::string shown = text;
    while (!shown.empty() && text_width(shown, dot) > pixels)
        shown.pop_back();
    return shown;
}

void draw_axes(Raster& picture, const Axis& epochs, const Axis& values, std::int64_t top)
{
    for (const Tick& tick : values.ticks) {
        const std::int64_t row = std::lround(row_of(values, tick.value, top));
        fill(picture, row, left, row + 1, right, line_grey);
        draw_text(picture, left - 12 - text_width(tick.text, dot), row - 7, tick.text, dot, ink);
    }
    for (const Tick& tick : epochs.ticks) {
        const std::int64_t column = std::lround(column_of(epochs, tick.value));
        fill(picture, top, column, bottom, column + 1, line_grey);
        draw_text(picture, column - text_width(tick.text, dot) / 2, bottom + 12, tick.text, dot, ink);
    }
    fill(picture, top, left, bottom + 1, left + 2, ink);
    fill(picture, bottom, left, bottom + 2, right, ink);
    const std::string name = "epoch";
    draw_text(picture, (left + right - text_width(name, dot)) / 2, bottom + 42, name, dot, ink);
}

void draw_curve(Raster& picture, const Curve& curve, const Axis& epochs, const Axis& values, std::int64_t top,
                Rgb colour)
{
    const auto shown = [&curve](std::size_t i) { return i < curve.values.size() && can_be_drawn(curve.values[i]); };
    const auto place = [&](std::size_t i) {
        return Place{column_of(epochs, static_cast<double>(i + 1)), row_of(values, curve.values[i], top)};
    };
    for (std::size_t i = 0; i < curve.values.size(); ++i) {
        if (!shown(i))
            continue;
        if (shown(i + 1))
            draw_line(picture, place(i), place(i + 1), 2.5, colour);
        else if (i == 0 || !shown(i - 1))
            draw_line(picture, place(i), place(i), 7, colour); // a point alone must be seen
    }
}

/// Names with a piece of their line, in rows above the frame, where they cannot hide a curve.
class Legend {
public:
    explicit Legend(const std::vector<Curve>& curves)
    {
        std::int64_t row = 0, column = left;
        for (const Curve& curve : curves) {
            const std::string label = fitted(curve.label, right - left - sample);
            const std::int64_t size = sample + text_width(label, dot);
            if (column > left && column + size > right) {
                column = left;
                ++row;
            }
            entries_.push_back({row, column, label});
            column += size + gap;
        }
        // However many curves there are, the plot keeps more than half of the picture.
        rows_ = std::min<std::int64_t>(row + 1, 9);
    }

    std::int64_t height() const { return rows_ * line; }

    void draw(Raster& picture, std::int64_t top) const
    {
        for (std::size_t i = 0; i < entries_.size() && entries_[i].row < rows_; ++i) {
            const std::int64_t row = top + entries_[i].row * line, column = entries_[i].column;
            const double middle = static_cast<double>(row) + 6.5;
            draw_line(picture, {static_cast<double>(column), middle},
                      {static_cast<double>(column + sample - 12), middle}, 3, curve_colour(i));
            draw_text(picture, column + sample, row, entries_[i].label, dot, ink);
        }
    }

private:
    static constexpr std::int64_t line = 24, sample = 36, gap = 28;
    struct Entry {
        std::int64_t row, column;
        std::string label;
    };
    std::vector<Entry> entries_;
    std::int64_t rows_ = 0;
};

} // namespace

Range write_curves(const std::vector<Curve>& curves, const std::string& title, const std::string& path)
{
    const Axis values = value_axis(curves, path);
    std::size_t longest = 0;
    for (const Curve& curve : curves)
        longest = std::max(longest, curve.values.size());
    const Axis epochs = epoch_axis(longest);

    const Legend legend(curves);
    constexpr std::int64_t title_row = 20, legend_row = 50;
    const std::int64_t top = legend_row + legend.height() + 6;

    Raster picture(height, width, white);
    draw_text(picture, left, title_row, fitted(title, right - left), dot, ink);
    legend.draw(picture, legend_row);
    draw_axes(picture, epochs, values, top);
    for (std::size_t i = 0; i < curves.size(); ++i)
        draw_curve(picture, curves[i], epochs, values, top, curve_colour(i));
    write_png(picture, path);
    return values.range;
}

} // namespace ptk::evaluation
