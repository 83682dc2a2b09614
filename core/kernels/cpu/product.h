#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// Columns of a product come in multiples of this: whole vectors of every instruction set.
constexpr std::int64_t product_columns = 16;

/// c(r, j) = sum_t a(t, r) b(t, j), or c gets the sum added: a product of float32 matrices with the first one
/// transposed, for a few rows and a short sum, where the general ones of a library spend their time on being general.
struct Product {
    std::int64_t rows, columns, depth; ///< of c, of c, of the sum; columns a multiple of product_columns
    const float* a;
    std::int64_t a_row; ///< floats from a(t, 0) to a(t + 1, 0)
    const float* b;
    std::int64_t b_row;
    float* c;
    std::int64_t c_row;
    bool add;
};

/// One thread runs it. The order of each sum depends on nothing but its depth.
using ProductLoop = void (*)(const Product& product);

/// @throws as require_supported()
ProductLoop product_loop(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
