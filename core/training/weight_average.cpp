#include "training/weight_average.h"

#include "base/error.h"
#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace ptk::training {

WeightAverage::WeightAverage(std::vector<Weight> weights, double decay)
    : steps_(at::zeros({1}, at::kDouble)), decay_(decay)
{
    const at::NoGradGuard no_gradient;
    for (auto& weight : weights) {
        names_.push_back(std::move(weight.name));
        weights_.push_back(weight.tensor.detach()); // shares the memory
        averages_.push_back(weights_.back().clone());
    }
}

void WeightAverage::update()
{
    if (weights_.empty())
        return;
    const at::NoGradGuard no_gradient;
    const double steps = steps_.item<double>();
    steps_ += 1;
    at::_foreach_lerp_(averages_, weights_, 1 - std::min(decay_, (1 + steps) / (10 + steps)));
}

void WeightAverage::swap()
{
    const at::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        const auto kept = weights_[i].clone();
        weights_[i].copy_(averages_[i]);
        averages_[i].copy_(kept);
    }
}

std::map<std::string, at::Tensor> WeightAverage::state() const
{
    std::map<std::string, at::Tensor> state{{"steps", steps_}};
    for (std::size_t i = 0; i < names_.size(); ++i)
        state[names_[i]] = averages_[i];
    return state;
}

void WeightAverage::load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix)
{
    const at::NoGradGuard no_gradient;
    for (auto [name, tensor] : this->state()) {
        const auto found = state.find(prefix + name);
        require(found != state.end(), Status::Format, "average of the weights: '{}' is missing", prefix + name);
        require(found->second.sizes().equals(tensor.sizes()), Status::Format,
                "average of the weights: '{}' has shape {}, expected {}", prefix + name, base::shape_of(found->second),
                base::shape_of(tensor));
        tensor.copy_(found->second);
    }
}

} // namespace ptk::training
