#include "kernels/cpu/pie_loops.inl"

namespace ptk::kernels::cpu {

const PieLoops& pie_loops_avx2();
const PieLoops& pie_loops_avx512();

const PieLoops& pie_loops(InstructionSet set)
{
    static constexpr PieLoops portable = loops("portable");
    return *choose(set, &portable, &pie_loops_avx2(), &pie_loops_avx512());
}

} // namespace ptk::kernels::cpu
