#define PTK_LANES 16
#define PTK_ROWS 12
#include "kernels/cpu/product_loops.inl"

namespace ptk::kernels::cpu {

ProductLoop product_loop_avx512();

ProductLoop product_loop_avx512()
{
    return product;
}

} // namespace ptk::kernels::cpu
