#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

// Patches spread on a canvas at sub-pixel places.

namespace ptk::kernels::cpu {

/// Where a patch goes: the canvas pixel of its first pixel and the fractions by which it lies further right and down.
struct SplatPlace {
    std::int64_t patch; ///< which of the patches
    std::int64_t row;
    std::int64_t column;
    double fraction_y; ///< in [0, 1)
    double fraction_x; ///< in [0, 1)
};

/// Canvas of height x width pixels: sum holds interleaved (re, im), weight one number a pixel. C order.
struct SplatCanvas {
    double* sum;
    double* weight;
    std::int64_t width;
};

/// Patches of side x side complex numbers, (re, im) interleaved, C order, one after the other. The weights of patch i
/// are at weights + i * weight_stride: side * side, or 0 when all share one.
struct SplatPatches {
    const float* values;
    const float* weights;
    std::int64_t weight_stride;
    std::int64_t side;
    const SplatPlace* places; ///< those that are added, in this order
    std::int64_t count;       ///< of places
};

/// Adds value * weight, and weight, of every patch to the canvas rows [row_begin, row_end), each pixel shared
/// bilinearly among the four canvas pixels under it: (1 - fy)(1 - fx), (1 - fy) fx, fy (1 - fx), fy fx. A fraction of
/// zero touches no further row or column, and whole pixels are copied. Every patch must fit: column + side +
/// (fraction_x > 0) <= width, rows likewise. Products and sums are in double. A canvas pixel receives the patches in
/// their order, whatever the rows of a call: calls for different rows may run at the same time, and the result does not
/// depend on how the rows are shared out. Workspace: 6 (side + 2) doubles, allocated once a call.
/// @throws as require_supported()
void splat_rows(const SplatPatches& patches, const SplatCanvas& canvas, std::int64_t row_begin, std::int64_t row_end,
                InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
