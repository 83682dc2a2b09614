#include "kernels/cpu/splat_loops.inl"

namespace ptk::kernels::cpu {

const SplatLoops& splat_avx512();

const SplatLoops& splat_avx512()
{
    static constexpr SplatLoops table = table_of(InstructionSet::Avx512);
    return table;
}

} // namespace ptk::kernels::cpu
