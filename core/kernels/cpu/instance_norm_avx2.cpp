#define PTK_LANES 8
#include "kernels/cpu/instance_norm_loops.inl"

namespace ptk::kernels::cpu {

const InstanceNormKernels& instance_norm_avx2();

const InstanceNormKernels& instance_norm_avx2()
{
    static constexpr InstanceNormKernels table = table_of(InstructionSet::Avx2);
    return table;
}

} // namespace ptk::kernels::cpu
