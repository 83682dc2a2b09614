#include "core/training/training_testing.h"
#include "data/experiments.h"
#include "data/scan_writer.h"
#include "model/bundle.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "reconstruction/predict.h"
#include "reconstruction/refine.h"
#include "training/grouping.h"
#include "training/losses.h"
#include "training/trainer.h"

namespace ptk::training {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;

Log silent;

/// Two experiments with different probes, doses and bad pixels.
std::vector<data::Scan> two_experiments()
{
    auto first = simulate(6, 6).scan, second = simulate(5, 7, 16, 1.3, 3, 3.1).scan;
    first.source = "first";
    second.source = "second";
    first.bad_pixels = at::zeros({16, 16}, at::kBool);
    first.bad_pixels[8][9] = true;
    first.frames = data::frames_in_memory(first.frames->gather(at::arange(36)).masked_fill(first.bad_pixels, 0));
    second.frames = data::frames_in_memory(second.frames->gather(at::arange(35)) * 5);
    return {first, second};
}

data::Scan both()
{
    return data::join_scans(two_experiments(), "both", silent);
}

config::Config small_config(const std::string& more = "{}")
{
    auto config = testing::small_config(R"({"training": {"epochs": 2, "batch_size": 4}})");
    config.merge(config::Config::from_json(more));
    return config;
}

std::shared_ptr<model::Model> trained(const config::Config& config, const data::Scan& scan,
                                      const std::string& folder = "")
{
    auto model = make_model(config);
    Trainer(model, config, folder, nullptr).fit(scan, {});
    return model;
}

TEST(Experiments, LieSideBySideWithTheirOwnFractionsFramesAndProbes)
{
    const auto scans = two_experiments();
    const auto all = both();
    ASSERT_EQ(all.size(), 71);
    EXPECT_EQ(data::experiment_count(all), 2);
    EXPECT_TRUE(all.positions.slice(0, 0, 36).equal(scans[0].positions));
    const auto shift = all.positions.slice(0, 36) - scans[1].positions;
    EXPECT_LT((shift - shift[0]).abs().max().item<double>(), 1e-9);
    EXPECT_EQ(shift[0][1].item<double>(), 0);
    EXPECT_NEAR(shift[0][0].item<double>(), std::round(shift[0][0].item<double>()), 1e-9) << "whole pixels";
    const auto bad = scans[0].bad_pixels;
    const auto mixed = at::tensor({40, 3, 70, 35, 36}, at::kLong);
    const auto frames = all.frames->gather(mixed);
    EXPECT_TRUE(frames[1].equal(scans[0].frames->gather(at::tensor({3}, at::kLong))[0]));
    EXPECT_TRUE(frames[4].equal(scans[1].frames->gather(at::tensor({0}, at::kLong))[0].masked_fill(bad, 0)));
    EXPECT_TRUE(frames[2].equal(scans[1].frames->gather(at::tensor({34}, at::kLong))[0].masked_fill(bad, 0)));
    EXPECT_TRUE(data::experiments_of(all, mixed).equal(at::tensor({1, 0, 1, 0, 1}, at::kLong)));
    const auto again = data::experiment(all, 1);
    EXPECT_EQ(again.source, "second");
    EXPECT_EQ(again.size(), 35);
    EXPECT_TRUE(again.probe.equal(scans[1].probe));
    EXPECT_TRUE(again.experiments.empty());
    const auto part = data::subset(all, mixed);
    EXPECT_EQ(data::experiment(part, 0).size(), 2);
}

TEST(Experiments, ThatDoNotFitAreRefusedByName)
{
    auto scans = two_experiments();
    scans[1].measurement = data::Measurement::Amplitude;
    const auto [status, message] = error_of([&] { data::join_scans(scans, "both", silent); });
    EXPECT_EQ(status, Status::Format);
    EXPECT_THAT(message, HasSubstr("second: its frames hold amplitude"));
    scans[1] = simulate(4, 4, 32).scan;
    EXPECT_THAT(error_of([&] { data::join_scans(scans, "both", silent); }).second,
                HasSubstr("frames of shape (16, 32, 32), but those of first have shape (36, 16, 16)"));
}

TEST(Experiments, NoGroupMixesThem)
{
    auto scans = two_experiments();
    const auto all = both();
    for (const auto* grouping : {"tile", "nearest", "min_dist", "4_quadrant", "raw_data"}) {
        auto config = small_config();
        config.set("scan.grouping", grouping);
        const auto model = make_model(config);
        const auto split = split_frames(all.size(), 0.2, 3);
        const auto kind = resolve_grouping(model->settings, *model->generator);
        for (const auto& groups :
             {training_groups(all, split, kind, model->settings), validation_groups(all, split, kind.size, 64)}) {
            const auto which = data::experiments_of(all, groups);
            EXPECT_TRUE(which.eq(which.select(1, 0).unsqueeze(1)).all().item<bool>()) << grouping;
            EXPECT_TRUE(which.eq(0).any().item<bool>() && which.eq(1).any().item<bool>()) << grouping;
        }
    }
}

TEST(Experiments, EachHasItsOwnProbeAndScaleInTheModel)
{
    const auto scans = two_experiments();
    const auto folder = scratch("experiments").string();
    const auto model = trained(small_config(), both(), folder);
    ASSERT_EQ(model->experiments.size(), 2U);
    const auto training = split_frames(71, 0.1, 0).training;
    for (std::int64_t i = 0; i < 2; ++i) {
        const auto& one = model->experiments[static_cast<std::size_t>(i)];
        const auto frames = training.masked_select(i == 0 ? training.lt(36) : training.ge(36));
        const double power =
            both().frames->gather(frames).sum(at::kDouble).item<double>() / static_cast<double>(frames.size(0));
        EXPECT_NEAR(one.mean_power, power, 1e-6 * power);
        EXPECT_NEAR(one.input_scale, std::sqrt(256 / power), 1e-6);
        const auto& given = scans[static_cast<std::size_t>(i)].probe;
        const auto ratio = at::vdot(one.probe.flatten(), given.flatten()).abs().item<double>() /
                           (at::linalg_vector_norm(one.probe) * at::linalg_vector_norm(given)).item<double>();
        EXPECT_NEAR(ratio, 1, 1e-5) << "the probe of its file, but for the power";
    }
    EXPECT_TRUE(model->probe.equal(model->experiments[0].probe));
    const auto kept = model::load_bundle(registry(), folder + "/best.ptk", c10::kCPU).model;
    ASSERT_EQ(kept->experiments.size(), 2U);
    EXPECT_EQ(kept->experiments[1].source, "second");
    EXPECT_TRUE(kept->experiments[1].probe.equal(model->experiments[1].probe));
    EXPECT_EQ(kept->experiments[1].input_scale, model->experiments[1].input_scale);
}

/// Predicts an object of ones with any weight.
class Flat : public generators::Generator {
public:
    Flat() { add_parameter("weight", weight_); }
    at::Tensor forward(const generators::Input& input) override
    {
        const auto rms = input.scaled().square().mean({1, 2, 3});
        largest_deviation = std::max(largest_deviation, (rms - 1).abs().max().item<double>());
        return at::ones_like(input.amplitude).to(at::kComplexFloat) * (weight_ * 0 + 1);
    }
    bool grouped() const override { return false; }
    bool needs_probe() const override { return false; }
    static inline double largest_deviation = 0;

private:
    at::Tensor weight_ = at::ones({1});
};

TEST(Experiments, EachFrameIsComparedByItsOwnProbeAndScaledByItsOwnFactor)
{
    generators::GeneratorRegistry own("generator");
    own.add({.name = "flat", .summary = "ones", .source = "this test"},
            [](const auto&, const auto&, at::Generator) { return std::make_unique<Flat>(); });
    const auto config = config::Config::from_json(
        R"({"generator.name": "flat", "scan.group_size": 4, "probe": {"modes": 2, "warm_epochs": 0},
            "training": {"epochs": 1, "batch_size": 3, "validation_fraction": 0.2}})");
    const auto all = both();
    std::shared_ptr<model::Model> model = model::make_model(own, config, 16, c10::kCPU);
    Trainer(model, config, "", nullptr).fit(all, {});
    EXPECT_LT(Flat::largest_deviation, 0.6) << "doses differ by five";

    const auto held = split_frames(71, 0.2, 0).validation;
    const auto fractions = physics::pixel_grid(all.positions, 16).fractions.index_select(0, held);
    std::vector<at::Tensor> probes;
    for (std::int64_t i = 0; i < held.size(0); ++i)
        probes.push_back(physics::shifted_probe(model->experiments[held[i].item<std::int64_t>() < 36 ? 0 : 1].probe,
                                                fractions.narrow(0, i, 1))[0]);
    const auto intensity =
        physics::far_field_intensity(at::ones({held.size(0), 16, 16}, at::kComplexFloat), at::stack(probes));
    // A relative loss takes all in the unit of the first.
    const double unit = model->experiments[0].mean_power / model->experiments[1].mean_power;
    const auto units = at::where(held.lt(36), 1.0, unit).to(at::kFloat).view({-1, 1, 1});
    const double expected = amplitude_loss(intensity * units, (all.frames->gather(held) * units).sqrt(),
                                           all.bad_pixels.logical_not().to(at::kFloat))
                                .item<double>();
    EXPECT_NEAR(model->history[0].validation_loss, expected, 1e-5 * expected);
}

TEST(Experiments, TrainedProbesMoveEachForItselfAndGoOnAfterAnInterruption)
{
    const auto all = both();
    const auto config = small_config(R"({"probe": {"trainable": true, "start_step": 2, "learning_rate": 0.01}})");
    const auto whole = trained(config, all);
    const auto still = trained(small_config(), all);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_FALSE(at::allclose(whole->experiments[i].probe, still->experiments[i].probe, 1e-3));
        EXPECT_NEAR(whole->experiments[i].probe.abs().square().sum().item<double>(), whole->experiments[i].mean_power,
                    1e-3 * whole->experiments[i].mean_power)
            << "each keeps its power";
    }
    const auto folder = scratch("experiments_stop").string();
    const Monitor stop([](const Progress& progress) { return progress.step < 4; }, nullptr);
    EXPECT_EQ(error_of([&] { Trainer(make_model(config), config, folder, nullptr).fit(all, stop); }).first,
              Status::Cancelled);
    auto resumed = make_model(config);
    Trainer trainer(resumed, config, folder, nullptr);
    trainer.resume(registry(), folder + "/last.ptk");
    trainer.fit(all, {});
    for (std::size_t i = 0; i < 2; ++i)
        EXPECT_TRUE(resumed->experiments[i].probe.equal(whole->experiments[i].probe)) << "bit for bit";
    EXPECT_EQ(resumed->history.back().validation_loss, whole->history.back().validation_loss);
}

TEST(Experiments, AreReconstructedOneByOneEachWithItsOwnProbe)
{
    const auto scans = two_experiments();
    const auto model = trained(small_config(), both());
    const auto& settings = model->settings;
    for (std::size_t i = 0; i < 2; ++i) {
        // By itself it was read without the bad pixels of the other.
        const auto result = reconstruction::reconstruct(*model, scans[i], settings, {}, silent);
        EXPECT_TRUE(result.probe.equal(model->experiments[i].probe)) << scans[i].source;
    }
    EXPECT_EQ(error_of([&] { reconstruction::reconstruct(*model, both(), settings, {}, silent); }).first,
              Status::InvalidConfig);
    EXPECT_THAT(error_of([&] { reconstruction::refine_from_scratch(both(), settings, {}, silent); }).second,
                HasSubstr("2 experiments, which have objects and probes of their own; take them one by one"));
    EXPECT_EQ(
        error_of([&] { data::write_scan(both(), ::testing::TempDir() + "/both.npz", data::ScanFormat::Npz); }).first,
        Status::InvalidConfig);
}

TEST(Experiments, ByTheirFramesAndPositionsOrByTheirNumber)
{
    const auto scans = two_experiments();
    const auto model = trained(small_config(), both());
    const auto probe_for = [&](const data::Scan& scan, const char* experiment) {
        config::Config asked;
        asked.set("probe.experiment", experiment);
        return reconstruction::reconstruct(*model, scan, model->settings.with(asked), {}, silent).probe;
    };
    const auto own = [&](const data::Scan& scan) {
        return physics::with_power(physics::with_modes(scan.probe, 2), data::mean_power(scan));
    };
    auto other = scans[0];
    other.positions = other.positions + 0.25;
    EXPECT_TRUE(probe_for(scans[0], "auto").equal(model->experiments[0].probe));
    EXPECT_TRUE(probe_for(scans[0], "none").equal(own(scans[0])));
    EXPECT_TRUE(probe_for(scans[0], "2").equal(model->experiments[1].probe));
    EXPECT_TRUE(probe_for(other, "auto").equal(own(other))) << "unknown";
    EXPECT_TRUE(probe_for(other, "1").equal(model->experiments[0].probe));
    for (const auto* wrong : {"0", "3", "second", "1.5", "-1", ""})
        EXPECT_THAT(error_of([&] { probe_for(other, wrong); }).second,
                    HasSubstr("is not auto, none or a number from 1 to 2 (1 = first, 2 = second)"))
            << wrong;
    other.probe.reset();
    EXPECT_THAT(error_of([&] { probe_for(other, "auto"); }).second, HasSubstr("is none of the 2 experiments"));
}

TEST(Experiments, TrainOnFromWhatWasLearntOfEach)
{
    const auto scans = two_experiments();
    const auto config =
        small_config(R"({"probe.trainable": true, "probe.start_step": 0, "probe.learning_rate": 0.01})");
    const auto still = small_config(R"({"training.learning_rate": 0, "training.validation_fraction": 0})");
    const auto learnt = [&](const data::Scan& scan, const char* more = "{}") {
        auto model = trained(config, both());
        const auto probes = std::pair{model->experiments[0].probe.clone(), model->experiments[1].probe.clone()};
        auto next = still;
        next.merge(config::Config::from_json(R"({"probe.trainable": false})"));
        next.merge(config::Config::from_json(more));
        Trainer(model, next, "", nullptr).fit(scan, {});
        return std::pair{model, probes};
    };
    const auto close = [](const at::Tensor& some, const at::Tensor& other) { // but for the power
        const auto norm = [](const at::Tensor& probe) { return at::linalg_vector_norm(probe).item<double>(); };
        return norm(some / norm(some) - other / norm(other)) < 1e-5;
    };
    const auto [alone, before] = learnt(scans[1]);
    EXPECT_TRUE(alone->experiments.empty());
    EXPECT_TRUE(close(alone->probe, before.second));
    EXPECT_FALSE(close(alone->probe, scans[1].probe));
    EXPECT_TRUE(close(learnt(scans[1], R"({"probe.from": "scan"})").first->probe, scans[1].probe));
    EXPECT_TRUE(close(learnt(scans[1], R"({"probe.experiment": "1"})").first->probe, before.first));
    const auto turned = data::join_scans({scans[1], scans[0]}, "turned", silent);
    const auto both_again = learnt(turned).first;
    EXPECT_TRUE(close(both_again->experiments[0].probe, before.second));
    EXPECT_TRUE(close(both_again->experiments[1].probe, before.first));
}

TEST(Experiments, RefuseWhatIsForOne)
{
    const auto refused = [](const std::string& config) {
        return error_of([&] { trained(config::Config::from_json(config), both()); });
    };
    for (const char* config : {R"({"training.loss": "supervised"})",
                               R"({"training.stages": [{"epochs": 1}, {"epochs": 1, "loss": "supervised"}]})"}) {
        const auto [status, message] = refused(config);
        EXPECT_EQ(status, Status::InvalidConfig);
        EXPECT_THAT(message, HasSubstr("training.loss = 'supervised' trains on one experiment, but both holds 2"));
    }
    for (const std::string physics : {"amplitude", "rectangular"}) {
        const auto [status, message] = refused(R"({"physics.model": ")" + physics + "\"}");
        EXPECT_EQ(status, Status::InvalidConfig);
        EXPECT_THAT(message, HasSubstr("physics.model = '" + physics + "' trains on one experiment, but both holds 2"));
    }
    const auto [status, message] = refused(R"({"physics": {
        "propagator": "angular_spectrum", "wavelength_m": 1e-10, "distance_m": 1e-3, "pixel_m": 1e-7}})");
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message,
                HasSubstr("physics.propagator = 'angular_spectrum' trains on one experiment, but both holds 2"));
}

TEST(Experiments, HaveStagesAndLossesOfCounts)
{
    const auto config = config::Config::from_json(R"({
        "generator": {"name": "physics_unet", "width": 4, "depth": 1},
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"batch_size": 4, "validation_fraction": 0.1,
                     "stages": [{"epochs": 2}, {"epochs": 2, "loss": "poisson", "blend": "linear"}]}})");
    const auto model = trained(config, both());
    ASSERT_EQ(model->history.size(), 4U);
    for (const auto& row : model->history)
        EXPECT_TRUE(std::isfinite(row.training_loss) && std::isfinite(row.validation_loss));
    EXPECT_TRUE(model->history.back().terms.contains("poisson"));
}

/// Relative Fourier errors of the network's own pictures of the scans.
std::vector<double> errors_of(model::Model& model, const std::vector<data::Scan>& scans)
{
    std::vector<double> errors;
    for (const auto& scan : scans)
        errors.push_back(reconstruction::fourier_error(
            scan, reconstruction::reconstruct(model, scan, model.settings, {}, silent), {}));
    return errors;
}

TEST(Experiments, TogetherComeOutAsAloneAndNotWithEachOthersProbe)
{
    std::vector<data::Scan> scans{simulate(7, 7).scan, simulate(7, 8, 16, 1.3, 3, 3.1).scan};
    scans[0].source = "first";
    scans[1].source = "second";
    scans[1].frames = data::frames_in_memory(scans[1].frames->gather(at::arange(56)) * 20); // a higher dose
    const auto config = small_config(R"({"generator": {"width": 8, "depth": 2}, "training.epochs": 16})");
    const auto together = errors_of(*trained(config, data::join_scans(scans, "both", silent)), scans);
    auto swapped = scans;
    std::swap(swapped[0].probe, swapped[1].probe);
    const auto wrong = errors_of(*trained(config, data::join_scans(swapped, "swapped", silent)), swapped);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto alone = errors_of(*trained(config, scans[i]), {scans[i]})[0];
        RecordProperty("errors_" + scans[i].source, fmt::format("{} {} {}", alone, together[i], wrong[i]));
        EXPECT_LT(together[i], 1.3 * alone) << scans[i].source;
        EXPECT_GT(wrong[i], 3 * together[i]) << scans[i].source;
    }
}

TEST(Experiments, NeedFramesEnoughInEach)
{
    auto scans = two_experiments();
    scans[1] = data::subset(scans[1], at::arange(3));
    const auto [status, message] = error_of([&] { trained(small_config(), data::join_scans(scans, "both", silent)); });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, HasSubstr("second: "));
    EXPECT_THAT(message, HasSubstr("fewer than a group of 4"));
    scans = two_experiments();
    scans[1].probe.reset();
    EXPECT_THAT(error_of([&] { trained(small_config(), data::join_scans(scans, "both", silent)); }).second,
                HasSubstr("second: holds no probe"));
}

} // namespace
} // namespace ptk::training
