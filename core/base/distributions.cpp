#include "base/distributions.h"

#include <algorithm>
#include <cmath>

namespace ptk::base {

namespace {

std::int64_t small_poisson(std::mt19937_64& engine, double mean)
{
    const double limit = std::exp(-mean);
    std::int64_t count = 0;
    for (double product = uniform(engine); product > limit; product *= uniform(engine))
        ++count;
    return count;
}

double log_factorial(double k)
{
    int sign = 0;
    return ::lgamma_r(k + 1, &sign); // lgamma() writes a global
}

std::int64_t large_poisson(std::mt19937_64& engine, double mean)
{
    const double b = 0.931 + 2.53 * std::sqrt(mean);
    const double a = -0.059 + 0.02483 * b;
    const double log_inverse_alpha = std::log(1.1239 + 1.1328 / (b - 3.4));
    const double v_r = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        const double u = uniform(engine) - 0.5;
        const double v = 1 - uniform(engine); // in (0, 1], for its logarithm
        const double s = 0.5 - std::abs(u);
        if (s <= 0)
            continue;
        const double k = std::floor((2 * a / s + b) * u + mean + 0.43);
        if (s >= 0.07 && v <= v_r)
            return static_cast<std::int64_t>(k);
        if (k < 0 || (s < 0.013 && v > s))
            continue;
        if (std::log(v) + log_inverse_alpha - std::log(a / (s * s) + b) <= k * std::log(mean) - mean - log_factorial(k))
            return static_cast<std::int64_t>(k);
    }
}

} // namespace

double uniform(std::mt19937_64& engine)
{
    return static_cast<double>(engine() >> 11) * 0x1p-53;
}

double uniform(std::mt19937_64& engine, double low, double high)
{
    return low + (high - low) * uniform(engine);
}

double normal(std::mt19937_64& engine)
{
    for (;;) {
        const double u = uniform(engine, -1, 1);
        const double v = uniform(engine, -1, 1);
        const double s = u * u + v * v;
        if (s > 0 && s < 1)
            return u * std::sqrt(-2 * std::log(s) / s);
    }
}

std::int64_t poisson(std::mt19937_64& engine, double mean)
{
    if (!(mean > 0) || !std::isfinite(mean))
        return 0;
    mean = std::min(mean, 1e15);
    return mean <= 10 ? small_poisson(engine, mean) : large_poisson(engine, mean);
}

} // namespace ptk::base
