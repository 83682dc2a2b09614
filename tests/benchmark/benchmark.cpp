// Rates of the main path on the real Siemens scan: training, prediction, stitching, grouping, reading.
//   cmake -S . -B build -DPTYCHOKIT_BENCHMARKS=ON && cmake --build build --target ptk_benchmark
//   build/tests/benchmark/ptk_benchmark --benchmark_out=benchmark.json --benchmark_out_format=json
// Time is CPU time of the process (all threads); frames/s are per core when OMP_NUM_THREADS=1.
#include "data/groups.h"
#include "data/readers.h"
#include "generators/all.h"
#include "model/model.h"
#include "physics/iterative_engine.h"
#include "physics/probe.h"
#include "reconstruction/canvas.h"
#include "reconstruction/predict.h"
#include "training/trainer.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <filesystem>

namespace {

using namespace ptk;

const std::string scan_path = PTK_SOURCE_DIR "/examples/data/siemens64.npz";

data::Scan siemens()
{
    Log log;
    return data::read_scan(scan_path, config::Settings(config::library_schema(), {}), log);
}

config::Config options(const std::string& json)
{
    return config::Config::from_json(json);
}

std::shared_ptr<model::Model> fresh_model(const char* json)
{
    return model::make_model(generators::builtin_generators(), options(json), 64, c10::kCPU);
}

void fitting(benchmark::State& state, const char* json)
{
    const auto scan = siemens();
    std::int64_t frames = 0;
    for (auto _ : state) {
        state.PauseTiming();
        auto model = fresh_model(json);
        model->probe = physics::with_modes(
            physics::with_power(physics::canonical_probe(scan.probe, 64), data::mean_power(scan)), 3);
        training::Trainer trainer(model, options(json), "", std::make_shared<Log>());
        state.ResumeTiming();
        trainer.fit(scan, Monitor());
        frames += scan.size();
    }
    state.counters["frames/s"] = benchmark::Counter(static_cast<double>(frames), benchmark::Counter::kIsRate);
}

void prediction(benchmark::State& state, const char* json)
{
    const auto scan = siemens();
    auto model = fresh_model(json);
    Log log;
    std::int64_t frames = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(reconstruction::reconstruct(*model, scan, model->settings, Monitor(), log));
        frames += scan.size();
    }
    state.counters["frames/s"] = benchmark::Counter(static_cast<double>(frames), benchmark::Counter::kIsRate);
}

void refinement(benchmark::State& state)
{
    const auto scan = siemens();
    Log log;
    std::int64_t frames = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(physics::warm_probe(scan, 3, 2, 0, Monitor(), log));
        frames += 2 * scan.size();
    }
    state.counters["frames/s"] = benchmark::Counter(static_cast<double>(frames), benchmark::Counter::kIsRate);
}

void stitching(benchmark::State& state)
{
    const std::int64_t count = 1000;
    const auto patches = at::randn({count, 64, 64}, at::kComplexFloat);
    const auto weights = at::rand({64, 64});
    const auto positions = at::rand({count, 2}, at::kDouble) * 1100 + 40;
    for (auto _ : state) {
        reconstruction::Canvas canvas(1200, 1200, 0, 0);
        canvas.add(patches, positions, weights);
        benchmark::DoNotOptimize(canvas.added());
    }
    state.counters["patches/s"] =
        benchmark::Counter(static_cast<double>(count * state.iterations()), benchmark::Counter::kIsRate);
}

void grouping(benchmark::State& state)
{
    const std::int64_t count = state.range(0);
    const double side = std::sqrt(static_cast<double>(count)) * 7;
    const auto positions = at::rand({count, 2}, at::kDouble) * side;
    for (auto _ : state)
        benchmark::DoNotOptimize(data::tile_groups(positions, 16));
    state.counters["points/s"] =
        benchmark::Counter(static_cast<double>(count * state.iterations()), benchmark::Counter::kIsRate);
}

void reading(benchmark::State& state, const char* name)
{
    const std::string path = std::string(PTK_SOURCE_DIR "/examples/data/") + name;
    Log log;
    const config::Settings settings(config::library_schema(), {});
    double bytes = 0;
    for (auto _ : state) {
        const auto scan = data::read_scan(path, settings, log);
        bytes += static_cast<double>(scan.size() * scan.side() * scan.side() * 2);
    }
    state.counters["MB/s"] = benchmark::Counter(bytes / 1e6, benchmark::Counter::kIsRate);
}

const char* unet_training = R"({"training": {"epochs": 1, "validation_fraction": 0}, "probe": {"warm_epochs": 0}})";
const char* cnn_training =
    R"({"generator": {"name": "cnn"}, "scan": {"group_size": 1}, "generator.C_model": 1, "training": {"epochs": 1, "batch_size": 16, "validation_fraction": 0}, "probe": {"warm_epochs": 0}})";

} // namespace

BENCHMARK_CAPTURE(fitting, physics_unet, unet_training)->Unit(benchmark::kMillisecond)->Iterations(2);
BENCHMARK_CAPTURE(fitting, cnn, cnn_training)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(prediction, physics_unet, unet_training)->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK_CAPTURE(prediction, cnn, cnn_training)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(refinement)->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(stitching)->Unit(benchmark::kMillisecond);
BENCHMARK(grouping)->Unit(benchmark::kMillisecond)->Arg(10000)->Arg(100000);
BENCHMARK_CAPTURE(reading, npz_deflate, "siemens64.npz")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(reading, cxi_deflate, "siemens.cxi")->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
