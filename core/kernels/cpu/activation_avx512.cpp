#define PTK_LANES 16
#include "kernels/cpu/activation_loops.inl"

namespace ptk::kernels::cpu {

GeluLoop gelu_loop_avx512();

GeluLoop gelu_loop_avx512()
{
    return gelu_values;
}

} // namespace ptk::kernels::cpu
