#include "base/error.h"
#include "base/numpy_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ptk::base {
namespace {

using testing::ElementsAre;

struct Stream {
    std::uint32_t seed;
    std::vector<double> uniform;
    std::vector<std::int64_t> permutation;
    std::vector<std::int64_t> chosen;
    double next;
};

/// random_sample(2), permutation(7), choice(5, 3, replace=False), random_sample() of numpy.random.RandomState(seed),
/// NumPy 2.
const Stream streams[] = {
    {0, {0.5488135039273248, 0.7151893663724195}, {0, 2, 1, 4, 5, 6, 3}, {1, 3, 4}, 0.9636627605010293},
    {5, {0.22199317108973948, 0.8707323061773764}, {2, 4, 3, 5, 1, 0, 6}, {1, 4, 2}, 0.29680050157622195},
    {4294967295, {0.0976320289940138, 0.9123828453026218}, {6, 3, 5, 1, 2, 0, 4}, {0, 1, 4}, 0.17075136716467365},
};

TEST(NumpyRandom, EveryKindOfDrawFollowsTheStream)
{
    for (const auto& stream : streams) {
        NumpyRandom random(stream.seed);
        EXPECT_EQ(random.uniform(), stream.uniform[0]);
        EXPECT_EQ(random.uniform(), stream.uniform[1]);
        EXPECT_EQ(random.permutation(7), stream.permutation);
        EXPECT_EQ(random.choice(5, 3), stream.chosen);
        EXPECT_EQ(random.uniform(), stream.next) << "seed " << stream.seed;
    }
}

TEST(NumpyRandom, IntervalOfZeroDrawsNothing)
{
    NumpyRandom random(0);
    EXPECT_EQ(random.interval(0), 0u);
    EXPECT_EQ(random.uniform(), streams[0].uniform[0]);
}

TEST(NumpyRandom, CannotChooseMoreThanThereAre)
{
    NumpyRandom random(0);
    EXPECT_THROW(random.choice(3, 4), Error);
    EXPECT_THAT(random.choice(1, 1), ElementsAre(0));
}

} // namespace
} // namespace ptk::base
