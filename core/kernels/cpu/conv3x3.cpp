#define PTK_LANES 4
#define PTK_ROWS 6
#include "kernels/cpu/conv3x3_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& conv3x3_avx2();
const ConvolutionKernels& conv3x3_avx512();

const ConvolutionKernels& conv3x3_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward, backward};
    return *choose(set, &portable, &conv3x3_avx2(), &conv3x3_avx512());
}

} // namespace ptk::kernels::cpu
