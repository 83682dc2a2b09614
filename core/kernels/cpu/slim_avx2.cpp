#define PTK_LANES 8
#define PTK_ROWS 6
#include "kernels/cpu/slim_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& slim_avx2();

const ConvolutionKernels& slim_avx2()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx2, forward, backward};
    return table;
}

} // namespace ptk::kernels::cpu
