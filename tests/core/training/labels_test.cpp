#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/training/training_testing.h"
#include "physics/far_field.h"
#include "physics/probe.h"
#include "simulation/simulate.h"
#include "training/batch.h"
#include "training/labels.h"
#include "training/losses.h"
#include "training/trainer.h"

namespace ptk::training {
namespace {

using testing::error_of;
using testing::simulate;

/// A scan with its object. The phase of simulate()'s is not small: it wraps.
testing::Simulated with_object()
{
    auto simulated = simulate(6, 6);
    simulated.scan.object = simulated.object.to(at::kComplexFloat);
    return simulated;
}

TEST(Labels, AreTheObjectAroundEachFrame)
{
    const auto simulated = with_object();
    const Labels labels(simulated.scan, Subpixel::ShiftProbe, /*subtract_phase=*/false, false, c10::kCPU);
    EXPECT_TRUE(at::equal(labels.of(at::arange(36)), simulated.patches));
    const auto groups = at::tensor({5, 7, 11, 0, 35, 7}, at::kLong).view({2, 3});
    EXPECT_TRUE(
        at::equal(labels.of(groups), simulated.patches.index_select(0, groups.reshape(-1)).view({2, 3, 16, 16})));
}

TEST(Labels, OfASimulatedExperimentGiveItsFrames)
{
    const config::Settings settings(
        config::library_schema(),
        config::Config::from_json(
            R"({"simulation": {"frames": 30, "size": 32, "poisson": false, "modes": 2, "object": "perlin"}})"));
    Log log;
    const auto scan = simulation::simulate(settings, log, {});
    const Labels labels(scan, Subpixel::ShiftProbe, false, false, c10::kCPU);
    const auto fractions = physics::pixel_grid(scan.positions, 32).fractions;
    const auto intensity =
        physics::far_field_intensity(labels.of(at::arange(30)), physics::shifted_probe(scan.probe, fractions));
    const auto amplitude = Amplitudes(scan, c10::kCPU).of(at::arange(30));
    EXPECT_LT(amplitude_loss(intensity, amplitude).item<double>(), 1e-8);
}

TEST(Labels, BetweenPixelsAreInterpolated)
{
    // Bilinear interpolation is exact for a field that is linear in x and y.
    auto scan = simulate(6, 6).scan;
    const auto x = at::arange(60, at::kDouble).view({1, -1}), y = at::arange(50, at::kDouble).view({-1, 1});
    scan.object = at::complex(1 + 0.01 * x + 0.02 * y, 0.5 - 0.03 * x + 0.01 * y).to(at::kComplexFloat);
    const Labels labels(scan, Subpixel::Interpolate, false, false, c10::kCPU);
    const auto found = labels.of(at::arange(36));
    const auto axis = at::arange(16, at::kDouble) - 8;
    const auto px = scan.positions.select(1, 0).view({-1, 1, 1}) + axis.view({1, 1, -1});
    const auto py = scan.positions.select(1, 1).view({-1, 1, 1}) + axis.view({1, -1, 1});
    golden::expect_close(found, at::complex(1 + 0.01 * px + 0.02 * py, 0.5 - 0.03 * px + 0.01 * py), 1e-6,
                         "linear field");
}

TEST(Labels, CountPhasesFromTheCentralThird)
{
    auto simulated = simulate(6, 6);
    auto phase = at::full({40, 52}, 3.0, at::kDouble);
    phase.slice(0, 13, 26).slice(1, 17, 34).fill_(3.3); // rows H/3 to 2H/3, columns W/3 to 2W/3; wraps to -2.98
    simulated.scan.object = at::polar(at::ones_like(phase), phase).to(at::kComplexFloat);
    const Labels labels(simulated.scan, Subpixel::Round, /*subtract_phase=*/true, false, c10::kCPU);
    const auto found = labels.of(at::arange(36)).angle();
    EXPECT_NEAR(found.max().item<double>(), 0, 1e-5);
    EXPECT_NEAR(found.min().item<double>(), -0.3, 1e-5);

    // The reference takes the mean of the phases as they are between -pi and pi.
    phase.slice(0, 13, 26).slice(1, 17, 34).slice(0, 0, 6).fill_(3.0);
    simulated.scan.object = at::polar(at::ones_like(phase), phase).to(at::kComplexFloat);
    const auto as_reference = Labels(simulated.scan, Subpixel::Round, true, true, c10::kCPU).of(at::arange(36)).angle();
    const double mean = (6 * 3.0 + 7 * (3.3 - 2 * M_PI)) / 13;
    const double expected = std::remainder(3.0 - mean, 2 * M_PI);
    EXPECT_LT((as_reference - expected).abs().min().item<double>(), 1e-5);
    EXPECT_NEAR(
        Labels(simulated.scan, Subpixel::Round, true, false, c10::kCPU).of(at::arange(36)).angle().max().item<double>(),
        0.3 - 0.3 * 7 / 13, 2e-3)
        << "the mean of phasors is nearly that of phases that lie close";
}

TEST(Labels, OfTheFileComeFirst)
{
    auto scan = simulate(4, 4).scan;
    const auto n = scan.size(), side = scan.side();
    scan.labels = at::polar(at::rand({n, side, side}) + 1, at::rand({n, side, side})).to(at::kComplexFloat);
    scan.object = at::ones({60, 60}, at::kComplexFloat); // PtychoPINN's files of unknown objects
    const auto frames = at::tensor({3, 0, 5, 3}, at::kLong).reshape({2, 2});
    const Labels as_they_are(scan, Subpixel::Round, true, true, c10::kCPU);
    EXPECT_TRUE(as_they_are.of(frames).equal(scan.labels.index_select(0, frames.flatten()).view({2, 2, side, side})));
    scan.object = at::polar(at::ones({60, 60}), at::full({60, 60}, 0.5)).to(at::kComplexFloat);
    const Labels turned(scan, Subpixel::Round, true, true, c10::kCPU);
    EXPECT_TRUE(turned.of(frames).allclose(
        as_they_are.of(frames) * c10::complex<float>(std::cos(0.5F), -std::sin(0.5F)), 1e-5));
    const auto part = data::subset(scan, at::tensor({2, 4}, at::kLong));
    EXPECT_TRUE(part.labels.equal(scan.labels.index_select(0, at::tensor({2, 4}, at::kLong))));
}

TEST(Labels, NeedAnObjectAroundEveryFrame)
{
    auto scan = simulate(6, 6).scan;
    const auto error = [&] { return error_of([&] { Labels(scan, Subpixel::Round, true, false, c10::kCPU); }); };
    EXPECT_EQ(error().first, Status::State);
    scan.object = at::ones({60, 60}, at::kComplexFloat); // only the frame of the object
    EXPECT_EQ(error().first, Status::State);
    scan.object = at::full({25, 60}, 0.5, at::kComplexFloat);
    EXPECT_EQ(error().first, Status::Shape);
    EXPECT_THAT(error().second, ::testing::HasSubstr("leave the object (25 x 60)"));
    scan.object = at::full({60, 60}, 0.5, at::kComplexFloat);
    EXPECT_EQ(error().first, Status::Ok);
}

TEST(SupervisedLoss, EqualsPtychoPinns)
{
    const auto golden = golden::load("loss_supervised.npz");
    const auto generator = generators::testing::make(
        "fno", {.side = 32, .group_size = 1},
        R"({"generator.width": 6, "generator.modes": 5, "generator.blocks": 1, "generator.cnn_blocks": 1, "generator.output_mode": "amp_phase"})");
    auto state = generators::testing::state_of(*generator);
    const std::string prefix = "param/model.generator.";
    std::size_t filled = 0;
    for (const auto& [key, value] : golden.arrays)
        if (key.starts_with(prefix)) {
            const c10::NoGradGuard no_gradient;
            ASSERT_TRUE(state.contains(key.substr(prefix.size()))) << key;
            state[key.substr(prefix.size())]->copy_(value);
            ++filled;
        }
    ASSERT_EQ(filled, state.size());
    for (const auto& [name, tensor] : generator->named_parameters())
        tensor->requires_grad_(true);
    const auto images = golden.at("in/images");
    const auto patches =
        generator->forward({.amplitude = images, .scale = golden.at("in/rms_scaling_constant")[0].item<double>()});
    const auto loss =
        supervised_loss(patches, golden.at("in/label_amp"), golden.at("in/label_phase"), /*wrapped=*/false);
    const auto sum = loss * static_cast<double>(images.numel());
    const double expected = golden.at("loss/supervised").item<double>();
    EXPECT_NEAR(sum.item<double>(), expected, 2e-5 * expected);
    sum.backward();
    double square = 0;
    for (const auto& parameter : generator->parameters())
        square += parameter.grad().abs().square().sum().item<double>();
    const double gradient = golden.at("grad_l2/supervised").item<double>();
    EXPECT_NEAR(std::sqrt(square), gradient, 1e-3 * gradient);
}

TEST(SupervisedLoss, TakesPhasesTheShortWayRound)
{
    const auto loss = [](double amplitude, double phase, double true_phase, bool wrapped = true) {
        const auto image = [](double value) { return at::full({1, 1, 2, 2}, value, at::kFloat); };
        return supervised_loss(at::polar(image(amplitude), image(phase)), image(1), image(true_phase), wrapped)
            .item<double>();
    };
    EXPECT_NEAR(loss(1, 3.1, -3.1), 4 * (2 * M_PI - 6.2), 1e-5);
    EXPECT_NEAR(loss(1, 3.1, -3.1, false), 4 * 6.2, 1e-5);
    EXPECT_NEAR(loss(1.5, 0.3, 0.1), 2 * 0.5 + 4 * 0.2, 1e-5);
}

TEST(SupervisedTraining, LearnsTheObject)
{
    const auto simulated = with_object();
    const auto registry = generators::builtin_generators();
    const auto config = config::Config::from_json(R"({
        "generator": {"name": "physics_unet", "width": 8, "depth": 1, "passes": 1},
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"loss": "supervised", "epochs": 40, "learning_rate": 0.01, "batch_size": 2}})");
    std::shared_ptr<model::Model> model = model::make_model(registry, config, 16, c10::kCPU);
    Trainer(model, config, "", std::make_shared<Log>()).fit(simulated.scan, {});
    ASSERT_EQ(model->history.size(), 40u);
    EXPECT_LT(model->history.back().training_loss, 0.85 * model->history.front().training_loss);
    EXPECT_LT(model->history.back().validation_loss, 0.9 * model->history.front().validation_loss);
}

TEST(SupervisedTraining, SaysWhatItNeeds)
{
    const auto error = [](const data::Scan& scan, const std::string& more) {
        auto config = config::Config::from_json(
            R"({"generator": {"name": "physics_unet", "width": 4, "depth": 1}, "probe.warm_epochs": 0, "training.loss": "supervised"})");
        config.merge(config::Config::from_json(more));
        return error_of([&] {
            const auto registry = generators::builtin_generators();
            std::shared_ptr<model::Model> model = model::make_model(registry, config, 16, c10::kCPU);
            Trainer(model, config, "", std::make_shared<Log>()).fit(scan, {});
        });
    };
    const auto [status, message] = error(simulate(6, 6).scan, "{}");
    EXPECT_EQ(status, Status::State);
    EXPECT_THAT(message, ::testing::HasSubstr("objectGuess"));
    EXPECT_EQ(error(with_object().scan, R"({"probe.trainable": true})").first, Status::InvalidConfig);
}

} // namespace
} // namespace ptk::training
