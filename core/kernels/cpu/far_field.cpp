#include "kernels/cpu/far_field_loops.inl"

namespace ptk::kernels::cpu {

const FarFieldLoops& far_field_loops_avx2();
const FarFieldLoops& far_field_loops_avx512();

const FarFieldLoops& far_field_loops(InstructionSet set)
{
    static constexpr FarFieldLoops portable = loops(InstructionSet::Portable);
    return *choose(set, &portable, &far_field_loops_avx2(), &far_field_loops_avx512());
}

} // namespace ptk::kernels::cpu
