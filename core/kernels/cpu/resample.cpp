#define PTK_LANES 4
#define PTK_ROWS 6
#include "kernels/cpu/resample_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& narrow_avx2();
const ConvolutionKernels& narrow_avx512();
const ConvolutionKernels& down_avx2();
const ConvolutionKernels& down_avx512();
const ConvolutionKernels& up_avx2();
const ConvolutionKernels& up_avx512();

const ConvolutionKernels& narrow_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Narrow>, backward<Narrow>};
    return *choose(set, &portable, &narrow_avx2(), &narrow_avx512());
}

const ConvolutionKernels& down_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Down>, backward<Down>};
    return *choose(set, &portable, &down_avx2(), &down_avx512());
}

const ConvolutionKernels& up_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Up>, backward<Up>};
    return *choose(set, &portable, &up_avx2(), &up_avx512());
}

} // namespace ptk::kernels::cpu
