// The loops of instance_norm.h for PTK_LANES. Included once by each instance_norm*.cpp; nothing calls inline functions
// of the standard library, see pie_loops.inl.
#include "kernels/cpu/instance_norm.h"
#include "kernels/cpu/vector.inl"

namespace {

/// Vectors of channels that are held in registers together.
constexpr Size most_vectors = 4;
constexpr Size run = 64; ///< pixels whose sum is made at once

template <bool whole> PTK_INLINE Vector load_some(const float* p, Size count)
{
    return whole ? load(p) : load_part(p, count);
}

template <bool whole> PTK_INLINE void store_some(float* p, Vector v, Size count)
{
    if (whole)
        store(p, v);
    else
        store_part(p, v, count);
}

/// Calls @p block<vectors, whole>(first channel, lanes in use) for all channels.
template <class Block> PTK_INLINE void for_blocks(Size channels, Block&& block)
{
    Size c = 0;
    for (; c + most_vectors * lanes <= channels; c += most_vectors * lanes)
        block.template operator()<most_vectors, true>(c, lanes);
    for (; c + lanes <= channels; c += lanes)
        block.template operator()<1, true>(c, lanes);
    if (c < channels)
        block.template operator()<1, false>(c, channels - c);
}

/// total[v] = sum over the pixels of value(pixel, v)
template <Size vectors, class Value> PTK_INLINE void add_up(Size pixels, Vector (&total)[vectors], Value&& value)
{
    for (Size first = 0; first < pixels; first += run) {
        Vector sum[vectors] = {};
        const Size last = first + run < pixels ? first + run : pixels;
        for (Size p = first; p < last; ++p)
            for (Size v = 0; v < vectors; ++v)
                sum[v] += value(p, v);
        for (Size v = 0; v < vectors; ++v)
            total[v] += sum[v];
    }
}

void norm_statistics(Size pixels, Size channels, const float* x, float epsilon, float* mean, float* scale)
{
    const auto number = static_cast<float>(pixels);
    for_blocks(channels, [&]<Size vectors, bool whole>(Size c, Size count) {
        const auto at = [&](Size p, Size v) { return load_some<whole>(x + p * channels + c + v * lanes, count); };
        Vector sum[vectors] = {}, squares[vectors] = {};
        add_up(pixels, sum, at);
        for (Size v = 0; v < vectors; ++v)
            sum[v] /= number;
        add_up(pixels, squares, [&](Size p, Size v) {
            const Vector d = at(p, v) - sum[v];
            return d * d;
        });
        for (Size v = 0; v < vectors; ++v) {
            store_some<whole>(mean + c + v * lanes, sum[v], count);
            const Vector variance = squares[v] / number + epsilon;
            for (Size lane = 0; lane < count; ++lane)
                scale[c + v * lanes + lane] = 1 / __builtin_sqrtf(variance[lane]);
        }
    });
}

void norm_apply(Size pixels, Size channels, const float* x, const float* mean, const float* factor, const float* bias,
                float* y)
{
    for_blocks(channels, [&]<Size vectors, bool whole>(Size c, Size count) {
        Vector m[vectors], f[vectors], o[vectors];
        for (Size v = 0; v < vectors; ++v) {
            m[v] = load_some<whole>(mean + c + v * lanes, count);
            f[v] = load_some<whole>(factor + c + v * lanes, count);
            o[v] = load_some<whole>(bias + c + v * lanes, count);
        }
        for (Size p = 0; p < pixels; ++p)
            for (Size v = 0; v < vectors; ++v) {
                const Size place = p * channels + c + v * lanes;
                store_some<whole>(y + place, (load_some<whole>(x + place, count) - m[v]) * f[v] + o[v], count);
            }
    });
}

void norm_sums(Size pixels, Size channels, const float* x, const float* mean, const float* scale, const float* dy,
               float* sum, float* product)
{
    for_blocks(channels, [&]<Size vectors, bool whole>(Size c, Size count) {
        Vector middle[vectors], sums[vectors] = {}, products[vectors] = {};
        for (Size v = 0; v < vectors; ++v)
            middle[v] = load_some<whole>(mean + c + v * lanes, count);
        for (Size first = 0; first < pixels; first += run) {
            Vector s[vectors] = {}, q[vectors] = {};
            const Size last = first + run < pixels ? first + run : pixels;
            for (Size p = first; p < last; ++p)
                for (Size v = 0; v < vectors; ++v) {
                    const Size place = p * channels + c + v * lanes;
                    const Vector d = load_some<whole>(dy + place, count);
                    s[v] += d;
                    q[v] += d * (load_some<whole>(x + place, count) - middle[v]);
                }
            for (Size v = 0; v < vectors; ++v) {
                sums[v] += s[v];
                products[v] += q[v];
            }
        }
        for (Size v = 0; v < vectors; ++v) {
            store_some<whole>(sum + c + v * lanes, sums[v], count);
            store_some<whole>(product + c + v * lanes, products[v] * load_some<whole>(scale + c + v * lanes, count),
                              count);
        }
    });
}

void norm_gradient(Size pixels, Size channels, const float* x, const float* mean, const float* dy, const float* a,
                   const float* b, const float* c, float* dx)
{
    for_blocks(channels, [&]<Size vectors, bool whole>(Size channel, Size count) {
        Vector middle[vectors], by_dy[vectors], by_x[vectors], constant[vectors];
        for (Size v = 0; v < vectors; ++v) {
            middle[v] = load_some<whole>(mean + channel + v * lanes, count);
            by_dy[v] = load_some<whole>(a + channel + v * lanes, count);
            by_x[v] = load_some<whole>(b + channel + v * lanes, count);
            constant[v] = load_some<whole>(c + channel + v * lanes, count);
        }
        for (Size p = 0; p < pixels; ++p)
            for (Size v = 0; v < vectors; ++v) {
                const Size place = p * channels + channel + v * lanes;
                const Vector d = load_some<whole>(dy + place, count) * by_dy[v];
                store_some<whole>(
                    dx + place, d + ((load_some<whole>(x + place, count) - middle[v]) * by_x[v] + constant[v]), count);
            }
    });
}

constexpr ptk::kernels::cpu::InstanceNormKernels table_of(ptk::kernels::cpu::InstructionSet set)
{
    return {set, norm_statistics, norm_apply, norm_sums, norm_gradient};
}

} // namespace
