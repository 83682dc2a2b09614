// Rates of every generator with default options, N = 64 (the smallest it takes), one frame and groups of four:
//   build/tests/benchmark/ptk_benchmark --benchmark_filter='^generator/'
// predict: the network alone. train: prediction, far field, amplitude loss, gradients, one step of Adam.
#include "base/random.h"
#include "data/readers.h"
#include "generators/cost.h"
#include "physics/far_field.h"
#include "training/losses.h"
#include "training/optimizer.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

namespace {

using namespace ptk;

constexpr std::int64_t frames_at_once = 16;

/// A network and frames for it.
struct Bench {
    Bench(const generators::GeneratorRegistry::Entry& entry, const generators::Cost& cost)
        : settings(config::library_schema().with(entry.metadata.options), {}),
          generator(entry.make({.side = cost.side, .group_size = cost.channels}, settings,
                               base::torch_generator(1, "benchmark")))
    {
        const auto groups = frames_at_once / cost.channels;
        probe = at::randn({groups, cost.channels, 1, cost.side, cost.side}, at::kComplexFloat);
        input = {.amplitude = at::rand({groups, cost.channels, cost.side, cost.side}), .scale = 1, .probe = {}};
        if (generator->needs_probe())
            input.probe = probe;
    }

    config::Settings settings;
    std::unique_ptr<generators::Generator> generator;
    generators::Input input;
    at::Tensor probe;
};

void report(benchmark::State& state, const generators::Cost& cost)
{
    state.counters["frames/s"] =
        benchmark::Counter(static_cast<double>(frames_at_once * state.iterations()), benchmark::Counter::kIsRate);
    state.counters["parameters"] = static_cast<double>(cost.parameters);
    state.counters["MFLOP/frame"] = cost.flops_per_frame / 1e6;
}

void predict(benchmark::State& state, const generators::GeneratorRegistry::Entry& entry, const generators::Cost& cost)
{
    const c10::InferenceMode inference;
    Bench bench(entry, cost);
    benchmark::DoNotOptimize(bench.generator->forward(bench.input));
    for (auto _ : state)
        benchmark::DoNotOptimize(bench.generator->forward(bench.input));
    report(state, cost);
}

void train(benchmark::State& state, const generators::GeneratorRegistry::Entry& entry, const generators::Cost& cost)
{
    Bench bench(entry, cost);
    bench.generator->set_training(true);
    std::vector<training::Optimizer::Parameter> parameters;
    for (const auto& [name, tensor] : bench.generator->named_parameters())
        parameters.push_back({name, *tensor});
    training::Optimizer adam(parameters, {});
    const auto step = [&] {
        adam.clear_gradients();
        const auto intensity = physics::far_field_intensity(bench.generator->forward(bench.input), bench.probe);
        training::amplitude_loss(intensity, bench.input.amplitude).backward();
        adam.step(1e-4);
    };
    step();
    for (auto _ : state)
        step();
    report(state, cost);
}

const bool registered = [] {
    static const auto registry = generators::builtin_generators();
    for (const auto* listed : registry.entries())
        for (const auto& entry = *listed; const auto& cost : generators::default_costs(entry)) {
            const auto name = "generator/" + entry.metadata.name + "/N" + std::to_string(cost.side) + "/C" +
                              std::to_string(cost.channels);
            benchmark::RegisterBenchmark((name + "/predict").c_str(), [&entry, cost](benchmark::State& state) {
                predict(state, entry, cost);
            })->Unit(benchmark::kMillisecond);
            benchmark::RegisterBenchmark((name + "/train").c_str(), [&entry, cost](benchmark::State& state) {
                train(state, entry, cost);
            })->Unit(benchmark::kMillisecond);
        }
    return true;
}();

} // namespace
