// A bad pixel has no part in loss, warm probe, refinement and evaluation.
#include "base/log.h"
#include "config/config.h"
#include "core/training/training_testing.h"
#include "kernels/cpu/pie.h"
#include "physics/iterative_engine.h"
#include "reconstruction/refine.h"
#include "simulation/simulate.h"
#include "training/losses.h"
#include "training/step.h"

#include <array>

namespace ptk::training {
namespace {

using testing::truth_of;

data::Scan simulated(const std::string& more)
{
    Log log;
    const auto json =
        R"({"simulation.frames": 60, "simulation.size": 32, "simulation.step": 3, "simulation.poisson": false)" + more +
        "}";
    return simulation::simulate(config::Settings(config::library_schema(), config::Config::from_json(json)), log,
                                Monitor());
}

/// The same scan with other values at its bad pixels, as if no reader had cleared them.
data::Scan with_wild_pixels(data::Scan scan)
{
    auto frames = scan.frames->gather(at::arange(scan.size()));
    scan.frames = data::frames_in_memory(frames.masked_fill(scan.bad_pixels, 12345));
    return scan;
}

const std::string stopped = R"(, "simulation.beamstop": 6, "simulation.dead_pixels": 0.03)";

TEST(BadPixels, TruthExplainsTheFramesBehindABeamstop)
{
    const auto scan = simulated(stopped);
    EXPECT_LT(reconstruction::fourier_error(scan, truth_of(scan), Monitor()), 1e-4);
    auto unmarked = scan;
    unmarked.bad_pixels = at::Tensor();
    EXPECT_GT(reconstruction::fourier_error(unmarked, truth_of(scan), Monitor()), 0.3)
        << "the stop hides most of the light";
}

TEST(BadPixels, EngineDoesNotSeeTheirValues)
{
    Log log;
    const auto scan = simulated(stopped), wild = with_wild_pixels(scan);
    EXPECT_EQ(reconstruction::fourier_error(scan, truth_of(scan), Monitor()),
              reconstruction::fourier_error(wild, truth_of(scan), Monitor()));
    physics::EngineOptions options;
    options.epochs = 2;
    options.object_step = 0.5;
    auto start = physics::flat_start(scan, scan.probe, 1);
    const auto a = physics::iterate(scan, start, options, Monitor(), log);
    const auto b = physics::iterate(wild, start, options, Monitor(), log);
    EXPECT_TRUE(a.object.equal(b.object));
    EXPECT_TRUE(a.probe.equal(b.probe));
}

TEST(BadPixels, RefinementStaysAtTheTruth)
{
    Log log;
    auto scan = simulated(stopped);
    const auto settings =
        config::Settings(config::library_schema(),
                         config::Config::from_json(R"({"refinement.epochs": 2, "refinement.held_out_fraction": 0})"));
    const auto with_mask = reconstruction::refine(scan, truth_of(scan), settings, Monitor(), log);
    EXPECT_LT(with_mask.fourier_errors.back(), 1e-3);
    scan.bad_pixels = at::Tensor();
    const auto without = reconstruction::refine(scan, truth_of(scan), settings, Monitor(), log);
    EXPECT_GT(without.fourier_errors.back(), 0.05) << "zeros taken at their word draw the object away";
}

TEST(BadPixels, KernelLeavesUnknownAmplitudesAlone)
{
    for (const auto* loops :
         {&kernels::cpu::pie_loops(), &kernels::cpu::pie_loops(kernels::cpu::InstructionSet::Portable)}) {
        std::vector<float> field(2 * 4 * 4), amplitude(4 * 4, 2.0F), line(8);
        for (std::size_t i = 0; i < field.size(); ++i)
            field[i] = 1;
        amplitude[5] = -1;
        const double error = loops->impose(field.data(), amplitude.data(), line.data(), 1, 4);
        EXPECT_NEAR(error, 15 * (std::sqrt(2.0) - 2) * (std::sqrt(2.0) - 2), 1e-5);
        for (std::size_t i = 0; i < 16; ++i)
            EXPECT_NEAR(field[2 * i], i == 5 ? 0 : 2 / std::sqrt(2.0) - 1, 1e-6) << loops->name << " " << i;
    }
}

TEST(BadPixels, NoLossHasAPartInThem)
{
    const auto scan = simulated(stopped);
    const auto good = scan.bad_pixels.logical_not().to(at::kFloat);
    const auto amplitude = scan.frames->gather(at::arange(3)).sqrt().unsqueeze(0);
    auto intensity = (at::rand({1, 3, 32, 32}) * 50 + 1).requires_grad_();
    const config::Settings settings(config::library_schema(), {});
    for (const auto* entry : builtin_losses().entries()) {
        if (entry->make.compared != Compared::Intensities)
            continue;
        const auto& name = entry->metadata.name;
        const auto loss = entry->make.make(settings);
        const auto value = loss(intensity, amplitude, good);
        intensity.mutable_grad() = at::Tensor();
        value.backward();
        const auto gradient = intensity.grad();
        EXPECT_EQ(gradient.masked_select(scan.bad_pixels).abs().max().item<double>(), 0) << name;
        EXPECT_GT(gradient.abs().max().item<double>(), 0) << name;
        const auto wild = intensity.detach().masked_fill(scan.bad_pixels, 1e6);
        EXPECT_EQ(loss(wild, amplitude, good).item<double>(), value.item<double>()) << name;
    }
}

} // namespace
} // namespace ptk::training
