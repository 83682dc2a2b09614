#define PTK_LANES 8
#include "kernels/cpu/activation_loops.inl"

namespace ptk::kernels::cpu {

GeluLoop gelu_loop_avx2();

GeluLoop gelu_loop_avx2()
{
    return gelu_values;
}

} // namespace ptk::kernels::cpu
