// The loops of far_field.h. Included once by each far_field*.cpp; nothing calls inline functions of the standard
// library, see pie_loops.inl.
#include "kernels/cpu/far_field.h"

namespace {

using Size = std::int64_t;

void exit_wave(const float* probe, const float* patch, Size count, float* wave)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i) {
        const float re = probe[2 * i] * patch[2 * i] - probe[2 * i + 1] * patch[2 * i + 1];
        const float im = probe[2 * i] * patch[2 * i + 1] + probe[2 * i + 1] * patch[2 * i];
        wave[2 * i] = re;
        wave[2 * i + 1] = im;
    }
}

void squares(const float* field, float factor, bool add, Size count, float* out)
{
    if (add) {
#pragma omp simd
        for (Size i = 0; i < count; ++i)
            out[i] += (field[2 * i] * field[2 * i] + field[2 * i + 1] * field[2 * i + 1]) * factor;
        return;
    }
#pragma omp simd
    for (Size i = 0; i < count; ++i)
        out[i] = (field[2 * i] * field[2 * i] + field[2 * i + 1] * field[2 * i + 1]) * factor;
}

void products(const float* gradient, float factor, Size count, float* field)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i) {
        field[2 * i] *= gradient[i] * factor;
        field[2 * i + 1] *= gradient[i] * factor;
    }
}

/// Calls @p run with where each half of a row is from the corner and from the middle, and its length.
template <class Run> void for_halves(Size side, Run&& run)
{
    const Size before = side / 2, after = side - before; // before the middle, and from it on
    for (Size y = 0; y < side; ++y) {
        const Size row = (y < after ? y + before : y - after) * side;
        run(y * side, row + before, after);
        run(y * side + after, row, before);
    }
}

void intensity(const float* field, float factor, bool add, Size side, float* out)
{
    for_halves(side, [&](Size corner, Size middle, Size count) {
        squares(field + 2 * corner, factor, add, count, out + middle);
    });
}

void weigh(const float* gradient, float factor, Size side, float* field)
{
    for_halves(side, [&](Size corner, Size middle, Size count) {
        products(gradient + middle, factor, count, field + 2 * corner);
    });
}

template <bool add> void correlation(const float* a, const float* b, Size count, float* sum)
{
#pragma omp simd
    for (Size i = 0; i < count; ++i) {
        const float re = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
        const float im = a[2 * i + 1] * b[2 * i] - a[2 * i] * b[2 * i + 1];
        sum[2 * i] = add ? sum[2 * i] + re : re;
        sum[2 * i + 1] = add ? sum[2 * i + 1] + im : im;
    }
}

void correlate(const float* a, const float* b, bool add, Size count, float* sum)
{
    if (add)
        correlation<true>(a, b, count, sum);
    else
        correlation<false>(a, b, count, sum);
}

constexpr ptk::kernels::cpu::FarFieldLoops loops(ptk::kernels::cpu::InstructionSet set)
{
    return {set, exit_wave, intensity, weigh, correlate};
}

} // namespace
