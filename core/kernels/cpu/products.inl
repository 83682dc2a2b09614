// What the convolutions share: where values come from and go, matrix products on register tiles of rows x (width
// vectors), at most PTK_ROWS x 2. Internal linkage, see vector.inl.
#include "kernels/cpu/activation.h"
#include "kernels/cpu/vector.inl"

namespace {

using ptk::kernels::cpu::Activation;

PTK_INLINE Size smaller(Size a, Size b)
{
    return a < b ? a : b;
}

PTK_INLINE Size larger(Size a, Size b)
{
    return a < b ? b : a;
}

/// Quotient, rounded up.
PTK_INLINE Size over(Size a, Size b)
{
    return (a + b - 1) / b;
}

/// Channels in whole vectors.
PTK_INLINE Size padded(Size channels)
{
    return over(channels, lanes) * lanes;
}

// ---- values: images as they are, or a gradient through an activation ----

/// Each of these has expect(): what lies there is wanted soon. Images stream through; the processor does not see that
/// the tile to the right comes next.
struct Plain {
    const float* x;
    PTK_INLINE void expect(Size index) const { __builtin_prefetch(x + index); }
    template <bool whole> PTK_INLINE Vector at(Size index, Size count) const
    {
        return whole ? load(x + index) : load_part(x + index, count);
    }
};

struct ThroughRelu {
    const float* dy;
    const float* y;
    PTK_INLINE void expect(Size index) const
    {
        __builtin_prefetch(dy + index);
        __builtin_prefetch(y + index);
    }
    template <bool whole> PTK_INLINE Vector at(Size index, Size count) const
    {
        const Vector out = Plain{y}.at<whole>(index, count), gradient = Plain{dy}.at<whole>(index, count);
        return out <= 0 ? Vector{} : gradient;
    }
};

struct ThroughGelu {
    const float* dy;
    const float* slope;
    PTK_INLINE void expect(Size index) const
    {
        __builtin_prefetch(dy + index);
        __builtin_prefetch(slope + index);
    }
    template <bool whole> PTK_INLINE Vector at(Size index, Size count) const
    {
        return Plain{dy}.at<whole>(index, count) * Plain{slope}.at<whole>(index, count);
    }
};

/// Where results go.
struct Result {
    float* y;
    float* slope;      ///< or null
    const float* bias; ///< or null
    Size channels;
    bool halved = false; ///< y has the sums over squares of four, of a convolution without bias and activation

    /// Something will soon be written there.
    PTK_INLINE void expect(Size index) const
    {
        __builtin_prefetch(y + index, 1);
        if (slope)
            __builtin_prefetch(slope + index, 1);
    }
};

template <bool whole> PTK_INLINE void put(float* out, Vector value, Size count)
{
    if (whole)
        store(out, value);
    else
        store_part(out, value, count);
}

template <Activation activation, bool whole>
PTK_INLINE void finish(const Result& result, Size index, Vector z, Size count)
{
    if constexpr (activation == Activation::Relu)
        z = relu(z);
    if constexpr (activation == Activation::Gelu) {
        Vector slope;
        z = gelu(z, slope);
        if (result.slope)
            put<whole>(result.slope + index, slope, count);
    }
    put<whole>(result.y + index, z, count);
}

// ---- products ----

/// c(r, :) += sum_t a(t, r) b(t, :), the sum made apart, which rounds less; the first time c is overwritten.
template <int rows, int width>
[[gnu::noinline]] void multiply_transposed(const float* a, Size a_row, const float* b, Size b_row, Size depth,
                                           bool first, float* c, Size c_row)
{
    for (int r = 0; r < rows; ++r) { // wanted at the end
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v)
            __builtin_prefetch(c + r * c_row + v * lanes, 1);
    }
    Vector sum[rows][width] = {};
    for (Size t = 0; t < depth; ++t) {
        Vector right[width];
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v)
            right[v] = load(b + t * b_row + v * lanes);
#pragma GCC unroll 12
        for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
            for (int v = 0; v < width; ++v)
                sum[r][v] += right[v] * a[t * a_row + r];
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v)
            store(c + r * c_row + v * lanes, first ? sum[r][v] : load(c + r * c_row + v * lanes) + sum[r][v]);
    }
}

using MultiplyTransposed = decltype(&multiply_transposed<1, 1>);

/// The function for a number of rows, from 1 to most.
template <int width, int most = PTK_ROWS> MultiplyTransposed multiply_transposed_of(Size rows)
{
    if constexpr (most > 1) {
        if (rows < most)
            return multiply_transposed_of<width, most - 1>(rows);
    }
    return multiply_transposed<most, width>;
}

/// Rows cut into groups of nearly equal size, at most PTK_ROWS: first those of size + 1 rows, then those of size.
struct Groups {
    explicit Groups(Size rows) : count(over(rows, PTK_ROWS)), size(rows / count), longer(rows % count) {}
    Size rows_of(Size group) const { return size + (group < longer ? 1 : 0); }
    Size count, size, longer;
};

} // namespace
