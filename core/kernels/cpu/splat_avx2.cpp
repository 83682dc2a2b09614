#include "kernels/cpu/splat_loops.inl"

namespace ptk::kernels::cpu {

const SplatLoops& splat_avx2();

const SplatLoops& splat_avx2()
{
    static constexpr SplatLoops table = table_of(InstructionSet::Avx2);
    return table;
}

} // namespace ptk::kernels::cpu
