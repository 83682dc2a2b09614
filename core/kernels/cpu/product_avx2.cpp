#define PTK_LANES 8
#define PTK_ROWS 6
#include "kernels/cpu/product_loops.inl"

namespace ptk::kernels::cpu {

ProductLoop product_loop_avx2();

ProductLoop product_loop_avx2()
{
    return product;
}

} // namespace ptk::kernels::cpu
