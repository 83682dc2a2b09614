#include "base/random.h"

#include <ATen/CPUGeneratorImpl.h>

namespace ptk::base {

namespace {

std::uint64_t split_mix(std::uint64_t& state)
{
    state += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

} // namespace

std::uint64_t stream_seed(std::uint64_t seed, std::string_view stream)
{
    std::uint64_t state = seed;
    std::uint64_t value = split_mix(state);
    for (const char letter : stream) {
        state ^= value + static_cast<unsigned char>(letter);
        value = split_mix(state);
    }
    return value;
}

std::mt19937_64 random_engine(std::uint64_t seed, std::string_view stream)
{
    return std::mt19937_64(stream_seed(seed, stream));
}

at::Generator torch_generator(std::uint64_t seed, std::string_view stream)
{
    return at::make_generator<at::CPUGeneratorImpl>(stream_seed(seed, stream));
}

std::uint64_t uniform_below(std::mt19937_64& engine, std::uint64_t bound)
{
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t draw = engine();
    while (draw >= limit)
        draw = engine();
    return draw % bound;
}

} // namespace ptk::base
