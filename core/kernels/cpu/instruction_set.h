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

} // namespace ptk::kernels::cpu
