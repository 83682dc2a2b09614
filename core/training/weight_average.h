#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ptk::training {

/// A running mean of weights, average = decay average + (1 - decay) weights after each step, which is often the better
/// network. In the first steps the decay is smaller, (1 + t) / (10 + t), so that the fresh weights are soon forgotten.
/// Source: Polyak & Juditsky, SIAM J. Control Optim. 30, 838 (1992), in its exponential form.
class WeightAverage {
public:
    struct Weight {
        std::string name;
        at::Tensor tensor; ///< a leaf; changed in place by swap()
    };

    /// The average begins as the weights are.
    WeightAverage(std::vector<Weight> weights, double decay);

    void update();
    /// The weights become the average and the average the weights; a second call undoes it.
    void swap();

    /// By "<name>" and "steps" (for checkpoints; not copies).
    std::map<std::string, at::Tensor> state() const;
    /// @throws Error(Format) naming what is missing or of another shape
    void load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix);

private:
    std::vector<std::string> names_;
    std::vector<at::Tensor> weights_, averages_;
    at::Tensor steps_; ///< (1) float64
    double decay_;
};

/// While it lives the weights are the average, if there is one.
class Averaged {
public:
    explicit Averaged(std::optional<WeightAverage>& average) : average_(average) { swap(); }
    ~Averaged() { swap(); }
    Averaged(const Averaged&) = delete;
    Averaged& operator=(const Averaged&) = delete;

private:
    void swap()
    {
        if (average_)
            average_->swap();
    }
    std::optional<WeightAverage>& average_;
};

} // namespace ptk::training
