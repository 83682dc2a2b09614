#include "kernels/cpu/pie_loops.inl"

namespace ptk::kernels::cpu {

const PieLoops& pie_loops_avx2();

const PieLoops& pie_loops_avx2()
{
    static constexpr PieLoops table = loops("avx2");
    return table;
}

} // namespace ptk::kernels::cpu
