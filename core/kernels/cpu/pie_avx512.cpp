#include "kernels/cpu/pie_loops.inl"

namespace ptk::kernels::cpu {

const PieLoops& pie_loops_avx512();

const PieLoops& pie_loops_avx512()
{
    static constexpr PieLoops table = loops("avx512");
    return table;
}

} // namespace ptk::kernels::cpu
