#pragma once
#include <cstdint>
#include <random>
#include <vector>

namespace ptk::base {

/// NumPy's legacy generator (numpy.random.RandomState), draw for draw, for results that must equal a Python reference.
/// Source: Matsumoto & Nishimura, ACM TOMACS 8, 3 (1998); the way from bits to draws is the documented, frozen stream
/// of RandomState (NEP 19).
class NumpyRandom {
public:
    /// As np.random.seed(seed) with one integer.
    explicit NumpyRandom(std::uint32_t seed) : engine_(seed) {}

    /// random_sample(): uniform in [0, 1), 53 bits out of two words.
    double uniform();
    /// Uniform integer in [0, largest], both ends included: masked words, rejected while too large; no draw for largest
    /// = 0.
    std::uint32_t interval(std::uint32_t largest);
    /// permutation(count): 0 .. count - 1, shuffled from the end (Fisher-Yates).
    std::vector<std::int64_t> permutation(std::uint32_t count);
    /// choice(count, size, replace=False): the first entries of a whole permutation. size <= count
    std::vector<std::int64_t> choice(std::uint32_t count, std::uint32_t size);

private:
    std::mt19937 engine_; // its seeding is init_genrand, which is what NumPy uses for one integer
};

} // namespace ptk::base
