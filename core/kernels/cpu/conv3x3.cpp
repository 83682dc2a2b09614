#define PTK_LANES 4
#define PTK_ROWS 6
#include "base/error.h"
#include "kernels/cpu/conv3x3_loops.inl"

namespace ptk::kernels::cpu {

#if defined(__x86_64__)
const ConvolutionKernels& conv3x3_avx2();
const ConvolutionKernels& conv3x3_avx512();
#endif

const ConvolutionKernels& conv3x3_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward, backward};
    require(supported(set), Status::Unsupported, "this processor lacks the instruction set that was asked for");
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512)
        return conv3x3_avx512();
    if (set == InstructionSet::Avx2)
        return conv3x3_avx2();
#endif
    return portable;
}

const ConvolutionKernels& conv3x3_kernels()
{
    return conv3x3_kernels(instruction_set());
}

} // namespace ptk::kernels::cpu
