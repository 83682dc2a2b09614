#include "base/numpy_random.h"

#include "base/error.h"

#include <bit>
#include <numeric>
#include <utility>

namespace ptk::base {

double NumpyRandom::uniform()
{
    const auto high = static_cast<std::uint32_t>(engine_()) >> 5;
    const auto low = static_cast<std::uint32_t>(engine_()) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

std::uint32_t NumpyRandom::interval(std::uint32_t largest)
{
    if (largest == 0)
        return 0;
    const std::uint32_t mask = UINT32_MAX >> std::countl_zero(largest);
    std::uint32_t draw = static_cast<std::uint32_t>(engine_()) & mask;
    while (draw > largest)
        draw = static_cast<std::uint32_t>(engine_()) & mask;
    return draw;
}

std::vector<std::int64_t> NumpyRandom::permutation(std::uint32_t count)
{
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    for (std::uint32_t last = count; last-- > 1;)
        std::swap(order[last], order[interval(last)]);
    return order;
}

std::vector<std::int64_t> NumpyRandom::choice(std::uint32_t count, std::uint32_t size)
{
    require(size <= count, Status::InvalidArgument, "cannot draw {} of {} without repetition", size, count);
    auto order = permutation(count);
    order.resize(size);
    return order;
}

} // namespace ptk::base
