#include "kernels/cpu/far_field_loops.inl"

namespace ptk::kernels::cpu {

const FarFieldLoops& far_field_loops_avx512();

const FarFieldLoops& far_field_loops_avx512()
{
    static constexpr FarFieldLoops table = loops(InstructionSet::Avx512);
    return table;
}

} // namespace ptk::kernels::cpu
