// One generator at one size, alone in its process, so that its memory can be seen; generator_table.py makes a table of
// many such runs:
//   generator_run list                            names of the generators
//   generator_run NAME SIDE FRAMES MODE SECONDS [AT_ONCE]
//                                                 MODE predict: the network alone; train: prediction, far field of
//                                                 three modes, amplitude loss, gradients, one step of Adam;
//                                                 bfloat16: predict with its layers in bfloat16, "error" against
//                                                 float32: norm of the difference over that of the patches
// Prints JSON: AT_ONCE frames, sixteen if it is not given, as inputs of FRAMES frames each; the least time of rounds
// over SECONDS, CPU time with one thread, wall time with more; "peak_mb" beyond what the process has before the network
// is made. Freed memory is kept, as in the program ptychokit.
#include "base/error.h"
#include "base/random.h"
#include "generators/cost.h"
#include "generators/initializers.h"
#include "generators/precision.h"
#include "physics/far_field.h"
#include "process_memory.h"
#include "training/losses.h"
#include "training/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>

namespace {

using namespace ptk;
using benchmarks::most_resident_mb;
using benchmarks::reset_most_resident;
using benchmarks::resident_mb;

double wall_seconds()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds()
{
    return at::get_num_threads() == 1 ? static_cast<double>(std::clock()) / CLOCKS_PER_SEC : wall_seconds();
}

/// A network and frames for it.
struct Bench {
    Bench(const generators::GeneratorRegistry::Entry& entry, const config::Settings& settings,
          const generators::Problem& problem, std::int64_t frames_at_once)
        : generator(entry.make(problem, settings, base::torch_generator(1, "benchmark")))
    {
        const auto channels = generator->channels(), groups = frames_at_once / channels;
        probe = at::randn({groups, channels, 3, problem.side, problem.side}, at::kComplexFloat);
        input = {.amplitude = at::rand({groups, channels, problem.side, problem.side}), .scale = 1, .probe = {}};
        if (generator->needs_probe())
            input.probe = probe;
        for (const auto& [name, tensor] : generator->named_parameters())
            parameters.push_back({name, *tensor});
    }
    std::unique_ptr<generators::Generator> generator;
    generators::Input input;
    at::Tensor probe;
    std::vector<training::Optimizer::Parameter> parameters;
};

/// Least time of a call after one that warms up.
double least_seconds(const std::function<void()>& work, double limit)
{
    work();
    double least = 1e30;
    const double begin = wall_seconds();
    for (int round = 0; round < 3 || wall_seconds() - begin < limit; ++round) {
        const double start = seconds();
        work();
        least = std::min(least, seconds() - start);
    }
    return least;
}

double least_time(Bench& bench, const std::string& mode, double limit)
{
    if (mode != "train") {
        const auto precision = mode == "bfloat16" ? generators::Precision::Bfloat16 : generators::Precision::Float32;
        const c10::InferenceMode inference;
        return least_seconds([&] { generators::predicted(*bench.generator, bench.input, precision); }, limit);
    }
    bench.generator->set_training(true);
    training::Optimizer adam(bench.parameters, {});
    const auto step = [&] {
        adam.clear_gradients();
        const auto intensity = physics::far_field_intensity(bench.generator->forward(bench.input), bench.probe);
        training::amplitude_loss(intensity, bench.input.amplitude).backward();
        adam.step(1e-4);
    };
    return least_seconds(step, limit);
}

/// Of a prediction in bfloat16, with weights all of which have an effect.
double error_of(Bench& bench)
{
    generators::initialize(*bench.generator, "glorot", base::torch_generator(1, "initializer"));
    const c10::InferenceMode inference;
    const auto full = generators::predicted(*bench.generator, bench.input, generators::Precision::Float32);
    const auto half = generators::predicted(*bench.generator, bench.input, generators::Precision::Bfloat16);
    return ((half - full).norm() / full.norm()).item<double>();
}

void run(const std::string& name, const generators::Problem& problem, const std::string& mode, double limit,
         std::int64_t frames_at_once)
{
    const auto registry = generators::builtin_generators();
    const auto& entry = registry.get(name);
    const config::Settings settings(config::library_schema().with(entry.metadata.options), {});
    const auto cost = generators::cost_of(entry.make, problem, settings);
    reset_most_resident();
    const double before = resident_mb();
    Bench bench(entry, settings, problem, frames_at_once);
    const double time = least_time(bench, mode, limit);
    const double peak = most_resident_mb() - before;
    const auto error = mode == "bfloat16" ? fmt::format(R"("error": {:.2e}, )", error_of(bench)) : "";
    fmt::print(
        R"({{"generator": "{}", "side": {}, "channels": {}, "mode": "{}", "frames_per_s": {:.3f}, {}"peak_mb": {:.1f}, )"
        R"("parameters": {}, "mflop_per_frame": {:.2f}, "threads": {}}})"
        "\n",
        name, problem.side, cost.channels, mode, static_cast<double>(frames_at_once) / time, error, peak,
        cost.parameters, cost.flops_per_frame / 1e6, at::get_num_threads());
}

void list()
{
    const auto registry = generators::builtin_generators();
    for (const auto* entry : registry.entries())
        fmt::print("{}\n", entry->metadata.name);
}

} // namespace

int main(int count, char** arguments)
{
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
#endif
    try {
        if (count == 2 && std::string(arguments[1]) == "list") {
            list();
            return 0;
        }
        if (count != 6 && count != 7) {
            fmt::print(stderr,
                       "usage: generator_run list | NAME SIDE FRAMES predict|train|bfloat16 SECONDS [AT_ONCE]\n");
            return 2;
        }
        run(arguments[1], {.side = std::stoll(arguments[2]), .group_size = std::stoll(arguments[3])}, arguments[4],
            std::stod(arguments[5]), count == 7 ? std::stoll(arguments[6]) : 16);
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
