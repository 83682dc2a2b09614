#pragma once

namespace ptk::kernels::cpu {

/// Instruction sets that kernels are compiled for, from the least to the most.
enum class InstructionSet { Portable, Avx2, Avx512 };

/// True when this processor and this build have it.
bool supported(InstructionSet set);

/// The set that kernels use: the best of this processor, or the one that the environment variable PTYCHOKIT_CPU names
/// (portable, avx2, avx512). Read once.
/// @throws Error(InvalidConfig) when the variable names no set, Error(Unsupported) when the processor lacks it
InstructionSet instruction_set();

/// @throws Error(Unsupported) when the processor lacks the set
void require_supported(InstructionSet set);

/// The one of three that is compiled for @p set. @throws as require_supported()
template <class Kernel> Kernel choose(InstructionSet set, Kernel portable, Kernel avx2, Kernel avx512)
{
    require_supported(set);
    if (set == InstructionSet::Avx512)
        return avx512;
    return set == InstructionSet::Avx2 ? avx2 : portable;
}

} // namespace ptk::kernels::cpu
