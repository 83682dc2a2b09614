#include "kernels/cpu/instruction_set.h"

#include "base/error.h"

#include <cstdlib>
#include <string_view>

namespace ptk::kernels::cpu {

namespace {

InstructionSet best()
{
    if (supported(InstructionSet::Avx512))
        return InstructionSet::Avx512;
    return supported(InstructionSet::Avx2) ? InstructionSet::Avx2 : InstructionSet::Portable;
}

InstructionSet named(std::string_view name)
{
    if (name == "avx512")
        return InstructionSet::Avx512;
    if (name == "avx2")
        return InstructionSet::Avx2;
    require(name == "portable", Status::InvalidConfig, "PTYCHOKIT_CPU: expected avx512, avx2 or portable, found '{}'",
            name);
    return InstructionSet::Portable;
}

InstructionSet chosen()
{
    const char* name = std::getenv("PTYCHOKIT_CPU");
    if (!name || !*name)
        return best();
    const auto set = named(name);
    require(supported(set), Status::Unsupported, "PTYCHOKIT_CPU: this processor has no {}", name);
    return set;
}

} // namespace

bool supported(InstructionSet set)
{
    if (set == InstructionSet::Portable)
        return true;
#if defined(__x86_64__)
    if (set == InstructionSet::Avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    return supported(InstructionSet::Avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

InstructionSet instruction_set()
{
    static const InstructionSet set = chosen();
    return set;
}

void require_supported(InstructionSet set)
{
    require(supported(set), Status::Unsupported, "this processor lacks the instruction set that was asked for");
}

} // namespace ptk::kernels::cpu
