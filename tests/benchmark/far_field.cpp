// The far field frame by frame against the plain composition of LibTorch's operators: time and memory of the forward
// pass and of both gradients, with a probe of three modes for each frame.
//   OMP_NUM_THREADS=1 build/tests/benchmark/ptk_far_field_benchmark
// Least CPU time (one thread) of rounds in which both take turns; memory beyond what the arguments take.
#include "physics/far_field.h"

#include "kernels/backend.h"
#include "process_memory.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace {

using namespace ptk;
using kernels::Backend;

double seconds()
{
    if (at::get_num_threads() == 1)
        return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Spent {
    double seconds = 1e30, megabytes = 0;
};

struct Case {
    at::Tensor patches, probe, gradient;

    Case(std::int64_t frames, std::int64_t side)
        : patches(at::randn({frames, 1, side, side}, at::kComplexFloat).requires_grad_(true)),
          probe(at::randn({frames, 1, 3, side, side}, at::kComplexFloat).requires_grad_(true)),
          gradient(at::randn({frames, 1, side, side}))
    {
    }
    void run(bool backward)
    {
        const at::AutoGradMode mode(backward);
        const auto intensity = physics::far_field_intensity(patches, probe);
        if (!backward)
            return;
        intensity.backward(gradient);
        patches.mutable_grad().reset();
        probe.mutable_grad().reset();
    }
};

void measure(Case& data, bool backward, Backend backend, Spent& spent)
{
    kernels::set_backend(backend);
    benchmarks::reset_most_resident();
    const double before = benchmarks::resident_mb();
    const double start = seconds();
    data.run(backward);
    spent.seconds = std::min(spent.seconds, seconds() - start);
    spent.megabytes = std::max(spent.megabytes, benchmarks::most_resident_mb() - before);
}

} // namespace

int main()
{
    fmt::print("frames side  pass      own us/frame  aten us/frame  ratio   own MB  aten MB\n");
    for (const auto& [frames, side] :
         {std::pair<std::int64_t, std::int64_t>{16, 64}, {64, 64}, {16, 128}, {64, 128}, {16, 256}})
        for (const bool backward : {false, true}) {
            Case data(frames, side);
            Spent own, aten;
            for (int round = 0; round < 9; ++round) {
                measure(data, backward, Backend::Own, own);
                measure(data, backward, Backend::Aten, aten);
            }
            const double each = 1e6 / static_cast<double>(frames);
            fmt::print("{:6} {:4}  {:8}  {:12.1f}  {:13.1f}  {:5.2f}  {:7.1f}  {:7.1f}\n", frames, side,
                       backward ? "both" : "forward", own.seconds * each, aten.seconds * each,
                       aten.seconds / own.seconds, own.megabytes, aten.megabytes);
        }
    return 0;
}
