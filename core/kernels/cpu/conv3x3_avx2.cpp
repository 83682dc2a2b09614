#define PTK_LANES 8
#define PTK_ROWS 6
#include "kernels/cpu/conv3x3_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& conv3x3_avx2();
const PackedConvolution& packed_conv3x3_avx2();

const ConvolutionKernels& conv3x3_avx2()
{
    static constexpr ConvolutionKernels table{InstructionSet::Avx2, forward, backward};
    return table;
}

const PackedConvolution& packed_conv3x3_avx2()
{
    static constexpr PackedConvolution table{all_packed_size, pack_weights, packed_forward};
    return table;
}

} // namespace ptk::kernels::cpu
