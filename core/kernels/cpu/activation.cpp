#define PTK_LANES 4
#include "base/error.h"
#include "kernels/cpu/activation_loops.inl"

namespace ptk::kernels::cpu {

#if defined(__x86_64__)
GeluLoop gelu_loop_avx2();
GeluLoop gelu_loop_avx512();
#endif

GeluLoop gelu_loop(InstructionSet set)
{
    require(supported(set), Status::Unsupported, "this processor lacks the instruction set that was asked for");
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512)
        return gelu_loop_avx512();
    if (set == InstructionSet::Avx2)
        return gelu_loop_avx2();
#endif
    return gelu_values;
}

GeluLoop gelu_loop()
{
    return gelu_loop(instruction_set());
}

} // namespace ptk::kernels::cpu
