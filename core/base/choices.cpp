#include "base/choices.h"

#include "base/error.h"
#include "base/random.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ptk::base {

std::int64_t EngineChoices::below(std::int64_t count)
{
    return static_cast<std::int64_t>(uniform_below(engine_, static_cast<std::uint64_t>(count)));
}

void EngineChoices::pick(std::int64_t count, std::int64_t size, std::int64_t* out)
{
    require(size >= 0 && size <= count, Status::InvalidArgument, "cannot draw {} of {} without repetition", size,
            count);
    pool_.resize(static_cast<std::size_t>(count));
    std::iota(pool_.begin(), pool_.end(), 0);
    for (std::int64_t i = 0; i < size; ++i) {
        std::swap(pool_[i], pool_[i + below(count - i)]);
        out[i] = pool_[i];
    }
}

std::int64_t NumpyChoices::below(std::int64_t count)
{
    return random_.interval(static_cast<std::uint32_t>(count - 1));
}

void NumpyChoices::pick(std::int64_t count, std::int64_t size, std::int64_t* out)
{
    const auto chosen = random_.choice(static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(size));
    std::copy(chosen.begin(), chosen.end(), out);
}

} // namespace ptk::base
