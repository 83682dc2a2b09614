#define PTK_LANES 8
#define PTK_ROWS 6
#include "kernels/cpu/resample_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& narrow_avx2();
const ConvolutionKernels& down_avx2();
const ConvolutionKernels& up_avx2();

const ConvolutionKernels& narrow_avx2()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx2, forward<Narrow>, backward<Narrow>};
    return table;
}

const ConvolutionKernels& down_avx2()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx2, forward<Down>, backward<Down>};
    return table;
}

const ConvolutionKernels& up_avx2()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx2, forward<Up>, backward<Up>};
    return table;
}

} // namespace ptk::kernels::cpu
