#include "generators/cost.h"

#include "base/error.h"
#include "generators/blocks/flops.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

namespace ptk::generators {

namespace {

std::optional<Cost> cost_if_taken(const Factory& make, const Problem& problem, const config::Settings& settings)
{
    try {
        return cost_of(make, problem, settings);
    } catch (const Error& error) {
        if (error.status() != Status::Shape && error.status() != Status::InvalidConfig)
            throw;
        return std::nullopt;
    }
}

} // namespace

Cost cost_of(const Factory& make, const Problem& problem, const config::Settings& settings)
{
    // Without random numbers: the weights have no effect on the cost.
    const auto generator = make(problem, settings, at::Generator());
    Cost cost{.side = problem.side, .channels = generator->channels()};
    for (const auto& parameter : generator->parameters())
        cost.parameters += parameter.numel();

    const auto side = problem.side;
    Input input{.amplitude = at::zeros({1, cost.channels, side, side}), .scale = 1, .probe = {}};
    if (generator->needs_probe())
        input.probe = at::ones({1, cost.channels, 1, side, side}, at::kComplexFloat);
    const c10::InferenceMode inference;
    const FlopCount count;
    generator->forward(input);
    cost.flops_per_frame = count.total() / static_cast<double>(cost.channels);
    return cost;
}

std::vector<Cost> default_costs(const GeneratorRegistry::Entry& entry)
{
    const config::Settings settings(config::library_schema().with(entry.metadata.options), {});
    std::vector<Cost> costs;
    for (const std::int64_t side : {64, 128, 256}) {
        for (const std::int64_t group : {1, 4}) {
            const auto cost = cost_if_taken(entry.make, {.side = side, .group_size = group}, settings);
            if (cost && (costs.empty() || cost->channels != costs.back().channels))
                costs.push_back(*cost);
        }
        if (!costs.empty())
            break;
    }
    return costs;
}

} // namespace ptk::generators
