#pragma once
#include <optional>
#include <vector>

namespace ptk::training {

/// The learning rate range test: a rate that grows from step to step by a constant factor, while the loss is watched.
/// A pure sequence; whoever trains asks for rates and tells losses.
/// Source: Smith, arXiv:1506.01186 (2017), section 3.3, with a rate that grows exponentially instead of linearly.
class RangeTest {
public:
    static constexpr double lowest = 1e-6;
    static constexpr double highest = 1;
    static constexpr int steps = 100;

    /// Over when the rate has reached the highest, the smoothed loss is four times its smallest, or is not finite.
    bool over() const noexcept { return over_; }
    /// Of the next step.
    double rate() const;
    /// The loss of the step that was made with rate(). @param loss  not finite ends the test
    void add(double loss);

    /// A tenth of the rate at which the smoothed loss was smallest, the usual distance from where it begins to rise;
    /// nothing when it never fell by a hundredth.
    std::optional<double> suggestion() const;
    /// Of the steps so far: exponential mean of the losses, with the bias of its start removed.
    const std::vector<double>& smoothed() const noexcept { return smoothed_; }

private:
    std::vector<double> smoothed_;
    double mean_ = 0;
    bool over_ = false;
};

} // namespace ptk::training
