// Gathering frames in random order: 128 x 128 uint16, in memory, from the mapped store with a warm page cache, and as
// LibTorch would (index_select, then float).
#include "data/npz.h"
#include "data/readers.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <filesystem>

namespace {

using namespace ptk;

constexpr std::int64_t count = 8192, side = 128, batch = 256;

at::Tensor numbers()
{
    return at::randint(0, 4000, {count, side, side}, at::kShort).to(at::kUInt16);
}

/// The scan and its store, removed at the end.
struct Files {
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("ptk_benchmark_" + std::to_string(::getpid()));
    std::string scan = (folder / "scan.npz").string();
    Files()
    {
        std::filesystem::create_directories(folder);
        const auto index = at::arange(count, at::kDouble);
        data::write_npz(scan, {{"diff3d", numbers()}, {"xcoords", index.remainder(64)}, {"ycoords", index / 64}});
    }
    ~Files() { std::filesystem::remove_all(folder); }
};

data::FramesPtr frames(bool store)
{
    static const Files files;
    config::Config config;
    if (store)
        config.set("data.store", "auto");
    Log log;
    return data::read_scan(files.scan, config::Settings(config::library_schema(), config), log).frames;
}

template <class Gather> void gathering(benchmark::State& state, const Gather& gather)
{
    auto order = at::randperm(count, at::kLong);
    std::int64_t begin = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(gather(order.slice(0, begin, begin + batch)));
        begin = (begin + batch) % count;
    }
    state.counters["frames/s"] =
        benchmark::Counter(static_cast<double>(batch * state.iterations()), benchmark::Counter::kIsRate);
}

void gather_memory(benchmark::State& state)
{
    const auto all = frames(false);
    gathering(state, [&](const at::Tensor& indices) { return all->gather(indices); });
}

void gather_store(benchmark::State& state)
{
    const auto all = frames(true);
    all->gather(at::arange(count / 2)); // warm
    all->gather(at::arange(count / 2, count));
    gathering(state, [&](const at::Tensor& indices) { return all->gather(indices); });
}

void gather_libtorch(benchmark::State& state)
{
    const auto all = numbers();
    gathering(state, [&](const at::Tensor& indices) { return all.index_select(0, indices).to(at::kFloat); });
}

} // namespace

BENCHMARK(gather_memory)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(gather_store)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(gather_libtorch)->UseRealTime()->Unit(benchmark::kMillisecond);
