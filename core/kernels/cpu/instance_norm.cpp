#define PTK_LANES 4
#include "kernels/cpu/instance_norm_loops.inl"

namespace ptk::kernels::cpu {

const InstanceNormKernels& instance_norm_avx2();
const InstanceNormKernels& instance_norm_avx512();

const InstanceNormKernels& instance_norm_kernels(InstructionSet set)
{
    static constexpr InstanceNormKernels portable = table_of(InstructionSet::Portable);
    return *choose(set, &portable, &instance_norm_avx2(), &instance_norm_avx512());
}

} // namespace ptk::kernels::cpu
