// Products of lines of pixels with packed weights, for convolutions that are direct sums. Internal linkage, see
// vector.inl.
#include "kernels/cpu/products.inl"

namespace {

/// A matrix in panels of two vectors of columns (the last may be one), each by row; columns beyond the last are zero.
struct Packed {
    const float* data;
    Size depth;   ///< rows
    Size columns; ///< in whole vectors
};

/// @param value  of (row, column)
template <class Value> void pack(Size depth, Size columns, const Value& value, float* packed)
{
    for (Size panel = 0; panel < columns; panel += 2 * lanes) {
        const Size width = smaller(2 * lanes, columns - panel);
        for (Size row = 0; row < depth; ++row) {
            for (Size column = 0; column < width; ++column)
                packed[panel * depth + row * width + column] = value(row, panel + column);
        }
    }
}

/// A run of values of the first pixel, and the rows of the matrix that they meet.
struct Tap {
    const float* values;
    Size first, depth;
};

/// c(p, :) = sum over taps t, k of t.values(p a_row + offset + k) panel(t.first + k, :)
template <int rows, int width>
[[gnu::noinline]] void multiply_taps(const Tap* taps, Size count, Size offset, Size a_row, const float* panel, float* c,
                                     Size c_row)
{
    Vector sum[rows][width] = {};
    for (Size tap = 0; tap < count; ++tap) {
        const float* a = taps[tap].values + offset;
        const float* b = panel + taps[tap].first * width * lanes;
        for (Size k = 0; k < taps[tap].depth; ++k) {
            Vector right[width];
#pragma GCC unroll 2
            for (int v = 0; v < width; ++v)
                right[v] = load(b + (k * width + v) * lanes);
#pragma GCC unroll 12
            for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
                for (int v = 0; v < width; ++v)
                    sum[r][v] += right[v] * a[r * a_row + k];
            }
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v)
            store(c + r * c_row + v * lanes, sum[r][v]);
    }
}

using MultiplyTaps = decltype(&multiply_taps<1, 1>);

/// The function for a number of rows, from 1 to most.
template <int width, int most = PTK_ROWS> MultiplyTaps multiply_taps_of(Size rows)
{
    if constexpr (most > 1) {
        if (rows < most)
            return multiply_taps_of<width, most - 1>(rows);
    }
    return multiply_taps<most, width>;
}

/// Pixels one after the other: their values a_row apart, their results c_row.
void multiply_line(const Packed& weights, const Tap* taps, Size count, Size a_row, Size pixels, float* c, Size c_row)
{
    if (pixels <= 0)
        return;
    const Groups groups(pixels);
    const MultiplyTaps functions[2][2] = {{multiply_taps_of<1>(groups.size), multiply_taps_of<1>(groups.size + 1)},
                                          {multiply_taps_of<2>(groups.size), multiply_taps_of<2>(groups.size + 1)}};
    for (Size column = 0; column < weights.columns; column += 2 * lanes) {
        const auto& function = functions[column + lanes < weights.columns];
        for (Size group = 0, pixel = 0; group < groups.count; ++group) {
            const Size rows = groups.rows_of(group);
            function[rows - groups.size](taps, count, pixel * a_row, a_row, weights.data + column * weights.depth,
                                         c + pixel * c_row + column, c_row);
            pixel += rows;
        }
    }
}

/// c(r, :) += sum over pixels p of a(p, r) b(p, :)
void add_products(const float* a, Size a_row, Size rows, const float* b, Size b_row, Size pixels, float* c,
                  Size columns)
{
    if (pixels <= 0)
        return;
    const Groups groups(rows);
    const MultiplyTransposed functions[2][2] = {
        {multiply_transposed_of<1>(groups.size), multiply_transposed_of<1>(groups.size + 1)},
        {multiply_transposed_of<2>(groups.size), multiply_transposed_of<2>(groups.size + 1)}};
    for (Size column = 0; column < columns; column += 2 * lanes) {
        const auto& function = functions[column + lanes < columns];
        for (Size group = 0, row = 0; group < groups.count; ++group) {
            const Size here = groups.rows_of(group);
            function[here - groups.size](a + row, a_row, b + column, b_row, pixels, false, c + row * columns + column,
                                         columns);
            row += here;
        }
    }
}

/// Bias and activation of pixels that lie padded in @p line.
template <Activation activation> void finish_line(const Result& result, Size first, Size pixels, const float* line)
{
    const Size row = padded(result.channels);
    for (Size pixel = 0; pixel < pixels; ++pixel) {
        const Size index = (first + pixel) * result.channels;
        Size channel = 0;
        for (; channel + lanes <= result.channels; channel += lanes) {
            const Vector bias = result.bias ? load(result.bias + channel) : Vector{};
            finish<activation, true>(result, index + channel, load(line + pixel * row + channel) + bias, lanes);
        }
        if (channel == result.channels)
            continue;
        const Size count = result.channels - channel;
        const Vector bias = result.bias ? load_part(result.bias + channel, count) : Vector{};
        finish<activation, false>(result, index + channel, load(line + pixel * row + channel) + bias, count);
    }
}

void finish_line(Activation activation, const Result& result, Size first, Size pixels, const float* line)
{
    if (activation == Activation::Relu)
        return finish_line<Activation::Relu>(result, first, pixels, line);
    if (activation == Activation::Gelu)
        return finish_line<Activation::Gelu>(result, first, pixels, line);
    finish_line<Activation::None>(result, first, pixels, line);
}

} // namespace
