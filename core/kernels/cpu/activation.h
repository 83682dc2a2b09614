#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// What is applied to a convolution's result.
enum class Activation {
    None,
    Relu, ///< max(x, 0); NaN stays
    Gelu, ///< x Phi(x) with the normal distribution function Phi (Hendrycks & Gimpel, arXiv:1606.08415), not the tanh
          ///< approximation
};

/// y = GELU(x) of @p count floats and, unless slope is null, its derivative. Relative error below 2e-6, also where x is
/// negative and the result small. y or slope may be x. The set is that of instruction_set() or the one that is given.
/// @throws as conv3x3_kernels()
using GeluLoop = void (*)(const float* x, std::int64_t count, float* y, float* slope);
GeluLoop gelu_loop(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
