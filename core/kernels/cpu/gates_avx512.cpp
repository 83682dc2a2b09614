#define PTK_LANES 16
#include "kernels/cpu/gates_loops.inl"

namespace ptk::kernels::cpu {

const GateKernels& gates_avx512();

const GateKernels& gates_avx512()
{
    static constexpr GateKernels table = table_of(InstructionSet::Avx512);
    return table;
}

} // namespace ptk::kernels::cpu
