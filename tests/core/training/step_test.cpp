#include "core/training/training_testing.h"
#include "data/groups.h"
#include "physics/probe.h"
#include "training/batch.h"
#include "training/losses.h"
#include "training/optimizer.h"
#include "training/probe_parameter.h"
#include "training/step.h"

namespace ptk::training {
namespace {

using testing::Oracle;
using testing::simulate;

/// All a step needs of a scan, with tiles of G frames.
struct Bench {
    Bench(const testing::Simulated& simulated, std::int64_t group_size, Subpixel subpixel, Weighting weighting,
          std::int64_t limit_bytes = 1 << 28)
        : scan(simulated.scan), grid(physics::pixel_grid(scan.positions, scan.side())),
          groups(data::tile_groups(scan.positions, group_size)), amplitudes(scan, c10::kCPU),
          illumination(grid.fractions, {}, subpixel, weighting, c10::kCPU, limit_bytes),
          oracle(simulated.patches.index_select(0, groups.flatten())
                     .view({groups.size(0), groups.size(1), scan.side(), scan.side()}))
    {
        illumination.set_probe(scan.probe, true);
    }

    Batch batch()
    {
        Batch batch;
        batch.amplitude = amplitudes.of(groups);
        batch.corners = grid.corners.index_select(0, groups.flatten()).view({groups.size(0), groups.size(1), 2});
        batch.relative = data::relative_positions(scan.positions, groups).relative;
        batch.light = illumination.on(groups);
        return batch;
    }

    double loss(Subpixel subpixel)
    {
        const auto data = batch();
        const auto intensity = predicted_intensity(predicted_passes(oracle, data, 1, subpixel).back().agreed, data);
        return amplitude_loss(intensity, data.amplitude).item<double>();
    }

    data::Scan scan;
    physics::PixelGrid grid;
    at::Tensor groups;
    Amplitudes amplitudes;
    Illumination illumination;
    Oracle oracle;
};

TEST(Step, TheTrueObjectGivesTheMeasuredFrames)
{
    auto simulated = simulate(6, 5);
    // Single precision, and the analytic probe's tail at the edge of the window.
    EXPECT_LE(Bench(simulated, 5, Subpixel::ShiftProbe, Weighting::Probe).loss(Subpixel::ShiftProbe), 1e-5);
    EXPECT_GT(Bench(simulated, 5, Subpixel::Round, Weighting::Probe).loss(Subpixel::Round), 1e-3)
        << "the test would not see a wrong fraction";

    simulated.scan.positions = simulated.scan.positions.flip(1);
    EXPECT_GT(Bench(simulated, 5, Subpixel::ShiftProbe, Weighting::Probe).loss(Subpixel::ShiftProbe), 1e-2)
        << "x and y are not told apart";
}

TEST(Step, EverySubpixelMethodAndWeightAgreeOnWholePixels)
{
    auto simulated = simulate(6, 5, 16, /*jitter=*/0);
    for (const auto subpixel : {Subpixel::ShiftProbe, Subpixel::Round, Subpixel::Interpolate}) {
        for (const auto weighting : {Weighting::Probe, Weighting::Uniform, Weighting::None}) {
            // Tiles of one have their centre on a whole pixel too; in larger ones interpolation blurs.
            const auto size = subpixel == Subpixel::Interpolate ? 1 : 4;
            EXPECT_LE(Bench(simulated, size, subpixel, weighting).loss(subpixel), 1e-5)
                << static_cast<int>(subpixel) << static_cast<int>(weighting);
        }
    }
    EXPECT_LE(Bench(simulated, 6, Subpixel::Interpolate, Weighting::Probe).loss(Subpixel::Interpolate), 0.05)
        << "a blur, not another place";
    EXPECT_LE(Bench(simulated, 9, Subpixel::ShiftProbe, Weighting::CentralMask).loss(Subpixel::ShiftProbe), 0.3);
}

TEST(Step, MergingMakesPatchesAgree)
{
    const auto simulated = simulate(6, 5);
    Bench bench(simulated, 4, Subpixel::ShiftProbe, Weighting::Probe);
    const auto data = bench.batch();
    const auto noise =
        at::randn(bench.oracle.answer.sizes(), at::make_generator<at::CPUGeneratorImpl>(1), at::kComplexFloat) * 0.5;
    const auto noisy = bench.oracle.answer + noise;
    const auto merged = agreed_patches(noisy, data, Subpixel::ShiftProbe);
    const auto error = [&](const at::Tensor& patches) {
        return ((patches - bench.oracle.answer).abs().square() * data.light.weights).sum().item<double>();
    };
    EXPECT_LT(error(merged), 0.85 * error(noisy));
    const auto change = agreed_patches(merged, data, Subpixel::ShiftProbe) - merged;
    EXPECT_LE((change.abs() * data.light.weights.sqrt()).max().item<double>(), 1e-3)
        << "a second time changes nothing where there is light";

    Bench apart(simulated, 4, Subpixel::ShiftProbe, Weighting::None);
    EXPECT_TRUE(at::equal(agreed_patches(noisy, apart.batch(), Subpixel::ShiftProbe), noisy));
}

/// Answers with noise in the first pass and repeats what is known in the second.
class TwoPasses : public generators::Generator {
public:
    explicit TwoPasses(at::Tensor noise) : noise_(std::move(noise)) {}
    at::Tensor forward(const generators::Input& input) override
    {
        EXPECT_FALSE(input.known.requires_grad());
        return input.known.defined() ? input.known * scale : noise_ * scale;
    }
    bool grouped() const override { return false; }
    bool needs_probe() const override { return false; }
    std::int64_t passes() const override { return 2; }

    at::Tensor scale = at::ones({1}, at::kFloat).requires_grad_(true);

private:
    at::Tensor noise_;
};

TEST(Step, ASecondPassStartsFromTheAgreedPatches)
{
    const auto simulated = simulate(6, 5);
    Bench bench(simulated, 4, Subpixel::ShiftProbe, Weighting::Probe);
    const auto data = bench.batch();
    TwoPasses network(
        at::randn(bench.oracle.answer.sizes(), at::make_generator<at::CPUGeneratorImpl>(1), at::kComplexFloat));
    std::vector<at::Tensor> intensities;
    for (const auto& pass : predicted_passes(network, data, 1, Subpixel::ShiftProbe))
        intensities.push_back(predicted_intensity(pass.agreed, data));
    ASSERT_EQ(intensities.size(), 2U);
    // Merged patches agree already: the second pass sees the same light.
    EXPECT_LE(amplitude_loss(intensities[1], intensities[0].detach().sqrt()).item<double>(), 1e-6);
    intensities[1].sum().backward();
    EXPECT_GT(network.scale.grad().abs().item<double>(), 0);
}

TEST(Step, StepsOfPhysicsBetweenPassesBringFramesCloserToWhatTheyMeasured)
{
    const auto simulated = simulate(6, 5);
    const auto error = [&](std::int64_t steps, std::int64_t group_size, std::int64_t pass) {
        Bench bench(simulated, group_size, Subpixel::ShiftProbe, Weighting::Probe);
        const auto model = testing::make_model(
            testing::small_config("{\"generator.passes\": 2, \"generator.agreement\": " + std::to_string(steps) + "}"));
        const auto data = bench.batch();
        const auto passes = predicted_passes(*model->generator, data, 1, Subpixel::ShiftProbe);
        return amplitude_loss(predicted_intensity(passes.at(pass).agreed, data), data.amplitude).item<double>();
    };
    EXPECT_LT(error(8, 4, 1), 0.5 * error(0, 4, 1));
    EXPECT_EQ(error(8, 4, 0), error(0, 4, 0)) << "the first pass starts from nothing";
    EXPECT_EQ(error(8, 1, 1), error(0, 1, 1)) << "a frame alone would be led to a wrong solution";
}

TEST(Step, KeptAndComputedLightAreTheSame)
{
    const auto simulated = simulate(6, 5);
    const auto kept = Bench(simulated, 4, Subpixel::ShiftProbe, Weighting::Probe).batch().light;
    const auto computed = Bench(simulated, 4, Subpixel::ShiftProbe, Weighting::Probe, /*limit_bytes=*/0).batch().light;
    EXPECT_LE((kept.probe - computed.probe).abs().max().item<double>(), 1e-4);
    EXPECT_LE((kept.weights - computed.weights).abs().max().item<double>(), 1e-3);
    EXPECT_LE((kept.weights - kept.probe.abs().square().sum(2)).abs().max().item<double>(), 1e-3);
}

TEST(Step, AmplitudesAreGatheredAsTheyAreKept)
{
    const auto simulated = simulate(6, 5);
    const auto groups = data::tile_groups(simulated.scan.positions, 4);
    const auto kept = Amplitudes(simulated.scan, c10::kCPU).of(groups),
               gathered = Amplitudes(simulated.scan, c10::kCPU, 0).of(groups);
    EXPECT_TRUE(at::equal(kept, gathered));
    EXPECT_TRUE(at::allclose(kept[7][2].square(), simulated.scan.frames->gather(groups[7].narrow(0, 2, 1))[0], 1e-5));
}

TEST(ProbeParameter, IsFoundFromFramesWithPowerAndCentreKept)
{
    auto simulated = simulate(6, 5);
    const auto truth = simulated.scan.probe;
    // Wider than the true one, without its second mode's share, same power.
    const auto guess = physics::with_power(testing::analytic_probe(16, 0.2, 0, 2.5).to(at::kComplexFloat),
                                           truth.abs().square().sum().item<double>());
    Bench bench(simulated, 5, Subpixel::ShiftProbe, Weighting::Probe);
    ProbeParameter parameter(guess, {});
    EXPECT_LE((parameter.probe() - guess).abs().max().item<double>(), 1e-4);
    Optimizer adam({{"probe", parameter.value()}}, {});
    auto data = bench.batch();
    double first = 0, last = 0;
    for (int k = 0; k < 150; ++k) {
        data.light = bench.illumination.on(bench.groups, parameter.probe());
        const auto passes = predicted_passes(bench.oracle, data, 1, Subpixel::ShiftProbe);
        const auto loss = amplitude_loss(predicted_intensity(passes.back().agreed, data), data.amplitude);
        (k == 0 ? first : last) = loss.item<double>();
        adam.clear_gradients();
        loss.backward();
        adam.step(0.02);
        parameter.restore_power();
    }
    EXPECT_LT(last, 0.2 * first);
    const double power = parameter.probe().abs().square().sum().item<double>();
    EXPECT_NEAR(power, guess.abs().square().sum().item<double>(), 1e-4 * power);
}

TEST(ProbeParameter, MovesBackToWhereItWas)
{
    const auto probe = testing::analytic_probe(16, 0, 0, 2).to(at::kComplexFloat);
    ProbeParameter parameter(probe, {});
    EXPECT_EQ(parameter.drift().rows, 0);
    parameter.move({2, -1});
    const auto drift = parameter.drift();
    EXPECT_EQ(drift.rows, -2);
    EXPECT_EQ(drift.columns, 1);
    parameter.move(drift);
    EXPECT_LE((parameter.probe() - probe).abs().max().item<double>(), 1e-4);
}

TEST(ProbeParameter, StaysUnderItsMask)
{
    const auto probe = testing::analytic_probe(16, 0, 0, 2).to(at::kComplexFloat);
    auto mask = at::zeros({16, 16});
    mask.narrow(0, 4, 8).narrow(1, 4, 8).fill_(1);
    ProbeParameter parameter(probe, mask);
    parameter.restore_power();
    EXPECT_EQ((parameter.probe().abs() * (1 - mask)).max().item<double>(), 0);
    const double power = probe.abs().square().sum().item<double>();
    EXPECT_NEAR(parameter.probe().abs().square().sum().item<double>(), power, 1e-4 * power);
}

} // namespace
} // namespace ptk::training
