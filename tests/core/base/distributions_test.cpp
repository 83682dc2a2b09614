#include "base/distributions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace ptk::base {
namespace {

struct Moments {
    double mean = 0, variance = 0;
};

template <class Draw> Moments moments(const Draw& draw, int count)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
        const double x = draw();
        sum += x;
        squares += x * x;
    }
    const double mean = sum / count;
    return {mean, squares / count - mean * mean};
}

TEST(Distributions, PoissonHasItsMeanAndVariance)
{
    constexpr int count = 40000;
    for (const double mean : {0.05, 0.9, 9.9, 10.1, 37.5, 1e3, 1e6, 1e10}) {
        std::mt19937_64 engine(7);
        const auto found = moments([&] { return static_cast<double>(poisson(engine, mean)) - mean; }, count);
        EXPECT_NEAR(found.mean, 0, 5 * std::sqrt(mean / count)) << mean;
        // Variance of a sample variance: (2 + 1/mean) mean^2 / count.
        EXPECT_NEAR(found.variance, mean, 5 * mean * std::sqrt((2 + 1 / mean) / count)) << mean;
    }
}

TEST(Distributions, PoissonFollowsItsProbabilities)
{
    constexpr int count = 100000;
    for (const double mean : {3.0, 12.0, 60.0}) {
        std::mt19937_64 engine(11);
        std::map<std::int64_t, int> seen;
        for (int i = 0; i < count; ++i)
            ++seen[poisson(engine, mean)];
        double chi2 = 0;
        int bins = 0;
        for (std::int64_t k = 0; k < 200; ++k) {
            const double expected = count * std::exp(static_cast<double>(k) * std::log(mean) - mean -
                                                     std::lgamma(static_cast<double>(k) + 1));
            if (expected < 10)
                continue;
            chi2 += (seen[k] - expected) * (seen[k] - expected) / expected;
            ++bins;
        }
        EXPECT_LT(chi2, bins + 5 * std::sqrt(2.0 * bins)) << mean; // five standard deviations of chi^2
    }
}

TEST(Distributions, PoissonOfNothingIsNothing)
{
    std::mt19937_64 engine(1);
    for (const double mean : {0.0, -3.0, std::nan(""), std::numeric_limits<double>::infinity()})
        EXPECT_EQ(poisson(engine, mean), 0);
    EXPECT_NEAR(static_cast<double>(poisson(engine, 1e300)), 1e15, 1e9);
}

TEST(Distributions, NormalHasItsMoments)
{
    constexpr int count = 40000;
    std::mt19937_64 engine(3);
    int beyond = 0;
    const auto found = moments(
        [&] {
            const double x = normal(engine);
            beyond += std::abs(x) > 1.959964 ? 1 : 0;
            return x;
        },
        count);
    EXPECT_NEAR(found.mean, 0, 5 / std::sqrt(count));
    EXPECT_NEAR(found.variance, 1, 5 * std::sqrt(2.0 / count));
    EXPECT_NEAR(beyond, 0.05 * count, 5 * std::sqrt(0.05 * 0.95 * count));
}

TEST(Distributions, UniformIsTheTopOfTheWord)
{
    std::mt19937_64 engine(5489), same(5489);
    EXPECT_EQ(uniform(engine), static_cast<double>(same() >> 11) / 9007199254740992.0);
    EXPECT_EQ(uniform(engine, 2, 4), 2 + 2 * (static_cast<double>(same() >> 11) / 9007199254740992.0));
}

} // namespace
} // namespace ptk::base
