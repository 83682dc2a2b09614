// Neighbours and groups of large scans, the points computed by formulas, so that compare_neighbours.py can search the
// same ones with SciPy's tree:
//   OMP_NUM_THREADS=1 build/tests/benchmark/ptk_grouping_benchmark --benchmark_out=groupings.json
//       --benchmark_out_format=json
//   python3 tests/benchmark/compare_neighbours.py groupings.json
#include "base/random.h"
#include "data/groups.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cmath>

namespace {

using namespace ptk;

/// Plastic-number sequence (Roberts 2018): irregular, evenly spread, the same in every language.
double irregular(std::int64_t index, double ratio)
{
    return std::fmod(static_cast<double>(index + 1) * ratio, 1.0);
}

/// Seven pixels between neighbours, either a jittered raster in its order or points in no order.
at::Tensor points(std::int64_t count, bool raster)
{
    const auto width = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
    const double side = 7 * static_cast<double>(width);
    auto positions = at::empty({count, 2}, at::kDouble);
    auto* xy = positions.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < count; ++i) {
        const double u = irregular(i, 0.7548776662466927), v = irregular(i, 0.5698402909980532);
        xy[2 * i] = raster ? 7 * (static_cast<double>(i % width) + 0.6 * u) : side * u;
        xy[2 * i + 1] = raster ? 7 * (static_cast<double>(i / width) + 0.6 * v) : side * v;
    }
    return positions;
}

/// Nearest seven, the point included: what groups of four are drawn from.
void neighbours(benchmark::State& state, bool raster)
{
    const auto positions = points(state.range(0), raster);
    const auto k = state.range(1);
    at::Tensor found;
    for (auto _ : state)
        found = data::nearest_neighbours(positions, k);
    // Sum of index * (place + 1): equal for equal neighbours in equal order.
    const auto places = at::arange(1, k + 1, at::kDouble);
    state.counters["index_sum"] = (found.to(at::kDouble).sum(0) * places).sum().item<double>();
    state.counters["points"] = static_cast<double>(state.range(0));
    state.counters["k"] = static_cast<double>(k);
    state.counters["raster"] = raster ? 1 : 0;
}

enum Kind { Nearest, Distance, Quadrant, Counted };

void groups(benchmark::State& state, Kind kind, bool like_numpy)
{
    const auto positions = points(state.range(0), true);
    const auto rules = like_numpy ? data::Rules::PtychoPinn : data::Rules::Ours;
    auto engine = base::random_engine(0, "grouping");
    base::NumpyRandom random(0);
    base::EngineChoices ours(engine);
    base::NumpyChoices numpy(random);
    auto& choices = like_numpy ? static_cast<base::Choices&>(numpy) : ours;
    at::Tensor made;
    for (auto _ : state) {
        if (kind == Nearest)
            made = data::nearest_groups(positions, 4, 6, 1, choices);
        else if (kind == Distance)
            made = data::distance_groups(positions, {.smallest = 3, .largest = 12}, choices, rules);
        else if (kind == Quadrant)
            made = data::quadrant_groups(positions, at::arange(positions.size(0)), {.largest = 9}, choices, rules);
        else
            made = data::counted_groups(positions, {.neighbours = 6}, choices, rules);
    }
    state.counters["groups"] = static_cast<double>(made.size(0));
}

} // namespace

BENCHMARK_CAPTURE(neighbours, raster, true)->Unit(benchmark::kMillisecond)->Args({100000, 7})->Args({1000000, 7});
BENCHMARK_CAPTURE(neighbours, scattered, false)->Unit(benchmark::kMillisecond)->Args({100000, 7})->Args({1000000, 7});
BENCHMARK_CAPTURE(groups, nearest, Nearest, false)->Unit(benchmark::kMillisecond)->Arg(1000000);
BENCHMARK_CAPTURE(groups, nearest_like_numpy, Nearest, true)->Unit(benchmark::kMillisecond)->Arg(1000000);
BENCHMARK_CAPTURE(groups, min_dist, Distance, false)->Unit(benchmark::kMillisecond)->Arg(1000000);
BENCHMARK_CAPTURE(groups, quadrant, Quadrant, false)->Unit(benchmark::kMillisecond)->Arg(1000000);
BENCHMARK_CAPTURE(groups, raw_data, Counted, false)->Unit(benchmark::kMillisecond)->Arg(1000000);

BENCHMARK_MAIN();
