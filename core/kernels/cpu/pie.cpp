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
    static const PieLoops& best = [&]() -> const PieLoops& {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return pie_loops_avx512();
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            return pie_loops_avx2();
        return pie_loops_portable();
    }();
    return best;
#else
    return pie_loops_portable();
#endif
}

}  // namespace ptk::kernels::cpu
