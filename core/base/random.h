#pragma once
#include <ATen/core/Generator.h>

#include <cstdint>
#include <random>
#include <string_view>

namespace ptk::base {

/// Seed of one named stream ("grouping", "initialisation", "shuffling", "simulation" ...) derived from the user's seed,
/// so that drawing more from one stream never changes another. SplitMix64 over seed and name (Steele et al., OOPSLA
/// 2014).
std::uint64_t stream_seed(std::uint64_t seed, std::string_view stream);

/// The stream as a C++ engine.
std::mt19937_64 random_engine(std::uint64_t seed, std::string_view stream);

/// The stream as a LibTorch CPU generator (draws are made on the CPU for every device, so that results agree).
at::Generator torch_generator(std::uint64_t seed, std::string_view stream);

/// Uniform integer in [0, bound) by rejection: the same on every standard library.
std::uint64_t uniform_below(std::mt19937_64& engine, std::uint64_t bound);

} // namespace ptk::base
