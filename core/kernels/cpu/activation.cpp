#define PTK_LANES 4
#include "kernels/cpu/activation_loops.inl"

namespace ptk::kernels::cpu {

GeluLoop gelu_loop_avx2();
GeluLoop gelu_loop_avx512();

GeluLoop gelu_loop(InstructionSet set)
{
    return choose<GeluLoop>(set, gelu_values, gelu_loop_avx2(), gelu_loop_avx512());
}

} // namespace ptk::kernels::cpu
