// The loops of gates.h for PTK_LANES. Included once by each gates*.cpp; nothing calls inline functions of the standard
// library, see pie_loops.inl.
#include "kernels/cpu/gates.h"
#include "kernels/cpu/vector.inl"

namespace {

using ptk::kernels::cpu::ImageShape;

/// Vectors of channels that are held in registers together.
constexpr Size most_vectors = 4;

/// Where @p v takes the place of the maximum @p m: NaN does and stays.
PTK_INLINE Integers exceeds(Vector v, Vector m)
{
    return (v > m) | (v != v);
}

PTK_INLINE bool exceeds(float v, float m)
{
    return v > m || v != v;
}

PTK_INLINE Vector largest(Vector v, Vector m)
{
    return exceeds(v, m) ? v : m;
}

PTK_INLINE Integers whole(std::int32_t value)
{
    return value - Integers{};
}

/// Each lane gets that of a place that differs in the bits of @p distance.
PTK_INLINE Vector exchanged(Vector v, std::int32_t distance)
{
    Integers from = {};
    for (std::int32_t i = 0; i < lanes; ++i)
        from[i] = i ^ distance;
    return __builtin_shuffle(v, from);
}

PTK_INLINE float sum_of(Vector v)
{
#pragma GCC unroll 4
    for (std::int32_t distance = lanes / 2; distance > 0; distance /= 2)
        v += exchanged(v, distance);
    return v[0];
}

PTK_INLINE float largest_of(Vector v)
{
#pragma GCC unroll 4
    for (std::int32_t distance = lanes / 2; distance > 0; distance /= 2)
        v = largest(exchanged(v, distance), v);
    return v[0];
}

PTK_INLINE Vector load_some(const float* p, Size count)
{
    return count == lanes ? load(p) : load_part(p, count);
}

PTK_INLINE void store_some(float* p, Vector v, Size count)
{
    if (count == lanes)
        store(p, v);
    else
        store_part(p, v, count);
}

PTK_INLINE void clear(float* values, Size count)
{
    __builtin_memset(values, 0, static_cast<unsigned long>(count) * sizeof(float));
}

/// Calls @p block with (first channel, number of lanes in use) for all channels.
template <class Block> PTK_INLINE void for_channels(Size channels, Block&& block)
{
    Size c = 0;
    for (; c + lanes <= channels; c += lanes)
        block(c, lanes);
    if (c < channels)
        block(c, channels - c);
}

/// @p count  lanes in use; below the full number only with one vector
template <Size vectors>
PTK_INLINE void channel_block(const ImageShape& shape, const float* x, Size count, float* mean, float* maximum,
                              std::int32_t* where)
{
    Vector sum[vectors] = {}, most[vectors];
    Integers place[vectors] = {};
    for (Size v = 0; v < vectors; ++v)
        most[v] = load_some(x + v * lanes, count);
    std::int32_t pixel = 0;
    for (Size row = 0; row < shape.height; ++row) {
        Vector row_sum[vectors] = {};
        for (Size column = 0; column < shape.width; ++column, ++pixel, x += shape.channels)
            for (Size v = 0; v < vectors; ++v) {
                const Vector value = load_some(x + v * lanes, count);
                row_sum[v] += value;
                const Integers taken = exceeds(value, most[v]);
                most[v] = taken ? value : most[v];
                place[v] = taken ? whole(pixel) : place[v];
            }
        for (Size v = 0; v < vectors; ++v)
            sum[v] += row_sum[v];
    }
    const auto pixels = static_cast<float>(shape.pixels());
    for (Size v = 0; v < vectors; ++v) {
        store_some(mean + v * lanes, sum[v] / pixels, count);
        store_some(maximum + v * lanes, most[v], count);
        if (where)
            __builtin_memcpy(where + v * lanes, &place[v], static_cast<unsigned long>(count) * sizeof(std::int32_t));
    }
}

void gate_channels(const ImageShape& shape, const float* x, float* mean, float* maximum, std::int32_t* where)
{
    const auto at = [&](Size c) { return where ? where + c : nullptr; };
    Size c = 0;
    for (; c + most_vectors * lanes <= shape.channels; c += most_vectors * lanes)
        channel_block<most_vectors>(shape, x + c, lanes, mean + c, maximum + c, at(c));
    for (; c + lanes <= shape.channels; c += lanes)
        channel_block<1>(shape, x + c, lanes, mean + c, maximum + c, at(c));
    if (c < shape.channels)
        channel_block<1>(shape, x + c, shape.channels - c, mean + c, maximum + c, at(c));
}

void gate_channels_backward(const ImageShape& shape, const float* dmean, const float* dmaximum,
                            const std::int32_t* where, float* dx)
{
    const float share = 1.0F / static_cast<float>(shape.pixels());
    for (Size pixel = 0; pixel < shape.pixels(); ++pixel) {
        float* target = dx + pixel * shape.channels;
        for_channels(shape.channels, [&](Size c, Size count) {
            store_some(target + c, load_some(target + c, count) + load_some(dmean + c, count) * share, count);
        });
    }
    for (Size c = 0; c < shape.channels; ++c)
        dx[where[c] * shape.channels + c] += dmaximum[c];
}

/// The channel, among those of one pixel, whose g x is @p maximum.
std::int32_t place_of(const float* x, const float* g, Size channels, float maximum)
{
    for (Size c = 0; c < channels; ++c) {
        const float value = x[c] * g[c];
        if (value == maximum || value != value)
            return static_cast<std::int32_t>(c);
    }
    return 0;
}

void gate_pixels(Size count, Size channels, const float* x, const float* g, float* maximum, float* mean,
                 std::int32_t* where)
{
    const Size whole_lanes = channels / lanes * lanes;
    for (Size pixel = 0; pixel < count; ++pixel, x += channels) {
        float sum = 0, most = x[0] * g[0];
        if (whole_lanes > 0) {
            Vector sums = load(x) * load(g);
            Vector all = sums;
            for (Size c = lanes; c < whole_lanes; c += lanes) {
                const Vector value = load(x + c) * load(g + c);
                sums += value;
                all = largest(value, all);
            }
            sum = sum_of(sums);
            most = largest_of(all);
        }
        for (Size c = whole_lanes; c < channels; ++c) {
            const float value = x[c] * g[c];
            sum += value;
            if (exceeds(value, most))
                most = value;
        }
        maximum[pixel] = most;
        mean[pixel] = sum / static_cast<float>(channels);
        if (where)
            where[pixel] = place_of(x, g, channels, most);
    }
}

void gate_pixels_backward(const ImageShape& shape, const float* x, const float* g, const float* dmaximum,
                          const float* dmean, const std::int32_t* where, float* dx, float* dg)
{
    const Size channels = shape.channels;
    const float share = 1.0F / static_cast<float>(channels);
    for_channels(channels, [&](Size c, Size count) {
        const Vector factor = load_some(g + c, count);
        Vector total = {};
        for (Size row = 0, p = 0; row < shape.height; ++row) {
            Vector of_row = {};
            for (Size column = 0; column < shape.width; ++column, ++p) {
                const float each = dmean[p] * share;
                of_row += load_some(x + p * channels + c, count) * each;
                float* target = dx + p * channels + c;
                store_some(target, load_some(target, count) + factor * each, count);
            }
            total += of_row;
        }
        store_some(dg + c, total, count);
    });
    for (Size p = 0; p < shape.pixels(); ++p) {
        const auto c = where[p];
        dx[p * channels + c] += g[c] * dmaximum[p];
        dg[c] += x[p * channels + c] * dmaximum[p];
    }
}

/// The four pixels of a square and what multiplies each.
struct Square {
    Square(const ImageShape& shape, Size row, Size column, const float* s)
    {
        const Size first = 2 * row * shape.width + 2 * column;
        const Size pixels[] = {first, first + 1, first + shape.width, first + shape.width + 1};
        for (int k = 0; k < 4; ++k) {
            pixel[k] = pixels[k];
            gate[k] = s[pixels[k]];
        }
    }
    Size pixel[4];
    float gate[4];
};

void gate_pool(const ImageShape& shape, const float* x, const float* g, const float* s, Size begin, Size end, float* y)
{
    const Size channels = shape.channels, columns = shape.width / 2;
    for (Size row = begin; row < end; ++row)
        for (Size column = 0; column < columns; ++column) {
            const Square square(shape, row, column, s);
            float* out = y + (row * columns + column) * channels;
            for_channels(channels, [&](Size c, Size count) {
                const Vector factor = load_some(g + c, count);
                const auto value = [&](int k) {
                    return load_some(x + square.pixel[k] * channels + c, count) * factor * square.gate[k];
                };
                Vector most = value(0);
                for (int k = 1; k < 4; ++k)
                    most = largest(value(k), most);
                store_some(out + c, most, count);
            });
        }
}

void gate_pool_backward(const ImageShape& shape, const float* x, const float* g, const float* s, const float* dy,
                        float* dx, float* dg, float* ds)
{
    const Size channels = shape.channels, columns = shape.width / 2;
    clear(dx, shape.pixels() * channels);
    clear(ds, shape.pixels());
    // Which of the four was taken goes into ds and dx pixel by pixel; dg is a sum over all of them.
    clear(dg, channels);
    for (Size row = 0; row < shape.height / 2; ++row)
        for (Size column = 0; column < columns; ++column) {
            const Square square(shape, row, column, s);
            const float* gradient = dy + (row * columns + column) * channels;
            Vector of_pixel[4] = {};
            for_channels(channels, [&](Size c, Size count) {
                const Vector factor = load_some(g + c, count);
                Vector in[4];
                for (int k = 0; k < 4; ++k)
                    in[k] = load_some(x + square.pixel[k] * channels + c, count);
                Vector most = in[0] * factor * square.gate[0];
                Integers taken = {};
                for (int k = 1; k < 4; ++k) {
                    const Vector value = in[k] * factor * square.gate[k];
                    const Integers more = exceeds(value, most);
                    most = more ? value : most;
                    taken = more ? whole(k) : taken;
                }
                const Vector d = load_some(gradient + c, count);
                Vector of_channel = {};
                for (int k = 0; k < 4; ++k) {
                    const Vector part = taken == whole(k) ? d : Vector{};
                    of_pixel[k] += part * in[k] * factor;
                    of_channel += part * in[k] * square.gate[k];
                    store_some(dx + square.pixel[k] * channels + c, part * factor * square.gate[k], count);
                }
                store_some(dg + c, load_some(dg + c, count) + of_channel, count);
            });
            for (int k = 0; k < 4; ++k)
                ds[square.pixel[k]] = sum_of(of_pixel[k]);
        }
}

constexpr ptk::kernels::cpu::GateKernels table_of(ptk::kernels::cpu::InstructionSet set)
{
    return {set,       gate_channels,     gate_channels_backward, gate_pixels, gate_pixels_backward,
            gate_pool, gate_pool_backward};
}

} // namespace
