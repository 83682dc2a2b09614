// The loops of splat_loops.h. Included once by each splat*.cpp; nothing calls inline functions of the standard
// library, see pie_loops.inl.
#include "kernels/cpu/splat_loops.h"

namespace {

using Size = std::int64_t;

void load_row(const float* __restrict values, const float* __restrict weights, Size side, double* __restrict sum,
              double* __restrict weight)
{
    for (Size x = 0; x < side; ++x) {
        const double w = weights[x];
        weight[x] = w;
        sum[2 * x] = w * values[2 * x];
        sum[2 * x + 1] = w * values[2 * x + 1];
    }
}

void add_row(double* __restrict out, const double* __restrict row, Size count)
{
    for (Size i = 0; i < count; ++i)
        out[i] += row[i];
}

void blend_rows(double* __restrict out, const double* __restrict row, const double* __restrict above, Size count,
                Size step, const ptk::kernels::cpu::SplatShares& share)
{
    const auto [here, left, over, over_left] = share;
    for (Size i = 0; i < count; ++i)
        out[i] += here * row[i] + left * row[i - step] + over * above[i] + over_left * above[i - step];
}

constexpr ptk::kernels::cpu::SplatLoops table_of(ptk::kernels::cpu::InstructionSet set)
{
    return {set, load_row, add_row, blend_rows};
}

} // namespace
