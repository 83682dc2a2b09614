#pragma once
#include <cstdint>
#include <random>

namespace ptk::base {

// Draws that are the same on every standard library: std::normal_distribution and its kin are not specified bit for
// bit.

/// Uniform in [0, 1), 53 bits out of one word.
double uniform(std::mt19937_64& engine);
/// Uniform in [low, high).
double uniform(std::mt19937_64& engine, double low, double high);
/// Normal with mean 0 and standard deviation 1, by Marsaglia's polar method (SIAM Review 6, 260 (1964)); nothing is
/// kept for the next call.
double normal(std::mt19937_64& engine);
/// Poisson. Up to a mean of 10 by multiplication of uniforms (Knuth), above by transformed rejection, PTRS of Hoermann,
/// Insurance: Mathematics and Economics 12, 39 (1993).
/// @param mean  0 to 1e15; not finite or negative gives 0
std::int64_t poisson(std::mt19937_64& engine, double mean);

} // namespace ptk::base
