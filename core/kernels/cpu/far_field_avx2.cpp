#include "kernels/cpu/far_field_loops.inl"

namespace ptk::kernels::cpu {

const FarFieldLoops& far_field_loops_avx2();

const FarFieldLoops& far_field_loops_avx2()
{
    static constexpr FarFieldLoops table = loops(InstructionSet::Avx2);
    return table;
}

} // namespace ptk::kernels::cpu
