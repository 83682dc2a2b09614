#define PTK_LANES 4
#define PTK_ROWS 6
#include "base/error.h"
#include "kernels/cpu/resample_loops.inl"

namespace ptk::kernels::cpu {

#if defined(__x86_64__)
const ConvolutionKernels& narrow_avx2();
const ConvolutionKernels& narrow_avx512();
const ConvolutionKernels& down_avx2();
const ConvolutionKernels& down_avx512();
const ConvolutionKernels& up_avx2();
const ConvolutionKernels& up_avx512();
#endif

namespace {

void require_supported(InstructionSet set)
{
    require(supported(set), Status::Unsupported, "this processor lacks the instruction set that was asked for");
}

} // namespace

const ConvolutionKernels& narrow_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Narrow>, backward<Narrow>};
    require_supported(set);
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512)
        return narrow_avx512();
    if (set == InstructionSet::Avx2)
        return narrow_avx2();
#endif
    return portable;
}

const ConvolutionKernels& narrow_kernels()
{
    return narrow_kernels(instruction_set());
}

const ConvolutionKernels& down_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Down>, backward<Down>};
    require_supported(set);
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512)
        return down_avx512();
    if (set == InstructionSet::Avx2)
        return down_avx2();
#endif
    return portable;
}

const ConvolutionKernels& down_kernels()
{
    return down_kernels(instruction_set());
}

const ConvolutionKernels& up_kernels(InstructionSet set)
{
    static constexpr ConvolutionKernels portable{InstructionSet::Portable, forward<Up>, backward<Up>};
    require_supported(set);
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512)
        return up_avx512();
    if (set == InstructionSet::Avx2)
        return up_avx2();
#endif
    return portable;
}

const ConvolutionKernels& up_kernels()
{
    return up_kernels(instruction_set());
}

} // namespace ptk::kernels::cpu
