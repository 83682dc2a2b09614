#define PTK_LANES 4
#define PTK_ROWS 6
#include "kernels/cpu/conv3x3_loops.inl"

namespace ptk::kernels::cpu {

const ConvolutionKernels& conv3x3_avx2();
const ConvolutionKernels& conv3x3_avx512();
const PackedConvolution& packed_conv3x3_avx2();
const PackedConvolution& packed_conv3x3_avx512();

const ConvolutionKernels& conv3x3_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward, backward};
    return *choose(set, &portable, &conv3x3_avx2(), &conv3x3_avx512());
}

const PackedConvolution& packed_conv3x3_kernels(InstructionSet set)
{
    static constexpr PackedConvolution portable{all_packed_size, pack_weights, packed_forward};
    return *choose(set, &portable, &packed_conv3x3_avx2(), &packed_conv3x3_avx512());
}

} // namespace ptk::kernels::cpu
