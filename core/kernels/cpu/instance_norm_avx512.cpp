#define PTK_LANES 16
#include "kernels/cpu/instance_norm_loops.inl"

namespace ptk::kernels::cpu {

const InstanceNormKernels& instance_norm_avx512();

const InstanceNormKernels& instance_norm_avx512()
{
    static constexpr InstanceNormKernels table = table_of(InstructionSet::Avx512);
    return table;
}

} // namespace ptk::kernels::cpu
