#define PTK_LANES 16
#define PTK_ROWS 12
#include "kernels/cpu/slim_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& slim_avx512();

const ConvolutionKernels& slim_avx512()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx512, forward, backward};
    return table;
}

} // namespace ptk::kernels::cpu
