#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// Sums over one frame for the correction of its position: normal equations of the shift (x, y) that best explains the
/// change of the exit waves.
struct ShiftEquations {
    double xx = 0, xy = 0, yy = 0; ///< sum |p|^2 Re(conj(do/da) do/db)
    double x = 0, y = 0;           ///< sum Re(conj(do/da) g)
};

/// Elementwise loops of the iterative engine (PIE family) over one frame; what lies between them is Fourier transforms.
///
/// Layout: complex numbers are pairs of float (re, im). Modes (M, N, N) and planes (N, N) are contiguous. The object is
/// a window of N rows of N pixels, rows @p stride complex numbers apart. Arrays must not overlap unless they are named
/// once. No allocation; @p line is a workspace of 2 N floats. Sums run over a row in float and over rows in double:
/// relative error about N eps of float.
struct PieLoops {
    const char* name;

    /// out_m(y, x) = in_m(y, x) row(y) column(x): a shift in real space when in is a spectrum.
    void (*ramp)(float* out, const float* in, const float* row, const float* column, float* line, std::int64_t modes,
                 std::int64_t side);
    /// sum_m(y, x) += in_m(y, x) conj(row(y) column(x)): the shift undone.
    void (*add_unramped)(float* sum, const float* in, const float* row, const float* column, float* line,
                         std::int64_t modes, std::int64_t side);
    /// out_m = p_m o
    void (*exit_wave)(float* out, const float* probe, const float* object, std::int64_t stride, std::int64_t modes,
                      std::int64_t side);
    /// field_m *= a / A - 1 with A = sqrt(sum_m |field_m|^2 + 1e-12). @return sum (A - a)^2. A negative a is not known:
    /// its pixel counts as a = A.
    double (*impose)(float* field, const float* amplitude, float* line, std::int64_t modes, std::int64_t side);
    /// g = sum_m conj(p_m) d_m, power = sum_m |p_m|^2. @return the largest power
    float (*correlate)(float* g, float* power, const float* probe, const float* difference, std::int64_t modes,
                       std::int64_t side);
    /// difference_m *= conj(o) step / ((1 - alpha) |o|^2 + alpha max |o|^2)
    void (*probe_change)(float* difference, const float* object, std::int64_t stride, float alpha, float step,
                         float* line, std::int64_t modes, std::int64_t side);
    /// o += step g / ((1 - alpha) power + alpha largest)
    void (*object_change)(float* object, std::int64_t stride, const float* g, const float* power, float largest,
                          float alpha, float step, std::int64_t side);
    /// Derivatives by central differences, so without the window's outermost pixels.
    ShiftEquations (*shift_equations)(const float* object, std::int64_t stride, const float* g, const float* power,
                                      std::int64_t side);
};

/// @throws as require_supported()
const PieLoops& pie_loops(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
