// How fast frames are simulated, against the Fourier transforms alone that they need (LibTorch's, one frame at a time):
//   OMP_NUM_THREADS=1 ptk_simulation_benchmark [SECONDS]
// CPU time of one thread; "all noise" = photon and readout noise.
#include "simulation/simulate.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

using namespace ptk;

double cpu_seconds()
{
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// CPU seconds of making the frames alone, between the first and the last report: object and probe come before.
double seconds_of_frames(std::int64_t side, std::int64_t modes, bool noise, std::int64_t frames)
{
    config::Config config;
    for (const auto& [key, value] :
         std::vector<std::pair<const char*, nlohmann::json>>{{"simulation.size", side},
                                                             {"simulation.modes", modes},
                                                             {"simulation.frames", frames},
                                                             {"simulation.poisson", noise},
                                                             {"simulation.readout_noise", noise ? 1.0 : 0.0},
                                                             {"simulation.object", "white_noise"},
                                                             {"simulation.step", 1.0}})
        config.set(key, value);
    double first = 0, last = 0;
    std::int64_t before = 0;
    const Monitor monitor(
        [&](const Progress& progress) {
            if (before == 0) {
                first = cpu_seconds();
                before = progress.step;
            }
            last = cpu_seconds();
            return true;
        },
        nullptr);
    Log log;
    simulation::simulate(config::Settings(config::library_schema(), config), log, monitor);
    return (last - first) / static_cast<double>(frames - before);
}

double seconds_of_transforms(std::int64_t side, std::int64_t modes, double seconds)
{
    const auto waves = at::randn({modes, side, side}, at::kComplexFloat);
    std::int64_t count = 0;
    const double begin = cpu_seconds();
    for (; cpu_seconds() - begin < seconds; ++count)
        at::fft_fft2(waves, c10::nullopt, {1, 2}, "ortho");
    return (cpu_seconds() - begin) / static_cast<double>(count);
}

} // namespace

int main(int argc, char** argv)
{
    const at::NoGradGuard no_gradient;
    at::set_num_threads(1);
    const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
    std::printf("| N | modes | transforms alone, frames/s | mean counts, frames/s | of the limit | all noise, frames/s "
                "| of the limit |\n"
                "|---|---|---|---|---|---|---|\n");
    for (const std::int64_t side : {64, 128, 256})
        for (const std::int64_t modes : {1, 3}) {
            double limit = 1e9, mean = 1e9, noisy = 1e9;
            for (int turn = 0; turn < 3; ++turn) {
                limit = std::min(limit, seconds_of_transforms(side, modes, seconds));
                const auto frames =
                    std::clamp<std::int64_t>(static_cast<std::int64_t>(seconds / (3 * limit)), 128, 20000);
                mean = std::min(mean, seconds_of_frames(side, modes, false, frames));
                noisy = std::min(noisy, seconds_of_frames(side, modes, true, frames));
            }
            std::printf("| %ld | %ld | %.0f | %.0f | %.0f %% | %.0f | %.0f %% |\n", static_cast<long>(side),
                        static_cast<long>(modes), 1 / limit, 1 / mean, 100 * limit / mean, 1 / noisy,
                        100 * limit / noisy);
            std::fflush(stdout);
        }
    return 0;
}
