#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// What falls on a canvas pixel from the pixel at its place, the one left of it, and the same of the row above.
struct SplatShares {
    double here, left, above, above_left;
};

/// Inner loops of splat_rows(): rows of doubles, sums as interleaved (re, im).
struct SplatLoops {
    InstructionSet set;

    /// weight[x] = weights[x] and sum[x] = weights[x] values[x] (complex) for @p side pixels
    void (*load)(const float* values, const float* weights, std::int64_t side, double* sum, double* weight);
    /// out[i] += row[i]
    void (*add)(double* out, const double* row, std::int64_t count);
    /// out[i] += here row[i] + left row[i - step] + above above_row[i] + above_left above_row[i - step]; with step =
    /// 1 or 2, rows are read from -step on
    void (*blend)(double* out, const double* row, const double* above_row, std::int64_t count, std::int64_t step,
                  const SplatShares& share);
};

/// @throws as require_supported()
const SplatLoops& splat_loops(InstructionSet set);

} // namespace ptk::kernels::cpu
