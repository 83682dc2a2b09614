// Our convolutions against LibTorch's, layer by layer, stitching against tensor operations, and whole networks with
// either.
//   cmake -S . -B build -DPTYCHOKIT_BENCHMARKS=ON && cmake --build build --target ptk_kernel_benchmark
//   OMP_NUM_THREADS=1 build/tests/benchmark/ptk_kernel_benchmark
// The variants take turns within one run and the least time of each counts, so that other work on the machine falls on
// all of them; "own_ms" is ours, "x_nchw" and "x_nhwc" how many times as long LibTorch takes with channels first and
// last, "x_aten" with its kernels in the same network. Time is CPU time of the process with one thread, wall time with
// more.
#include "base/random.h"
#include "generators/all.h"
#include "generators/blocks/convolution.h"
#include "kernels/backend.h"
#include "physics/far_field.h"
#include "reconstruction/canvas.h"
#include "training/losses.h"
#include "training/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <ctime>
#include <functional>

namespace {

using namespace ptk;
using generators::Activation;
using kernels::Backend;

double seconds()
{
    if (at::get_num_threads() == 1)
        return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Variant {
    Backend backend;
    std::function<void()> work;
};

/// Least time of each over rounds in which all take turns; the first round warms up.
std::vector<double> least_times(const std::vector<Variant>& variants, int rounds)
{
    std::vector<double> least(variants.size(), 1e30);
    for (int round = 0; round <= rounds; ++round) {
        for (std::size_t i = 0; i < variants.size(); ++i) {
            kernels::set_backend(variants[i].backend);
            const double start = seconds();
            variants[i].work();
            const double spent = seconds() - start;
            if (round > 0)
                least[i] = std::min(least[i], spent);
        }
    }
    kernels::set_backend(Backend::Own);
    return least;
}

struct Layer {
    std::int64_t batch, side, in, out;
};

struct Operands {
    Operands(const Layer& layer, at::MemoryFormat format)
        : x(at::randn({layer.batch, layer.in, layer.side, layer.side}).contiguous(format).requires_grad_(true)),
          weight((at::randn({layer.out, layer.in, 3, 3}) / 30).requires_grad_(true)),
          bias(at::randn({layer.out}).requires_grad_(true)),
          dy(at::randn({layer.batch, layer.out, layer.side, layer.side}).contiguous(format))
    {
    }
    void forward() const
    {
        const c10::NoGradGuard no_gradient;
        benchmark::DoNotOptimize(
            generators::convolve(generators::Convolution::Same, x, weight, bias, Activation::Gelu));
    }
    void step() const
    {
        generators::convolve(generators::Convolution::Same, x, weight, bias, Activation::Gelu).backward(dy);
        x.mutable_grad().reset();
        weight.mutable_grad().reset();
        bias.mutable_grad().reset();
    }
    at::Tensor x, weight, bias, dy;
};

/// Convolution with bias and GELU; alone, or with all gradients.
void layer(benchmark::State& state, bool backward)
{
    const Layer layer{state.range(0), state.range(1), state.range(2), state.range(3)};
    const Operands first(layer, at::MemoryFormat::Contiguous), last(layer, at::MemoryFormat::ChannelsLast);
    const auto work = [&](const Operands& operands) {
        return [&operands, backward] { backward ? operands.step() : operands.forward(); };
    };
    std::vector<double> times;
    for (auto _ : state) {
        times = least_times({{Backend::Own, work(last)}, {Backend::Aten, work(first)}, {Backend::Aten, work(last)}}, 9);
        state.SetIterationTime(times[0]);
    }
    state.counters["own_ms"] = 1e3 * times[0];
    state.counters["x_nchw"] = times[1] / times[0];
    state.counters["x_nhwc"] = times[2] / times[0];
}

struct Network {
    Network(const char* name, const char* json, std::int64_t frames)
    {
        const auto registry = generators::builtin_generators();
        const auto& entry = registry.get(name);
        const config::Settings settings(config::library_schema().with(entry.metadata.options),
                                        config::Config::from_json(json));
        generator = entry.make({64, 1}, settings, base::torch_generator(1, "initialisation"));
        generator->set_training(true);
        std::vector<training::Optimizer::Parameter> parameters;
        for (const auto& parameter : generator->named_parameters())
            parameters.push_back({parameter.name, *parameter.tensor});
        optimizer = std::make_unique<training::Optimizer>(parameters, training::Optimizer::Options{});
        probe = at::randn({frames, 1, 3, 64, 64}, at::kComplexFloat);
        amplitude = at::rand({frames, 1, 64, 64}) * 10;
    }
    void predict() const
    {
        const c10::NoGradGuard no_gradient;
        benchmark::DoNotOptimize(generator->forward({amplitude, 0.1, probe}));
    }
    void train() const
    {
        const auto patches = generator->forward({amplitude, 0.1, probe});
        const auto loss = training::amplitude_loss(physics::far_field_intensity(patches, probe), amplitude);
        optimizer->clear_gradients();
        loss.backward();
        optimizer->step(1e-4);
    }
    std::unique_ptr<generators::Generator> generator;
    std::unique_ptr<training::Optimizer> optimizer;
    at::Tensor probe, amplitude;
};

void network(benchmark::State& state, const char* name, const char* json, std::int64_t frames, bool training)
{
    const Network net(name, json, frames);
    const auto work = [&] { training ? net.train() : net.predict(); };
    std::vector<double> times;
    for (auto _ : state) {
        times = least_times({{Backend::Own, work}, {Backend::Aten, work}}, 7);
        state.SetIterationTime(times[0]);
    }
    state.counters["own_ms"] = 1e3 * times[0];
    state.counters["x_aten"] = times[1] / times[0];
}

/// Weighted patches at sub-pixel places, and the sum of the weights: a raster of 32 x 32 whose neighbours
/// are 0.4 of a patch apart.
struct Stitching {
    explicit Stitching(std::int64_t side)
        : patches(at::randn({1024, side, side}, at::kComplexFloat)), weights(at::rand({side, side})), side(side),
          length(14 * side)
    {
        const auto number = at::arange(1024, at::kLong);
        const auto step = 0.4 * static_cast<double>(side);
        positions = at::stack({number.remainder(32), number.div(32, "floor")}, 1) * step +
                    static_cast<double>(side / 2) + at::rand({1024, 2}, at::kDouble);
    }
    void own() const
    {
        reconstruction::Canvas canvas(length, length, 0, 0);
        canvas.add(patches, positions, weights);
        benchmark::DoNotOptimize(canvas);
    }
    /// As a program of tensors: the four pixels that each value falls on, one after the other.
    void aten() const
    {
        const auto sum = at::zeros({length * length}, at::kComplexFloat), weight = at::zeros({length * length});
        const auto corner = positions - static_cast<double>(side / 2);
        const auto whole = corner.floor();
        const auto part = (corner - whole).to(at::kFloat);
        const auto along = at::arange(side, at::kLong);
        for (const int down : {0, 1})
            for (const int right : {0, 1}) {
                const auto share = [&](int axis, int far) {
                    const auto fraction = part.select(1, axis).view({-1, 1, 1});
                    return far ? fraction : 1 - fraction;
                };
                const auto row = whole.select(1, 1).to(at::kLong).view({-1, 1, 1}) + along.view({-1, 1}) + down;
                const auto column = whole.select(1, 0).to(at::kLong).view({-1, 1, 1}) + along + right;
                const auto place = (row * length + column).flatten();
                const auto value = weights * share(1, down) * share(0, right);
                sum.index_add_(0, place, (value * patches).flatten());
                weight.index_add_(0, place, value.flatten());
            }
        benchmark::DoNotOptimize(sum);
    }
    at::Tensor patches, weights, positions;
    std::int64_t side, length; ///< of a patch, of the canvas
};

void stitching(benchmark::State& state)
{
    const Stitching work(state.range(0));
    std::vector<double> times;
    for (auto _ : state) {
        times = least_times({{Backend::Own, [&] { work.own(); }}, {Backend::Own, [&] { work.aten(); }}}, 9);
        state.SetIterationTime(times[0]);
    }
    state.counters["own_ms"] = 1e3 * times[0];
    state.counters["x_aten"] = times[1] / times[0];
}

void layers(benchmark::internal::Benchmark* benchmark)
{
    // physics_unet of width 16 and 32, then cnn, N = 64: frames, side, channels in and out.
    for (const auto& sizes : std::vector<std::vector<std::int64_t>>{
             {16, 64, 4, 16},   {16, 64, 16, 16}, {16, 64, 32, 16},  {16, 32, 32, 32},   {16, 32, 64, 32},
             {16, 16, 64, 64},  {16, 64, 16, 2},  {16, 64, 32, 32},  {16, 32, 64, 64},   {16, 16, 128, 128},
             {16, 64, 1, 64},   {16, 64, 64, 64}, {16, 32, 64, 128}, {16, 16, 128, 256}, {16, 16, 256, 256},
             {16, 8, 256, 128}, {16, 32, 63, 1},  {16, 32, 1, 64},   {16, 64, 64, 1},    {1, 64, 16, 16},
             {1, 16, 64, 64}})
        benchmark->Args(sizes);
    benchmark->ArgNames({"frames", "side", "in", "out"})->Unit(benchmark::kMillisecond)->Iterations(1)->UseManualTime();
}

/// Few pixels and many channels, where the transforms of the weights are most of the work: where LibTorch may win.
void small_layers(benchmark::internal::Benchmark* benchmark)
{
    for (const std::int64_t channels : {16, 64, 256, 512})
        for (const auto& [frames, side] :
             std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {1, 2}, {1, 4}, {1, 8}, {1, 12}, {16, 4}})
            benchmark->Args({frames, side, channels, channels});
    benchmark->ArgNames({"frames", "side", "in", "out"})->Unit(benchmark::kMillisecond)->Iterations(1)->UseManualTime();
}

const char* width16 = R"({"generator.width": 16})";
const char* width32 = R"({"generator.width": 32})";
const char* default_cnn = R"({"generator.C_model": 1})";

} // namespace

#define PTK_NETWORK(label, name, json, frames)                                                                         \
    BENCHMARK_CAPTURE(network, label##_predict, name, json, frames, false)                                             \
        ->Unit(benchmark::kMillisecond)                                                                                \
        ->Iterations(1)                                                                                                \
        ->UseManualTime();                                                                                             \
    BENCHMARK_CAPTURE(network, label##_train, name, json, frames, true)                                                \
        ->Unit(benchmark::kMillisecond)                                                                                \
        ->Iterations(1)                                                                                                \
        ->UseManualTime()

BENCHMARK_CAPTURE(layer, forward, false)->Apply(layers);
BENCHMARK_CAPTURE(layer, forward_and_backward, true)->Apply(layers);
BENCHMARK_CAPTURE(layer, small_forward, false)->Apply(small_layers);
BENCHMARK_CAPTURE(layer, small_forward_and_backward, true)->Apply(small_layers);
BENCHMARK(stitching)->Arg(32)->Arg(64)->Iterations(1)->UseManualTime()->Unit(benchmark::kMillisecond);
PTK_NETWORK(physics_unet_16, "physics_unet", width16, 16);
PTK_NETWORK(physics_unet_32, "physics_unet", width32, 16);
PTK_NETWORK(cnn, "cnn", default_cnn, 16);

BENCHMARK_MAIN();
