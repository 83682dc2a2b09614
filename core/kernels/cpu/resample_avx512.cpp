#define PTK_LANES 16
#define PTK_ROWS 12
#include "kernels/cpu/resample_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& narrow_avx512();
const ConvolutionKernels& down_avx512();
const ConvolutionKernels& up_avx512();

const ConvolutionKernels& narrow_avx512()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx512, forward<Narrow>, backward<Narrow>};
    return table;
}

const ConvolutionKernels& down_avx512()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx512, forward<Down>, backward<Down>};
    return table;
}

const ConvolutionKernels& up_avx512()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx512, forward<Up>, backward<Up>};
    return table;
}

} // namespace ptk::kernels::cpu
