#define PTK_LANES 8
#include "kernels/cpu/gates_loops.inl"

namespace ptk::kernels::cpu {

const GateKernels& gates_avx2();

const GateKernels& gates_avx2()
{
    static constexpr GateKernels table = table_of(InstructionSet::Avx2);
    return table;
}

} // namespace ptk::kernels::cpu
