// What a network sees of the frames and what becomes of its patches, under the options input.* and
// physics.object_scale.
#include "core/training/training_testing.h"
#include "data/normalisation.h"
#include "model/bundle.h"
#include "model/scaling.h"
#include "physics/amplitude_forward.h"
#include "physics/far_field.h"
#include "physics/probe.h"
#include "reconstruction/predict.h"
#include "training/grouping.h"
#include "training/trainer.h"

namespace ptk::training {
namespace {

using testing::error_of;
using testing::scratch;
using testing::simulate;

/// Keeps what it saw last and predicts twos.
class Witness : public generators::Generator {
public:
    explicit Witness(std::int64_t channels) : channels_(channels) { add_parameter("weight", weight_); }
    at::Tensor forward(const generators::Input& input) override
    {
        seen = input.scaled().detach().clone();
        amplitude = input.amplitude.detach().clone();
        return at::ones_like(input.amplitude).to(at::kComplexFloat) * weight_;
    }
    bool grouped() const override { return channels_ > 1; }
    bool needs_probe() const override { return false; }
    std::int64_t channels() const override { return channels_; }

    at::Tensor seen, amplitude;

private:
    std::int64_t channels_;
    at::Tensor weight_ = at::full({1}, 2.0f);
};

const generators::GeneratorRegistry& witnesses()
{
    static const auto registry = [] {
        generators::GeneratorRegistry all("generator");
        for (const auto& [name, channels] : {std::pair{"alone", 1}, {"grouped", 4}})
            all.add({.name = name, .summary = "sees", .source = "this test"},
                    [count = channels](const auto&, const auto&, at::Generator) {
                        return std::make_unique<Witness>(count);
                    });
        return all;
    }();
    return registry;
}

struct Trained {
    std::shared_ptr<model::Model> model;
    Witness& witness() const { return static_cast<Witness&>(*model->generator); }
};

/// One epoch with a learning rate of zero.
Trained train(const char* generator, const std::string& options, const data::Scan& scan)
{
    auto config = config::Config::from_json(
        R"({"probe": {"modes": 2, "warm_epochs": 0}, "scan": {"group_size": 4},
            "training": {"epochs": 1, "learning_rate": 0, "validation_fraction": 0}})");
    config.set("generator.name", generator);
    if (std::string(generator) == "alone")
        config.set("scan.group_size", 4);
    config.merge(config::Config::from_json(options));
    Trained trained{model::make_model(witnesses(), config, scan.side(), c10::kCPU)};
    Trainer(trained.model, config, "", std::make_shared<Log>()).fit(scan, {});
    return trained;
}

TEST(Input, IsScaledAsTheOptionsSayInTrainingAndReconstruction)
{
    Log log;
    const auto scan = simulate(6, 6).scan;
    const auto sums = data::frame_sums(scan);
    struct Variant {
        const char* options;
        double factor;
        bool intensity = false;
    };
    for (const auto& [options, factor, intensity] :
         {Variant{"{}", 16 / std::sqrt(sums.mean_intensity)}, Variant{R"({"normalize": "none"})", 1},
          Variant{R"({"data_scaling": "max"})", 1 / sums.largest_amplitude},
          Variant{R"({"input.rms": "half_side"})", 8 / std::sqrt(sums.mean_intensity)},
          Variant{R"({"input.images": "intensity", "input.rms": "half_side"})",
                  8 / std::sqrt(sums.mean_squared_intensity), true},
          Variant{R"({"input.images": "intensity", "input.scaling": "max"})", 1 / sums.largest_intensity, true}}) {
        for (const char* generator : {"alone", "grouped"}) {
            const auto trained = train(generator, options, scan);
            const auto check = [&](const char* where) {
                const auto& witness = trained.witness();
                const auto images = intensity ? witness.amplitude.square() : witness.amplitude;
                EXPECT_LT((witness.seen - images * factor).abs().max().item<double>(),
                          1e-5 * witness.seen.abs().max().item<double>())
                    << options << " " << generator << " " << where;
            };
            check("training");
            reconstruction::reconstruct(*trained.model, scan, trained.model->settings, {}, log);
            check("reconstruction");
        }
    }
}

TEST(Input, OfGroupsIsScaledByTheirOwnFrames)
{
    Log log;
    auto simulated = simulate(6, 6);
    auto frames = simulated.scan.frames->gather(at::arange(36));
    frames *= at::linspace(0.5, 4, 36).view({-1, 1, 1}); // a beam that grows
    simulated.scan.frames = data::frames_in_memory(frames);
    const auto trained = train("grouped", R"({"normalize": "group"})", simulated.scan);
    const auto check = [&](const char* where) {
        const auto& witness = trained.witness();
        const auto energy = witness.seen.to(at::kDouble).square().sum(at::IntArrayRef({2, 3})).mean(1);
        EXPECT_LT((energy / 256 - 1).abs().max().item<double>(), 1e-5) << where;
    };
    check("training");
    reconstruction::reconstruct(*trained.model, simulated.scan, trained.model->settings, {}, log);
    check("reconstruction");
    reconstruction::predict_patches(*trained.model, frames.slice(0, 0, 8).view({2, 4, 16, 16}).sqrt(), {});
    check("patches");

    const auto alone = train("alone", R"({"normalize": "group"})", simulated.scan);
    const double factor = 16 / std::sqrt(data::mean_power(simulated.scan));
    EXPECT_LT((alone.witness().seen - alone.witness().amplitude * factor).abs().max().item<double>(), 1e-4)
        << "frames that are seen alone share the factor of the scan";
}

TEST(Input, ScaleOfTheModelSurvivesTheBundle)
{
    Log log;
    const auto scan = simulate(6, 6).scan;
    const auto trained = train("alone", R"({"input.images": "intensity", "physics.object_scale": "one"})", scan);
    const auto path = scratch("input.ptk").string();
    trained.model->object_scale = 0.375;
    model::save_bundle(*trained.model, path);
    const auto loaded = model::load_bundle(witnesses(), path, c10::kCPU);
    const auto before = model::scaling_of(*trained.model), after = model::scaling_of(*loaded.model);
    EXPECT_EQ(before.input, after.input);
    EXPECT_EQ(after.object, 0.375);
    EXPECT_TRUE(after.norm.intensity);
    const auto other = scan.frames->gather(at::arange(4)).view({1, 4, 16, 16}).sqrt();
    EXPECT_TRUE(at::equal(before.input_of(other).scaled(), after.input_of(other).scaled()));
    EXPECT_EQ(error_of([&] { // a scan of another dose does not change what the network is used to
                  reconstruction::reconstruct(*loaded.model, scan, loaded.model->settings, {}, log);
              })
                  .first,
              Status::Ok);
}

TEST(ObjectScale, TurnsThePredictionsOfPtychoPinnsForwardModelIntoTheObject)
{
    // The reference's amplitude of the network's patches under its normalised probe is ours of the object under the
    // physical one.
    const auto simulated = simulate(6, 6);
    auto scan = simulated.scan;
    for (const char* group : {"batch", "group"}) {
        const auto trained =
            train("grouped",
                  R"({"physics.object_scale": "ptychopinn", "probe_scale": 3, "probe.modes": 1, "normalize": ")" +
                      std::string(group) + "\"}",
                  scan);
        const auto scaling = model::scaling_of(*trained.model);
        const auto amplitude = scan.frames->gather(at::arange(4)).view({1, 4, 16, 16}).sqrt();
        const auto input = scaling.input_of(amplitude);
        const auto patches = simulated.patches.slice(0, 0, 4).unsqueeze(0);
        const auto& probe = trained.model->probe;
        physics::PtychoPinnForward reference;
        reference.merge = physics::PatchMerge::None;
        reference.probe_scale = 3;
        reference.scale = input.scales.defined() ? input.scales : at::full({1, 1, 1, 1}, input.scale, at::kFloat);
        const auto theirs = physics::amplitude_forward(
            patches, at::zeros({1, 4, 2}), physics::normalised_like_ptychopinn(probe, 3, {}).probe, reference);
        const auto ours = physics::far_field_intensity(scaling.object_of(patches, input), probe).sqrt();
        EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-4 * theirs.max().item<double>()) << group;

        const auto result = reconstruction::predict_patches(*trained.model, amplitude, {});
        const auto factor = input.scales.defined() ? input.scales.item<double>() : input.scale;
        EXPECT_NEAR(result.abs().max().item<double>(), 2 * trained.model->object_scale / factor, 1e-4) << group;
    }
}

TEST(ObjectScale, IsForAmplitudesOnly)
{
    const auto scan = simulate(6, 6).scan;
    const auto [status, message] = error_of(
        [&] { train("alone", R"({"physics.object_scale": "ptychopinn", "input.images": "intensity"})", scan); });
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message, ::testing::HasSubstr("physics.object_scale"));
}

TEST(Input, CannotChangeInAResumedTraining)
{
    const auto scan = simulate(6, 6).scan;
    const auto folder = scratch("input_resume").string();
    auto config = config::Config::from_json(
        R"({"generator.name": "alone", "probe": {"warm_epochs": 0}, "scan.group_size": 4, "training.epochs": 1})");
    std::shared_ptr<model::Model> model = model::make_model(witnesses(), config, 16, c10::kCPU);
    Trainer(model, config, folder, std::make_shared<Log>()).fit(scan, {});
    config.set("input.scaling", "max");
    config.set("training.epochs", 2);
    std::shared_ptr<model::Model> other = model::make_model(witnesses(), config, 16, c10::kCPU);
    Trainer trainer(other, config, "", std::make_shared<Log>());
    trainer.resume(witnesses(), folder + "/last.ptk");
    EXPECT_EQ(error_of([&] { trainer.fit(scan, {}); }).first, Status::InvalidConfig);
}

} // namespace
} // namespace ptk::training
