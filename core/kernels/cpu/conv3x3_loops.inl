// The loops of conv3x3.h. Included once by each conv3x3*.cpp, which are compiled for different instruction sets:
// everything here has internal linkage and nothing calls inline functions of the standard library, so that the linker
// cannot mix the versions. PTK_LANES: floats of a vector; PTK_ROWS: rows of the register tile of a matrix product, two
// vectors wide.
#include "kernels/cpu/conv3x3.h"
#include "kernels/cpu/products.inl"
#include "kernels/cpu/workspace.h"

namespace {

using ptk::kernels::cpu::ConvolutionShape;
using ptk::kernels::cpu::Workspace;
using ptk::kernels::cpu::workspace;

constexpr Size points = 36;
constexpr Size most_parts = 16;
#if defined(__FMA__)
constexpr Size most_terms = 32; ///< of a sum that is made in one run: three quarters of the error of 64
#else
constexpr Size most_terms = 16; ///< fewer, because every product is rounded too
#endif

/// The images cut into tiles of 4 x 4 pixels, counted row by row, image by image.
struct Grid {
    explicit Grid(const ConvolutionShape& shape)
        : height(shape.height), width(shape.width), columns(over(shape.width, 4)),
          image(over(shape.height, 4) * columns), count(shape.batch * image)
    {
    }
    Size height, width;
    Size columns; ///< tiles in a row
    Size image;   ///< tiles in an image
    Size count;   ///< tiles in all
};

/// Where a tile is: its first pixel. Goes from tile to tile, because divisions are slow.
struct Place {
    Place(const Grid& grid, Size tile)
        : image(tile / grid.image), top(tile % grid.image / grid.columns * 4), left(tile % grid.columns * 4)
    {
        // An image holds whole rows of tiles, so the column does not need the tile's number in its image.
    }
    PTK_INLINE void next(const Grid& grid)
    {
        left += 4;
        if (left < grid.width)
            return;
        left = 0;
        top += 4;
        if (top < grid.height)
            return;
        top = 0;
        ++image;
    }
    Size image, top, left;
};

// ---- the transforms; the interpolation points are 0, +-a, +-b, infinity with a b = 1 ----

constexpr float a1 = 2.0F / 3, a2 = 4.0F / 9, a3 = 8.0F / 27;
constexpr float b1 = 3.0F / 2, b2 = 9.0F / 4, b3 = 27.0F / 8;
constexpr float ab = 97.0F / 36;       // a^2 + b^2
constexpr float norm_a = -81.0F / 130; // 1 / (2 a^2 (a^2 - b^2))
constexpr float norm_b = 8.0F / 65;    // 1 / (2 b^2 (b^2 - a^2))

/// Of the input: values of the polynomials that vanish at all points but one.
PTK_INLINE void transform_input(const Vector (&d)[6], Vector (&o)[6])
{
    const Vector p = d[4] - d[2] * b2, q = d[3] - d[1] * b2;
    const Vector r = d[4] - d[2] * a2, s = d[3] - d[1] * a2;
    o[0] = d[0] + d[4] - d[2] * ab;
    o[1] = p + q * a1;
    o[2] = p - q * a1;
    o[3] = r + s * b1;
    o[4] = r - s * b1;
    o[5] = d[1] + d[5] - d[3] * ab;
}

/// Of the product, back to four outputs.
PTK_INLINE void transform_output(const Vector (&m)[6], Vector (&o)[4])
{
    const Vector p = m[1] + m[2], q = m[1] - m[2];
    const Vector r = m[3] + m[4], s = m[3] - m[4];
    o[0] = m[0] + p + r;
    o[1] = q * a1 + s * b1;
    o[2] = p * a2 + r * b2;
    o[3] = q * a3 + (s * b3 + m[5]);
}

/// Transpose of transform_output: of the gradient by four outputs.
PTK_INLINE void transform_gradient(const Vector (&g)[4], Vector (&o)[6])
{
    const Vector p = g[0] + g[2] * a2, q = g[1] + g[3] * a2;
    const Vector r = g[0] + g[2] * b2, s = g[1] + g[3] * b2;
    o[0] = g[0];
    o[1] = p + q * a1;
    o[2] = p - q * a1;
    o[3] = r + s * b1;
    o[4] = r - s * b1;
    o[5] = g[3];
}

/// Of three weights: values of their polynomial at the points.
PTK_INLINE void transform_weights(const Vector (&k)[3], Vector (&o)[6])
{
    const Vector p = (k[0] + k[2] * a2) * norm_a, q = k[1] * (a1 * norm_a);
    const Vector r = (k[0] + k[2] * b2) * norm_b, s = k[1] * (b1 * norm_b);
    o[0] = k[0];
    o[1] = p + q;
    o[2] = p - q;
    o[3] = r + s;
    o[4] = r - s;
    o[5] = k[2];
}

/// Transpose of transform_weights.
PTK_INLINE void transform_weight_sums(const Vector (&m)[6], Vector (&o)[3])
{
    const Vector p = (m[1] + m[2]) * norm_a, q = (m[1] - m[2]) * (a1 * norm_a);
    const Vector r = (m[3] + m[4]) * norm_b, s = (m[3] - m[4]) * (b1 * norm_b);
    o[0] = m[0] + p + r;
    o[1] = q + s;
    o[2] = p * a2 + (r * b2 + m[5]);
}

// ---- tiles into the 36 matrices (tile, channel) and back ----

/// Some channels of the images around a tile.
template <class Source> struct Image {
    Source source;
    Size channels;
    Size stride;           ///< of pixels
    bool mirrored = false; ///< around the images, instead of zero
    bool doubled = false;  ///< each pixel stands for a square of four
};

/// Where a pixel just outside of n comes from when the image is mirrored there; the edge is not repeated.
PTK_INLINE Size reflected(Size place, Size n)
{
    if (place < 0)
        return -place;
    return place < n ? place : 2 * (n - 1) - place;
}

/// Rows of the 36 matrices for a block of tiles.
struct Matrices {
    float* data;
    Size stride; ///< of matrices
    Size row;    ///< of tiles
};

/// What lies a power of two apart falls into one set of the cache: a line more than the size avoids it.
constexpr Size line = 16;

/// From one tile to the next: channels in whole vectors.
PTK_INLINE Size matrix_row(Size channels)
{
    return padded(channels) + (channels >= 8 * line ? line : 0);
}

/// Space of one of the Matrices.
PTK_INLINE Size matrix_size(Size tiles, Size channels)
{
    return tiles * matrix_row(channels) + line;
}

PTK_INLINE Matrices matrices(float* data, Size tiles, Size channels)
{
    return {data, matrix_size(tiles, channels), matrix_row(channels)};
}

/// Space of one of the 36 matrices of packed weights.
PTK_INLINE Size packed_size(Size in, Size out)
{
    return in * padded(out) + line;
}

/// Values of pixel (i, j) of a tile of the input, whose pixel (1, 1) is at the place.
template <bool whole, class Source>
PTK_INLINE Vector mirrored_vector(const Image<Source>& x, const Grid& grid, const Place& place, Size i, Size j,
                                  Size channel, Size count)
{
    const Size row = reflected(place.top - 1 + i, grid.height), column = reflected(place.left - 1 + j, grid.width);
    // Farther outside is nothing that a result depends on.
    if (row < 0 || row >= grid.height || column < 0 || column >= grid.width)
        return Vector{};
    const Size pixel = (place.image * grid.height + row) * grid.width + column;
    return x.source.template at<whole>(pixel * x.stride + channel, count);
}

/// Where the n x n pixels around a tile at an edge lie. Those outside, which count as zero, have a place inside that is
/// not read. Made once for all channels, which saves half of such a tile's time.
template <Size n> struct Window {
    template <class Source> Window(const Image<Source>& x, Size image, Size top, Size left, Size height, Size width)
    {
        for (Size i = 0; i < n; ++i)
            for (Size j = 0; j < n; ++j) {
                const Size row = smaller(larger(top + i, 0), height - 1);
                const Size column = smaller(larger(left + j, 0), width - 1);
                there[i][j] = row == top + i && column == left + j;
                index[i][j] = ((image * height + row) * width + column) * x.stride;
            }
    }

    template <bool whole, class Source>
    PTK_INLINE Vector at(const Source& source, Size i, Size j, Size channel, Size count) const
    {
        if constexpr (lanes == 4) // which has no instruction for some of the lanes
            return there[i][j] ? source.template at<whole>(index[i][j] + channel, count) : Vector{};
        return source.template at<false>(index[i][j] + channel, there[i][j] ? count : 0);
    }

    Size index[n][n];
    bool there[n][n];
};

/// What a tile of the input sees: the image alone, or also what is around it.
enum class Around { Nothing, Zero, Mirror };

template <Around around, bool whole, class Source>
PTK_INLINE void input_vector(const Image<Source>& x, const Grid& grid, const Place& place, const Window<6>* window,
                             Size channel, Size count, float* out, Size step)
{
    Vector q[6][6];
    const Size first = ((place.image * grid.height + place.top - 1) * grid.width + place.left - 1) * x.stride + channel;
    for (Size j = 0; j < 6; ++j) {
        Vector d[6], o[6];
        for (Size i = 0; i < 6; ++i) {
            if constexpr (around == Around::Mirror) {
                d[i] = mirrored_vector<whole>(x, grid, place, i, j, channel, count);
                continue;
            }
            if constexpr (around == Around::Zero) {
                d[i] = window->template at<whole>(x.source, i, j, channel, count);
                continue;
            }
            d[i] = x.source.template at<whole>(first + (i * grid.width + j) * x.stride, count);
            if (j >= 2)
                x.source.expect(first + (i * grid.width + j + 4) * x.stride);
        }
        transform_input(d, o);
        for (Size i = 0; i < 6; ++i)
            q[i][j] = o[i];
    }
    for (Size i = 0; i < 6; ++i) {
        Vector o[6];
        transform_input(q[i], o);
        for (Size j = 0; j < 6; ++j)
            store(out + (i * 6 + j) * step, o[j]);
    }
}

template <Around around, class Source>
void input_tile(const Image<Source>& x, const Grid& grid, const Place& place, float* out, Size step)
{
    const auto fill = [&](const Window<6>* window) {
        Size channel = 0;
        for (; channel + lanes <= x.channels; channel += lanes)
            input_vector<around, true>(x, grid, place, window, channel, lanes, out + channel, step);
        if (channel < x.channels)
            input_vector<around, false>(x, grid, place, window, channel, x.channels - channel, out + channel, step);
    };
    if constexpr (around != Around::Zero)
        return fill(nullptr);
    const Window<6> window(x, place.image, place.top - 1, place.left - 1, grid.height, grid.width);
    fill(&window);
}

/// input_vector() of doubled images: of a tile's six lines and columns the second and third are one, and the fourth and
/// fifth.
template <bool inside, bool whole, class Source>
PTK_INLINE void doubled_vector(const Image<Source>& x, const Grid& grid, const Place& place, const Window<4>* window,
                               Size channel, Size count, float* out, Size step)
{
    constexpr Size from[6] = {0, 1, 1, 2, 2, 3};
    const Size height = grid.height / 2, width = grid.width / 2;
    const Size top = place.top / 2 - 1, left = place.left / 2 - 1;
    const Size first = ((place.image * height + top) * width + left) * x.stride + channel;
    Vector q[6][4];
    for (Size j = 0; j < 4; ++j) {
        Vector seen[4], d[6], o[6];
        for (Size i = 0; i < 4; ++i)
            seen[i] = inside ? x.source.template at<whole>(first + (i * width + j) * x.stride, count)
                             : window->template at<whole>(x.source, i, j, channel, count);
        for (Size i = 0; i < 6; ++i)
            d[i] = seen[from[i]];
        transform_input(d, o);
        for (Size i = 0; i < 6; ++i)
            q[i][j] = o[i];
    }
    for (Size i = 0; i < 6; ++i) {
        Vector d[6], o[6];
        for (Size j = 0; j < 6; ++j)
            d[j] = q[i][from[j]];
        transform_input(d, o);
        for (Size j = 0; j < 6; ++j)
            store(out + (i * 6 + j) * step, o[j]);
    }
}

template <bool inside, class Source>
void doubled_tile(const Image<Source>& x, const Grid& grid, const Place& place, float* out, Size step)
{
    const auto fill = [&](const Window<4>* window) {
        Size channel = 0;
        for (; channel + lanes <= x.channels; channel += lanes)
            doubled_vector<inside, true>(x, grid, place, window, channel, lanes, out + channel, step);
        if (channel < x.channels)
            doubled_vector<inside, false>(x, grid, place, window, channel, x.channels - channel, out + channel, step);
    };
    if constexpr (inside)
        return fill(nullptr);
    const Window<4> window(x, place.image, place.top / 2 - 1, place.left / 2 - 1, grid.height / 2, grid.width / 2);
    fill(&window);
}

template <class Source>
void doubled_tiles(const Image<Source>& x, const Grid& grid, Size begin, Size end, const Matrices& out)
{
    Place place(grid, begin);
    for (Size tile = begin; tile < end; ++tile, place.next(grid)) {
        const bool inside =
            place.top > 0 && place.left > 0 && place.top + 5 <= grid.height && place.left + 5 <= grid.width;
        float* row = out.data + (tile - begin) * out.row;
        if (inside)
            doubled_tile<true>(x, grid, place, row, out.stride);
        else
            doubled_tile<false>(x, grid, place, row, out.stride);
    }
}

template <class Source>
void input_tiles(const Image<Source>& x, const Grid& grid, Size begin, Size end, const Matrices& out)
{
    if (x.doubled)
        return doubled_tiles(x, grid, begin, end, out);
    Place place(grid, begin);
    for (Size tile = begin; tile < end; ++tile, place.next(grid)) {
        const bool inside =
            place.top > 0 && place.left > 0 && place.top + 5 <= grid.height && place.left + 5 <= grid.width;
        float* row = out.data + (tile - begin) * out.row;
        if (inside)
            input_tile<Around::Nothing>(x, grid, place, row, out.stride);
        else if (x.mirrored)
            input_tile<Around::Mirror>(x, grid, place, row, out.stride);
        else
            input_tile<Around::Zero>(x, grid, place, row, out.stride);
    }
}

template <bool inside, bool whole, class Source>
PTK_INLINE Vector gradient_vector(const Image<Source>& dy, const Grid& grid, const Place& place, Size channel,
                                  Size count, float* out, Size step)
{
    Vector q[6][4], sum = {};
    const Size first = ((place.image * grid.height + place.top) * grid.width + place.left) * dy.stride + channel;
    for (Size j = 0; j < 4; ++j) {
        Vector g[4], o[6];
        for (Size i = 0; i < 4; ++i) {
            const bool there = inside || (place.top + i < grid.height && place.left + j < grid.width);
            g[i] = there ? dy.source.template at<whole>(first + (i * grid.width + j) * dy.stride, count) : Vector{};
            dy.source.expect(first + (i * grid.width + j + 4) * dy.stride);
            sum += g[i];
        }
        transform_gradient(g, o);
        for (Size i = 0; i < 6; ++i)
            q[i][j] = o[i];
    }
    for (Size i = 0; i < 6; ++i) {
        Vector o[6];
        transform_gradient(q[i], o);
        for (Size j = 0; j < 6; ++j)
            store(out + (i * 6 + j) * step, o[j]);
    }
    return sum;
}

template <bool inside, class Source>
void gradient_tile(const Image<Source>& dy, const Grid& grid, const Place& place, float* sums, float* out, Size step)
{
    Size channel = 0;
    for (; channel + lanes <= dy.channels; channel += lanes) {
        const Vector sum = gradient_vector<inside, true>(dy, grid, place, channel, lanes, out + channel, step);
        store(sums + channel, load(sums + channel) + sum);
    }
    if (channel < dy.channels) {
        const Vector sum =
            gradient_vector<inside, false>(dy, grid, place, channel, dy.channels - channel, out + channel, step);
        store(sums + channel, load(sums + channel) + sum);
    }
}

/// @param sums  of the gradient over the tiles, added to
template <class Source>
void gradient_tiles(const Image<Source>& dy, const Grid& grid, Size begin, Size end, float* sums, const Matrices& out)
{
    Place place(grid, begin);
    for (Size tile = begin; tile < end; ++tile, place.next(grid)) {
        const bool inside = place.top + 4 <= grid.height && place.left + 4 <= grid.width;
        float* row = out.data + (tile - begin) * out.row;
        if (inside)
            gradient_tile<true>(dy, grid, place, sums, row, out.stride);
        else
            gradient_tile<false>(dy, grid, place, sums, row, out.stride);
    }
}

/// Sums over squares of four of what is left to be transformed along the rows.
template <bool whole>
PTK_INLINE void put_squares(const Result& result, const Grid& grid, const Place& place, Size channel, Size count,
                            const Vector (&q)[4][6])
{
    const Size height = grid.height / 2, width = grid.width / 2;
    for (Size i = 0; i < 2 && place.top + 2 * i < grid.height; ++i) {
        Vector upper[4], lower[4];
        transform_output(q[2 * i], upper);
        transform_output(q[2 * i + 1], lower);
        const Size first = ((place.image * height + place.top / 2 + i) * width + place.left / 2) * result.channels;
        for (Size j = 0; j < 2 && place.left + 2 * j < grid.width; ++j)
            put<whole>(result.y + first + j * result.channels + channel,
                       (upper[2 * j] + upper[2 * j + 1]) + (lower[2 * j] + lower[2 * j + 1]), count);
    }
}

template <Activation activation, bool whole>
PTK_INLINE void output_vector(const Result& result, const Grid& grid, const Place& place, Size channel, Size count,
                              const float* product, Size step)
{
    Vector q[4][6];
    for (Size j = 0; j < 6; ++j) {
        Vector m[6], o[4];
        for (Size i = 0; i < 6; ++i)
            m[i] = load(product + (i * 6 + j) * step);
        transform_output(m, o);
        for (Size i = 0; i < 4; ++i)
            q[i][j] = o[i];
    }
    if (result.halved)
        return put_squares<whole>(result, grid, place, channel, count, q);
    const Vector bias = result.bias ? Plain{result.bias}.at<whole>(channel, count) : Vector{};
    const Size rows = smaller(4, grid.height - place.top), columns = smaller(4, grid.width - place.left);
    for (Size i = 0; i < rows; ++i) {
        Vector o[4];
        transform_output(q[i], o);
        const Size first = ((place.image * grid.height + place.top + i) * grid.width + place.left) * result.channels;
        for (Size j = 0; j < columns; ++j) {
            result.expect(first + (j + 4) * result.channels + channel);
            finish<activation, whole>(result, first + j * result.channels + channel, o[j] + bias, count);
        }
    }
}

template <Activation activation>
void output_tiles(const Result& result, const Grid& grid, Size begin, Size end, const Matrices& product)
{
    Place place(grid, begin);
    for (Size tile = begin; tile < end; ++tile, place.next(grid)) {
        const float* row = product.data + (tile - begin) * product.row;
        Size channel = 0;
        for (; channel + lanes <= result.channels; channel += lanes)
            output_vector<activation, true>(result, grid, place, channel, lanes, row + channel, product.stride);
        if (channel < result.channels)
            output_vector<activation, false>(result, grid, place, channel, result.channels - channel, row + channel,
                                             product.stride);
    }
}

// ---- matrix products ----

/// c(r, :) = sum_k a(r, k) b(k, :), or is added to
template <int rows, int width>
[[gnu::noinline]] void multiply(const float* a, Size a_row, const float* b, Size depth, bool add, float* c, Size c_row)
{
    constexpr Size ahead = 16; // rows of b, which comes from afar the first time
    Vector sum[rows][width] = {};
    for (Size k = 0; k < depth; ++k) {
        Vector right[width];
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v) {
            right[v] = load(b + (k * width + v) * lanes);
            __builtin_prefetch(b + ((k + ahead) * width + v) * lanes);
        }
#pragma GCC unroll 12
        for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
            for (int v = 0; v < width; ++v)
                sum[r][v] += right[v] * a[r * a_row + k];
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < width; ++v)
            store(c + r * c_row + v * lanes, add ? load(c + r * c_row + v * lanes) + sum[r][v] : sum[r][v]);
    }
}

using Multiply = decltype(&multiply<1, 1>);

/// The function for a number of rows, from 1 to most.
template <int width, int most = PTK_ROWS> Multiply multiply_of(Size rows)
{
    if constexpr (most > 1) {
        if (rows < most)
            return multiply_of<width, most - 1>(rows);
    }
    return multiply<most, width>;
}

/// Products of the block's 36 matrices with the packed weights.
void multiply_points(const Matrices& x, Size tiles, const float* packed, Size in, Size out, const Matrices& product)
{
    const Groups groups(tiles);
    const Multiply functions[2][2] = {{multiply_of<1>(groups.size), multiply_of<1>(groups.size + 1)},
                                      {multiply_of<2>(groups.size), multiply_of<2>(groups.size + 1)}};
    const Size columns = padded(out);
    for (Size point = 0; point < points; ++point) {
        const float* b = packed + point * packed_size(in, out);
        for (Size column = 0; column < columns; column += 2 * lanes) {
            const auto& function = functions[column + lanes < columns];
            const Size width = smaller(2 * lanes, columns - column);
            // Long sums in parts round less; a part of the weights stays in the nearest cache for all tiles.
            for (Size k = 0; k < in; k += most_terms) {
                const float* a = x.data + point * x.stride + k;
                float* c = product.data + point * product.stride + column;
                for (Size group = 0; group < groups.count; ++group) {
                    const Size rows = groups.rows_of(group);
                    function[rows - groups.size](a, x.row, b + column * in + k * width, smaller(most_terms, in - k),
                                                 k > 0, c, product.row);
                    a += rows * x.row;
                    c += rows * product.row;
                }
            }
        }
    }
}

// ---- weights ----

/// Weights as a convolution from @p in to @p out channels: the layer's own, or with the axes exchanged and both
/// directions reversed, which makes the gradient by its input.
struct Weights {
    const float* data;
    Size in, out;
    Size in_stride, out_stride;
    bool reversed;
};

void transform_weight_vector(const Weights& weights, Size channel, Size first, float* packed, Size step)
{
    alignas(64) float taps[9][lanes] = {};
    const Size count = smaller(lanes, weights.out - first);
    for (Size lane = 0; lane < count; ++lane) {
        const float* w = weights.data + channel * weights.in_stride + (first + lane) * weights.out_stride;
        for (Size tap = 0; tap < 9; ++tap)
            taps[weights.reversed ? 8 - tap : tap][lane] = w[tap];
    }
    Vector q[6][3];
    for (Size j = 0; j < 3; ++j) {
        const Vector k[3] = {load(taps[j]), load(taps[3 + j]), load(taps[6 + j])};
        Vector o[6];
        transform_weights(k, o);
        for (Size i = 0; i < 6; ++i)
            q[i][j] = o[i];
    }
    for (Size i = 0; i < 6; ++i) {
        Vector o[6];
        transform_weights(q[i], o);
        for (Size j = 0; j < 6; ++j)
            store(packed + (i * 6 + j) * step, o[j]);
    }
}

/// Transformed weights, for each point in panels of two vectors of output channels (the last may be one), and in a
/// panel by input channel.
void pack(const Weights& weights, float* packed, int threads)
{
    constexpr Size run = 16; // input channels that are written together: 36 places in turn would be slow
    const Size columns = padded(weights.out), step = packed_size(weights.in, weights.out);
    const Size runs = over(weights.in, run), count = over(columns, 2 * lanes) * runs;
#pragma omp parallel for num_threads(threads) if (threads > 1 && step > 4096)
    for (Size piece = 0; piece < count; ++piece) {
        alignas(64) float near[points * (run * 2 * lanes + line)];
        const Size panel = piece / runs * 2 * lanes, begin = piece % runs * run;
        const Size width = smaller(2 * lanes, columns - panel), channels = smaller(run, weights.in - begin);
        const Size size = channels * width, apart = size + line;
        for (Size channel = 0; channel < channels; ++channel)
            for (Size first = 0; first < width; first += lanes)
                transform_weight_vector(weights, begin + channel, panel + first, near + channel * width + first, apart);
        for (Size point = 0; point < points; ++point)
            __builtin_memcpy(packed + point * step + panel * weights.in + begin * width, near + point * apart,
                             static_cast<unsigned long>(size) * sizeof(float));
    }
}

// ---- forward ----

/// Tiles of a block: its matrices should stay in the second-level cache, the packed weights be used many times.
Size block_tiles(Size in, Size out, Size count, Size workers)
{
    constexpr Size budget = 64 * 1024; // floats
    const Size fitting = budget / (points * (padded(in) + padded(out)));
    const Size wanted = smaller(larger(fitting, in * out > 128 * 128 ? 48 : 24), 48);
    const Size shared = smaller(wanted, over(count, workers));
    return over(shared, PTK_ROWS) * PTK_ROWS;
}

template <Activation activation, class Source>
void convolve_block(const Image<Source>& x, const Grid& grid, Size begin, Size end, Size most, const float* packed,
                    const Result& result, float* space)
{
    const auto input = matrices(space, most, x.channels);
    const auto product = matrices(space + points * input.stride, most, result.channels);
    input_tiles(x, grid, begin, end, input);
    multiply_points(input, end - begin, packed, x.channels, result.channels, product);
    output_tiles<activation>(result, grid, begin, end, product);
}

template <Activation activation>
bool convolve(const ConvolutionShape& shape, const float* x, const float* packed, const Result& result, int threads)
{
    const Grid grid(shape);
    const Image<Plain> image{{x}, shape.in, shape.x_stride, shape.mirrored, shape.doubled};
    const Size most = block_tiles(shape.in, shape.out, grid.count, threads), blocks = over(grid.count, most);
    const Size space = points * (matrix_size(most, shape.in) + matrix_size(most, shape.out));
    bool complete = true;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(&& : complete) if (threads > 1 && blocks > 1)
    for (Size block = 0; block < blocks; ++block) {
        float* own = workspace(Workspace::Tiles, space);
        if (!own) {
            complete = false;
            continue;
        }
        convolve_block<activation>(image, grid, block * most, smaller((block + 1) * most, grid.count), most, packed,
                                   result, own);
    }
    return complete;
}

Size all_packed_size(const ConvolutionShape& shape)
{
    return points * packed_size(shape.in, shape.out);
}

void pack_weights(const ConvolutionShape& shape, const float* weight, float* packed, int threads)
{
    pack({weight, shape.in, shape.out, 9, 9 * shape.in, false}, packed, threads);
}

bool packed_forward(const ConvolutionShape& shape, const float* x, const float* packed, const float* bias,
                    Activation activation, float* y, float* slope, int threads)
{
    const Result result{y, slope, bias, shape.out};
    if (activation == Activation::Relu)
        return convolve<Activation::Relu>(shape, x, packed, result, threads);
    if (activation == Activation::Gelu)
        return convolve<Activation::Gelu>(shape, x, packed, result, threads);
    return convolve<Activation::None>(shape, x, packed, result, threads);
}

bool forward(const ConvolutionShape& shape, const float* x, const float* weight, const float* bias,
             Activation activation, float* y, float* slope, int threads)
{
    float* packed = workspace(Workspace::Weights, static_cast<unsigned long>(all_packed_size(shape)));
    if (!packed)
        return false;
    pack_weights(shape, weight, packed, threads);
    return packed_forward(shape, x, packed, bias, activation, y, slope, threads);
}

// ---- backward ----

/// The products (rows, columns) of all points that make the weight gradient. Columns are the channels that fill vectors
/// better.
struct Sums {
    explicit Sums(const ConvolutionShape& shape)
        : by_input(shape.out * padded(shape.in) <= shape.in * padded(shape.out)), rows(by_input ? shape.out : shape.in),
          columns(padded(by_input ? shape.in : shape.out))
    {
    }
    Size point() const { return rows * columns + line; }
    Size size() const { return points * point(); }
    bool by_input; ///< columns are input channels
    Size rows, columns;
};

/// Parts of the tiles whose sums are made apart: enough for threads, each of at least some tiles, in little memory.
Size parts_of(const Sums& sums, const Grid& grid)
{
    constexpr Size budget = Size{16} << 20; // floats
    const Size by_memory = larger(1, budget / sums.size());
    const Size by_tiles = larger(1, grid.count / 96);
    return smaller(most_parts, smaller(by_memory, by_tiles));
}

void multiply_sums(const Matrices& left, const Matrices& right, Size tiles, bool first, const Sums& sums, float* out)
{
    const Groups groups(sums.rows);
    const MultiplyTransposed functions[2][2] = {
        {multiply_transposed_of<1>(groups.size), multiply_transposed_of<1>(groups.size + 1)},
        {multiply_transposed_of<2>(groups.size), multiply_transposed_of<2>(groups.size + 1)}};
    for (Size point = 0; point < points; ++point) {
        for (Size column = 0; column < sums.columns; column += 2 * lanes) {
            const auto& function = functions[column + lanes < sums.columns];
            const float* a = left.data + point * left.stride;
            const float* b = right.data + point * right.stride + column;
            float* c = out + point * sums.point() + column;
            for (Size group = 0; group < groups.count; ++group) {
                const Size rows = groups.rows_of(group);
                function[rows - groups.size](a, left.row, b, right.row, tiles, first, c, sums.columns);
                a += rows;
                c += rows * sums.columns;
            }
        }
    }
}

/// Adds the parts, transforms back and writes (out, in, 3, 3).
void finish_weight_gradient(const ConvolutionShape& shape, const Sums& sums, const float* parts, Size count,
                            float* dweight, int threads)
{
    const Size column_stride = sums.by_input ? 9 : 9 * shape.in, row_stride = sums.by_input ? 9 * shape.in : 9;
    const Size columns = sums.by_input ? shape.in : shape.out;
#pragma omp parallel for num_threads(threads) if (threads > 1 && sums.size() > 65536)
    for (Size row = 0; row < sums.rows; ++row) {
        for (Size column = 0; column < columns; column += lanes) {
            Vector q[3][6];
            for (Size j = 0; j < 6; ++j) {
                Vector m[6], o[3];
                for (Size i = 0; i < 6; ++i) {
                    const float* sum = parts + (i * 6 + j) * sums.point() + row * sums.columns + column;
                    m[i] = load(sum);
                    __builtin_prefetch(sum + 8 * lanes);
                    for (Size part = 1; part < count; ++part) {
                        m[i] += load(sum + part * sums.size());
                        __builtin_prefetch(sum + part * sums.size() + 8 * lanes);
                    }
                }
                transform_weight_sums(m, o);
                for (Size i = 0; i < 3; ++i)
                    q[i][j] = o[i];
            }
            for (Size i = 0; i < 3; ++i) {
                Vector o[3];
                transform_weight_sums(q[i], o);
                for (Size j = 0; j < 3; ++j) {
                    float* out = dweight + row * row_stride + column * column_stride + i * 3 + j;
                    for (Size lane = 0; lane < smaller(lanes, columns - column); ++lane)
                        out[lane * column_stride] = o[j][lane];
                }
            }
        }
    }
}

/// Tiles whose products are added to the sums at once. The sums of many channels are larger than the nearer caches, and
/// more tiles make them come and go less often, but come and go themselves: both as often is best.
Size tiles_together(const ConvolutionShape& shape, Size count)
{
    const Size alike = 3 * shape.in * shape.out / (2 * (shape.in + shape.out));
    return over(smaller(larger(24, smaller(96, alike)), count), PTK_ROWS) * PTK_ROWS;
}

/// What a call of backward() works on.
template <class Source> struct Backward {
    const ConvolutionShape& shape;
    Grid grid;
    Sums sums;
    Image<Plain> x;
    Image<Source> dz;
    const float* packed; ///< null: no gradient by the input
    float* dx;
    bool weights;
    Size most;     ///< tiles of a block for the gradient by the input
    Size together; ///< tiles whose products go into the sums at once

    Size space() const
    {
        const Size tiles = larger(most, together);
        return points * (matrix_size(tiles, shape.in) + matrix_size(tiles, shape.out)) + padded(shape.out);
    }
};

/// A part of the tiles, block by block, so that the second use of the gradient finds it in the cache.
template <class Source>
void backward_part(const Backward<Source>& call, Size begin, Size end, float* space, float* sums, double* bias_sums)
{
    const Size out = call.shape.out;
    float* bias = space;
    space += padded(out);
    const auto x = matrices(space, call.together, call.shape.in);
    const auto dz = matrices(space + points * x.stride, call.together, out);
    for (Size channel = 0; channel < out; ++channel)
        bias_sums[channel] = 0;
    for (Size first = begin; first < end; first += call.together) {
        const Size last = smaller(first + call.together, end);
        for (Size block = first; call.packed && block < last; block += call.most)
            convolve_block<Activation::None>(call.dz, call.grid, block, smaller(block + call.most, last), call.most,
                                             call.packed,
                                             {call.dx, nullptr, nullptr, call.shape.in, call.shape.doubled}, space);
        if (!call.weights)
            continue;
        for (Size channel = 0; channel < padded(out); ++channel)
            bias[channel] = 0;
        input_tiles(call.x, call.grid, first, last, x);
        gradient_tiles(call.dz, call.grid, first, last, bias, dz);
        multiply_sums(call.sums.by_input ? dz : x, call.sums.by_input ? x : dz, last - first, first == begin, call.sums,
                      sums);
        for (Size channel = 0; channel < out; ++channel)
            bias_sums[channel] += static_cast<double>(bias[channel]);
    }
}

template <class Source> bool backward_from(const Backward<Source>& call, float* dweight, float* dbias, int threads)
{
    const Size count = call.grid.count, out = call.shape.out;
    const Size parts = parts_of(call.sums, call.grid);
    // Sums of the bias are double: two floats each.
    const Size bias_space = parts * padded(out) * 2, part_space = call.weights ? call.sums.size() : 0;
    float* sums = workspace(Workspace::Sums, bias_space + parts * part_space);
    if (!sums)
        return false;
    auto* bias_sums = reinterpret_cast<double*>(sums);
    sums += bias_space;
    bool complete = true;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(&& : complete) if (threads > 1 && parts > 1)
    for (Size part = 0; part < parts; ++part) {
        float* own = workspace(Workspace::Tiles, call.space());
        if (!own) {
            complete = false;
            continue;
        }
        backward_part(call, count * part / parts, count * (part + 1) / parts, own, sums + part * part_space,
                      bias_sums + part * padded(out));
    }
    if (!complete)
        return false;
    if (dweight)
        finish_weight_gradient(call.shape, call.sums, sums, parts, dweight, threads);
    for (Size channel = 0; dbias && channel < out; ++channel) {
        double sum = 0;
        for (Size part = 0; part < parts; ++part)
            sum += bias_sums[part * padded(out) + channel];
        dbias[channel] = static_cast<float>(sum);
    }
    return true;
}

bool backward(const ConvolutionShape& shape, const float* x, const float* weight, Activation activation, const float* y,
              const float* dy, float* dx, float* dweight, float* dbias, int threads)
{
    float* packed = nullptr;
    if (dx) {
        packed = workspace(Workspace::Weights, points * packed_size(shape.out, shape.in));
        if (!packed)
            return false;
        pack({weight, shape.out, shape.in, 9 * shape.in, 9, true}, packed, threads);
    }
    const Grid grid(shape);
    const Sums sums(shape);
    const Size part = over(grid.count, parts_of(sums, grid));
    const Size together = tiles_together(shape, part),
               most = smaller(block_tiles(shape.in, shape.out, part, 1), together);
    const auto run = [&](auto source) {
        return backward_from<decltype(source)>({shape,
                                                grid,
                                                sums,
                                                {{x}, shape.in, shape.x_stride, shape.mirrored, shape.doubled},
                                                {source, shape.out, shape.out},
                                                packed,
                                                dx,
                                                dweight || dbias,
                                                most,
                                                together},
                                               dweight, dbias, threads);
    };
    if (activation == Activation::Relu)
        return run(ThroughRelu{dy, y});
    if (activation == Activation::Gelu)
        return run(ThroughGelu{dy, y});
    return run(Plain{dy});
}

} // namespace
