#define PTK_LANES 4
#define PTK_ROWS 6
#include "kernels/cpu/slim_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& slim_avx2();
const ConvolutionKernels& slim_avx512();

const ConvolutionKernels& slim_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward, backward};
    return *choose(set, &portable, &slim_avx2(), &slim_avx512());
}

} // namespace ptk::kernels::cpu
