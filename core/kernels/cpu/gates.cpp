#define PTK_LANES 4
#include "kernels/cpu/gates_loops.inl"

namespace ptk::kernels::cpu {

const GateKernels& gates_avx2();
const GateKernels& gates_avx512();

const GateKernels& gate_kernels(InstructionSet set)
{
    static constexpr GateKernels portable = table_of(InstructionSet::Portable);
    return *choose(set, &portable, &gates_avx2(), &gates_avx512());
}

} // namespace ptk::kernels::cpu
