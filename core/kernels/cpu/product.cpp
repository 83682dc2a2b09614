#define PTK_LANES 4
#define PTK_ROWS 6
#include "kernels/cpu/product_loops.inl"

namespace ptk::kernels::cpu {

ProductLoop product_loop_avx2();
ProductLoop product_loop_avx512();

ProductLoop product_loop(InstructionSet set)
{
    return choose(set, static_cast<ProductLoop>(product), product_loop_avx2(), product_loop_avx512());
}

} // namespace ptk::kernels::cpu
