#include "kernels/cpu/instruction_set.h"
#include "kernels/cpu/pie_loops.inl"

namespace ptk::kernels::cpu {

#if defined(__x86_64__)
const PieLoops& pie_loops_avx2();
const PieLoops& pie_loops_avx512();
#endif

const PieLoops& pie_loops_portable()
{
    static constexpr PieLoops table = loops("portable");
    return table;
}

const PieLoops& pie_loops()
{
#if defined(__x86_64__)
    if (instruction_set() == InstructionSet::Avx512)
        return pie_loops_avx512();
    if (instruction_set() == InstructionSet::Avx2)
        return pie_loops_avx2();
#endif
    return pie_loops_portable();
}

} // namespace ptk::kernels::cpu
