#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// What lies around the Fourier transforms of the far field of one patch, mode by mode, so that a wave stays in the
/// cache. Complex numbers are pairs of float (re, im); planes are (side, side), contiguous, and do not overlap. "In the
/// middle" says that the zero frequency of a plane is at index side / 2 instead of 0. One thread runs each call.
struct FarFieldLoops {
    InstructionSet set;

    /// wave = probe patch, @p count complex numbers
    void (*exit_wave)(const float* probe, const float* patch, std::int64_t count, float* wave);

    /// intensity, in the middle, is |field|^2 factor, or, when @p add, gets it added.
    void (*intensity)(const float* field, float factor, bool add, std::int64_t side, float* intensity);

    /// field *= factor gradient, where the gradient is one by the intensity, in the middle
    void (*weigh)(const float* gradient, float factor, std::int64_t side, float* field);

    /// sum = a conj(b), or, when @p add, gets it added; @p count complex numbers
    void (*correlate)(const float* a, const float* b, bool add, std::int64_t count, float* sum);
};

/// @throws as require_supported()
const FarFieldLoops& far_field_loops(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
