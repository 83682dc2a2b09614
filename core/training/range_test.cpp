#include "training/range_test.h"

#include <algorithm>
#include <cmath>

namespace ptk::training {

namespace {

constexpr double memory = 0.9;   ///< of the exponential mean
constexpr double too_much = 4;   ///< times the smallest loss ends the test
constexpr double distance = 0.1; ///< of the suggestion from the rate with the smallest loss
constexpr double least_fall = 0.99;

double rate_of(std::size_t step)
{
    return RangeTest::lowest *
           std::pow(RangeTest::highest / RangeTest::lowest, static_cast<double>(step) / (RangeTest::steps - 1));
}

} // namespace

double RangeTest::rate() const
{
    return rate_of(smoothed_.size());
}

void RangeTest::add(double loss)
{
    if (!std::isfinite(loss)) {
        over_ = true;
        return;
    }
    mean_ = memory * mean_ + (1 - memory) * loss;
    smoothed_.push_back(mean_ / (1 - std::pow(memory, static_cast<double>(smoothed_.size() + 1))));
    const double smallest = *std::min_element(smoothed_.begin(), smoothed_.end());
    over_ = smoothed_.size() == steps || smoothed_.back() > too_much * smallest;
}

std::optional<double> RangeTest::suggestion() const
{
    if (smoothed_.empty())
        return std::nullopt;
    const auto smallest = std::min_element(smoothed_.begin(), smoothed_.end());
    if (!(*smallest < least_fall * smoothed_.front()))
        return std::nullopt;
    return distance * rate_of(static_cast<std::size_t>(smallest - smoothed_.begin()));
}

} // namespace ptk::training
