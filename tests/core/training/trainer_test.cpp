#include "base/atomic_file.h"
#include "core/training/training_testing.h"
#include "data/groups.h"
#include "data/npz.h"
#include "model/bundle.h"
#include "paths.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "training/grouping.h"
#include "training/history.h"
#include "training/losses.h"
#include "training/trainer.h"

#include <fmt/format.h>

namespace ptk::training {
namespace {

using testing::error_of;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;
using testing::small_config;

LogPtr quiet()
{
    return std::make_shared<Log>();
}

at::Tensor weights_of(model::Model& model)
{
    std::vector<at::Tensor> all;
    for (const auto& parameter : model.generator->parameters())
        all.push_back(parameter.detach().flatten());
    if (model.probe.defined())
        all.push_back(at::view_as_real(model.probe).flatten());
    return at::cat(all).clone();
}

/// Stops after @p steps training steps, or when @p phase is reported.
Monitor stop_after(std::int64_t steps, const std::string& phase = "train")
{
    return Monitor([=](const Progress& progress) { return progress.phase != phase || progress.step < steps; }, nullptr);
}

std::pair<Status, std::string> fit_error(model::Model& model, const config::Config& config, const data::Scan& scan)
{
    // The test keeps the model.
    const std::shared_ptr<model::Model> borrowed(&model, [](model::Model*) {});
    return error_of([&] { Trainer(borrowed, config, "", quiet()).fit(scan, {}); });
}

// ---- interruption ----

struct Interruption {
    std::int64_t step;
    const char* phase;
    const char* more;
};

class Interrupted : public ::testing::TestWithParam<Interruption> {};

TEST_P(Interrupted, AndResumedEqualsUninterruptedBitForBit)
{
    const auto [step, phase, more] = GetParam();
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config(more);
    auto whole = make_model(config);
    Trainer(whole, config, "", quiet()).fit(scan, {});

    const auto folder = scratch("resume").string();
    auto part = make_model(config);
    EXPECT_EQ(error_of([&] { Trainer(part, config, folder, quiet()).fit(scan, stop_after(step, phase)); }).first,
              Status::Cancelled);
    EXPECT_FALSE(at::equal(weights_of(*part), weights_of(*whole)));

    auto resumed = make_model(config);
    Trainer trainer(resumed, config, folder, quiet());
    trainer.resume(registry(), folder + "/last.ptk");
    EXPECT_TRUE(at::equal(weights_of(*resumed), weights_of(*part))) << "last.ptk is the last finished step";
    trainer.fit(scan, {});
    EXPECT_TRUE(at::equal(weights_of(*resumed), weights_of(*whole)));
    ASSERT_EQ(resumed->history.size(), whole->history.size());
    for (std::size_t i = 0; i < whole->history.size(); ++i) {
        EXPECT_EQ(resumed->history[i].training_loss, whole->history[i].training_loss);
        EXPECT_EQ(resumed->history[i].validation_loss, whole->history[i].validation_loss);
        EXPECT_EQ(resumed->history[i].learning_rate, whole->history[i].learning_rate);
        EXPECT_EQ(resumed->history[i].terms, whole->history[i].terms);
    }
}

constexpr const char* trained_probe = R"({"probe": {"trainable": true, "start_step": 3, "learning_rate": 0.01}})";
INSTANTIATE_TEST_SUITE_P(
    Trainer, Interrupted,
    ::testing::Values(
        Interruption{5, "train", "{}"}, Interruption{8, "train", "{}"}, Interruption{8, "validate", "{}"},
        Interruption{2, "train", trained_probe}, Interruption{6, "train", trained_probe},
        Interruption{7, "train", R"({"scan.grouping": "nearest", "training.schedule": "constant"})"},
        Interruption{3, "train", R"({"training": {"optimizer": "adamw", "weight_decay": 0.01, "accumulate": 2,
                          "average": 0.9, "schedule": "warmup_cosine", "warmup_epochs": 1, "gradient_clip_by": "agc"}})"},
        Interruption{5, "train", R"({"training": {"precision": "bfloat16", "average": 0.9}})"},
        Interruption{5, "train", R"({"training": {"loss": "huber", "regularizers": {"tv_phase": 0.01}}})"},
        Interruption{8, "train", R"({"training": {"optimizer": "sgd", "batch_size": 1, "schedule": "plateau",
                          "plateau_patience": 0, "plateau_threshold": 1, "gradient_clip_by": "value"}})"}));

TEST(Trainer, StopsWhenTheLossHasStoppedFalling)
{
    const auto scan = simulate(6, 6).scan;
    const auto folder = scratch("patience").string();
    // A rate of zero changes nothing: the first epoch is the best.
    const auto config =
        small_config(R"({"training": {"epochs": 50, "learning_rate": 0, "patience": 3, "checkpoint_epochs": 50}})");
    auto model = make_model(config);
    Trainer(model, config, folder, quiet()).fit(scan, {});
    EXPECT_EQ(model->history.size(), 4U);
    EXPECT_EQ(model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU).model->history.size(), 4U);
}

TEST(Trainer, TheModelIsTheRunningMeanOfItsWeights)
{
    const auto scan = simulate(6, 6).scan;
    const auto folder = scratch("average").string();
    const auto fitted = [&](const char* more) {
        auto model = make_model(small_config(more));
        Trainer(model, small_config(more), folder, quiet()).fit(scan, {});
        return model;
    };
    const auto plain = fitted("{}");
    const auto averaged = fitted(R"({"training.average": 0.9})");
    EXPECT_FALSE(at::equal(weights_of(*averaged), weights_of(*plain)));
    const auto last = model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU);
    EXPECT_TRUE(at::equal(weights_of(*last.model), weights_of(*plain))) << "what training goes on with";
    EXPECT_EQ(averaged->history[2].training_loss, plain->history[2].training_loss);
    EXPECT_NE(averaged->history[2].validation_loss, plain->history[2].validation_loss);
}

TEST(Trainer, StepsAreFewerWhenBatchesAreAccumulated)
{
    const auto scan = simulate(6, 6).scan;
    const auto steps = [&](const char* more) {
        std::int64_t seen = 0;
        auto model = make_model(small_config(more));
        Trainer(model, small_config(more), "", quiet())
            .fit(scan, Monitor(
                           [&](const Progress& progress) {
                               seen = std::max(seen, progress.steps);
                               return true;
                           },
                           nullptr));
        return seen;
    };
    EXPECT_EQ(steps(R"({"training": {"batch_size": 1, "epochs": 1}})"), 8);
    EXPECT_EQ(steps(R"({"training": {"batch_size": 1, "accumulate": 4, "epochs": 1}})"), 2);
}

TEST(Trainer, DoesNotGoOnWithAnotherScanOrModel)
{
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config();
    const auto folder = scratch("mismatch").string();
    Trainer(make_model(config), config, folder, quiet()).fit(scan, {});

    auto model = make_model(config);
    Trainer trainer(model, config, folder, quiet());
    trainer.resume(registry(), folder + "/last.ptk");
    auto moved = scan;
    moved.positions = scan.positions + 0.5;
    const auto [status, message] = error_of([&] { trainer.fit(moved, {}); });
    EXPECT_EQ(status, Status::State);
    EXPECT_THAT(message, ::testing::HasSubstr("is not the scan of the checkpoint (36 frames of 16 x 16"));

    Trainer best(make_model(config), config, folder, quiet());
    const auto no_training = error_of([&] { best.resume(registry(), folder + "/best.ptk"); });
    EXPECT_EQ(no_training.first, Status::Format);
    EXPECT_THAT(no_training.second, ::testing::HasSubstr("best.ptk: holds a model but no training to continue"));
    Trainer larger(make_model(config, 32), config, folder, quiet());
    EXPECT_THAT(error_of([&] { larger.resume(registry(), folder + "/last.ptk"); }).second,
                ::testing::HasSubstr("holds a 'physics_unet' for N = 16, the model is a 'physics_unet' for N = 32"));
}

TEST(Trainer, TrainsLongerFromTheEndWhenAskedTo)
{
    const auto scan = simulate(6, 6).scan;
    auto config = small_config(R"({"training.schedule": "constant"})");
    const auto folder = scratch("longer").string();
    Trainer(make_model(config), config, folder, quiet()).fit(scan, {});

    config.set("training.epochs", 5);
    auto longer = make_model(config);
    Trainer trainer(longer, config, folder, quiet());
    trainer.resume(registry(), folder + "/last.ptk");
    trainer.fit(scan, {});
    auto whole = make_model(config);
    Trainer(whole, config, "", quiet()).fit(scan, {});
    EXPECT_EQ(longer->history.size(), 5u);
    EXPECT_TRUE(at::equal(weights_of(*longer), weights_of(*whole)))
        << "with a constant rate the end of the run does not matter";
}

// ---- regularizers ----

constexpr const char* two_penalties =
    R"({"training": {"accumulate": 2, "regularizers": {"tv_phase": 0.05, "mean_deviation_amplitude": 0.1}}})";

TEST(Regularizers, AreTermsOfTheLossInHistoryAndLog)
{
    const auto scan = simulate(6, 6).scan;
    const auto folder = scratch("terms").string();
    std::string said;
    const auto log = quiet();
    log->set(LogLevel::Info, [&](LogLevel, const char*, const char* message) { said += std::string(message) + "\n"; });
    const auto config = small_config(two_penalties);
    auto model = make_model(config);
    Trainer(model, config, folder, log).fit(scan, {});
    ASSERT_EQ(model->history.size(), 3U);
    for (const auto& row : model->history) {
        ASSERT_EQ(row.terms.size(), 3U);
        const double sum =
            row.terms.at("amplitude") + row.terms.at("tv_phase") + row.terms.at("mean_deviation_amplitude");
        EXPECT_NEAR(sum, row.training_loss, 1e-12);
        EXPECT_GT(row.terms.at("tv_phase"), 0);
    }
    const auto& last = model->history.back();
    EXPECT_THAT(said,
                ::testing::HasSubstr(fmt::format(
                    "loss {:.5g} (amplitude {:.4g} + mean_deviation_amplitude {:.4g} + tv_phase {:.4g}), validation",
                    last.training_loss, last.terms.at("amplitude"), last.terms.at("mean_deviation_amplitude"),
                    last.terms.at("tv_phase"))));
    const auto csv = base::read_text(folder + "/history.csv");
    EXPECT_EQ(csv.substr(0, csv.find('\n')),
              "epoch,training_loss,validation_loss,learning_rate,seconds,term_amplitude,term_mean_deviation_amplitude,"
              "term_tv_phase");
    EXPECT_THAT(
        csv, ::testing::HasSubstr(fmt::format(",{},{},{}\n", last.terms.at("amplitude"),
                                              last.terms.at("mean_deviation_amplitude"), last.terms.at("tv_phase"))));
    const auto kept = model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU).model;
    EXPECT_EQ(kept->history.back().terms, last.terms);
}

/// A network without physics at its input, which knows nothing before it is trained.
config::Config far_from_the_goal()
{
    return config::Config::from_json(R"({
        "generator": {"name": "fno", "width": 4, "modes": 4, "blocks": 1},
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"epochs": 6, "batch_size": 2, "validation_fraction": 0.1, "schedule": "constant",
                     "learning_rate": 1e-3}})");
}

TEST(Regularizers, MakeWhatTheyPunishSmallerAndLeaveTheValidationAlone)
{
    const auto scan = simulate(6, 6).scan;
    const auto after = [&](double weight, std::int64_t epochs) {
        auto config = far_from_the_goal();
        config.set("training.regularizers.tv_amplitude", weight);
        config.set("training.epochs", epochs);
        auto model = make_model(config);
        Trainer(model, config, "", quiet()).fit(scan, {});
        return model->history.back();
    };
    const auto weak = after(1e-9, 4), strong = after(10, 4), none = after(0, 4);
    EXPECT_LT(strong.terms.at("tv_amplitude") / 10, 0.5 * weak.terms.at("tv_amplitude") / 1e-9);
    EXPECT_TRUE(none.terms.empty());
    EXPECT_NEAR(weak.validation_loss, none.validation_loss, 1e-3 * none.validation_loss);
    EXPECT_LT(strong.validation_loss, strong.training_loss) << "without the penalty, which is most of it";
}

TEST(Regularizers, AHistoryThatGainsATermHasGapsBefore)
{
    EXPECT_EQ(history_csv({{1, 0.5, 0.25, 1e-3, 1}, {2, 0.5, 0.25, 1e-3, 2, {{"mae", 0.375}, {"tv_phase", 0.125}}}}),
              "epoch,training_loss,validation_loss,learning_rate,seconds,term_mae,term_tv_phase\n"
              "1,0.5,0.25,0.001,1.000,,\n2,0.5,0.25,0.001,2.000,0.375,0.125\n");
}

// ---- every loss ----

class TrainsWith : public ::testing::TestWithParam<std::string> {};

TEST_P(TrainsWith, TheLossThatItMinimises)
{
    auto scan = simulate(6, 6).scan;
    scan.object = at::full({60, 60}, 0.5, at::kComplexFloat);
    scan.bad_pixels = at::zeros({16, 16}, at::kBool);
    scan.bad_pixels[8][9] = true;
    auto config = far_from_the_goal();
    config.set("training.loss", GetParam());
    auto model = make_model(config);
    Trainer(model, config, "", quiet()).fit(scan, {});
    EXPECT_LT(model->history.back().training_loss, model->history.front().training_loss);
}

INSTANTIATE_TEST_SUITE_P(Losses, TrainsWith, ::testing::ValuesIn(builtin_losses().names()),
                         [](const auto& info) { return info.param; });

// ---- what a run leaves behind ----

TEST(Trainer, WritesHistoryAndBundlesThatHoldTheModel)
{
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config();
    const auto folder = scratch("files").string();
    auto model = make_model(config);
    Trainer(model, config, folder, quiet()).fit(scan, {});

    const auto csv = base::read_text(folder + "/history.csv");
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
    EXPECT_EQ(csv.substr(0, csv.find('\n')), "epoch,training_loss,validation_loss,learning_rate,seconds");
    EXPECT_THAT(csv, ::testing::HasSubstr(fmt::format("\n3,{},{},", model->history[2].training_loss,
                                                      model->history[2].validation_loss)));
    auto last = model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU);
    EXPECT_TRUE(at::equal(weights_of(*last.model), weights_of(*model)));
    auto best = model::load_bundle(registry(), folder + "/best.ptk", c10::kCPU);
    double smallest = model->history[0].validation_loss;
    for (const auto& row : model->history)
        smallest = std::min(smallest, row.validation_loss);
    EXPECT_EQ(best.model->history.back().validation_loss, smallest);
    EXPECT_TRUE(best.extra.empty());
}

TEST(Trainer, KnowsTheStatisticsOfTheTrainingFrames)
{
    auto scan = simulate(6, 6).scan;
    scan.geometry.object_pixel_m = 1e-8;
    const auto config = small_config();
    auto model = make_model(config);
    Trainer(model, config, "", quiet()).fit(scan, {});
    const auto split = split_frames(36, 0.1, 0);
    const double power = scan.frames->gather(split.training).sum(at::kDouble).item<double>() / 32;
    EXPECT_NEAR(model->mean_power, power, 1e-6 * power);
    EXPECT_NEAR(model->input_scale, std::sqrt(256 / power), 1e-6);
    EXPECT_EQ(model->object_pixel_m, 1e-8);
    EXPECT_NEAR(model->probe.abs().square().sum().item<double>(), power, 1e-4 * power);
    const auto provenance = nlohmann::json::parse(model->provenance);
    EXPECT_EQ(provenance.at("training_source"), "simulated");
    EXPECT_EQ(provenance.at("training_frames"), 32);
}

/// Predicts an object of ones with any weight.
class Flat : public generators::Generator {
public:
    Flat() { add_parameter("weight", weight_); }
    at::Tensor forward(const generators::Input& input) override
    {
        return at::ones_like(input.amplitude).to(at::kComplexFloat) * (weight_ * 0 + 1);
    }
    bool grouped() const override { return false; }
    bool needs_probe() const override { return false; }

private:
    at::Tensor weight_ = at::ones({1});
};

TEST(Trainer, ValidationLossIsThatOfTheHeldOutFramesAlone)
{
    generators::GeneratorRegistry own("generator");
    own.add({.name = "flat", .summary = "ones", .source = "this test"},
            [](const auto&, const auto&, at::Generator) { return std::make_unique<Flat>(); });
    auto config = config::Config::from_json(
        R"({"generator.name": "flat", "scan.group_size": 4, "probe": {"modes": 2, "warm_epochs": 0},
                                                "training": {"epochs": 1, "validation_fraction": 0.2}})");
    const auto scan = simulate(6, 6).scan;
    std::shared_ptr<model::Model> model = model::make_model(own, config, 16, c10::kCPU);
    Trainer(model, config, "", quiet()).fit(scan, {});

    const auto held = split_frames(36, 0.2, 0).validation;
    const auto fractions = physics::pixel_grid(scan.positions, 16).fractions.index_select(0, held);
    const auto probe = physics::shifted_probe(model->probe, fractions);
    const auto intensity = physics::far_field_intensity(at::ones({held.size(0), 16, 16}, at::kComplexFloat), probe);
    const double expected = amplitude_loss(intensity, scan.frames->gather(held).sqrt()).item<double>();
    EXPECT_GT(expected, 0.01);
    EXPECT_NEAR(model->history[0].validation_loss, expected, 1e-5 * expected);

    config.set("training.validation_fraction", 0);
    Trainer(model, config, "", quiet()).fit(scan, {});
    EXPECT_TRUE(std::isnan(model->history[0].validation_loss));
}

TEST(Trainer, ReportsEveryStepAndStopsAtOnce)
{
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config();
    std::vector<Progress> seen;
    auto model = make_model(config);
    const auto before = weights_of(*model);
    const auto token = std::make_shared<CancelToken>();
    const Monitor monitor(
        [&](const Progress& progress) {
            seen.push_back(progress);
            if (seen.size() == 7)
                token->request();
            return true;
        },
        token);
    EXPECT_EQ(error_of([&] { Trainer(model, config, "", quiet()).fit(scan, monitor); }).first, Status::Cancelled);
    ASSERT_EQ(seen.size(), 7u) << "32 training frames in groups of 4, 2 a step: 4 steps, a validation, 2 steps";
    EXPECT_STREQ(seen[4].phase, "validate");
    EXPECT_TRUE(std::isfinite(seen[4].validation_loss));
    EXPECT_STREQ(seen[6].phase, "train");
    EXPECT_EQ(seen[6].step, 6);
    EXPECT_EQ(seen[6].steps, 12);
    EXPECT_EQ(seen[6].epoch, 2);
    EXPECT_EQ(seen[6].epochs, 3);
    EXPECT_TRUE(std::isfinite(seen[6].loss));
    EXPECT_GT(seen[6].frames_per_second, 0);
    EXPECT_FALSE(model->generator->is_training());
}

// ---- errors ----

TEST(Trainer, DivergenceIsAnErrorAndLeavesFiniteWeights)
{
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config(
        R"({"training": {"learning_rate": 10, "gradient_clip": 0, "schedule": "constant", "epochs": 40}, "generator.depth": 4})");
    auto model = make_model(config);
    const auto [status, message] = fit_error(*model, config, scan);
    EXPECT_EQ(status, Status::NotConverged);
    EXPECT_THAT(message,
                ::testing::ContainsRegex("is not finite in step [0-9]+ of 160 \\(epoch [0-9]+, learning rate 10\\)"));
    EXPECT_TRUE(weights_of(*model).isfinite().all().item<bool>());
}

TEST(Trainer, ABadFrameIsAnErrorAndChangesNothing)
{
    auto scan = simulate(6, 6).scan;
    auto frames = scan.frames->gather(at::arange(36));
    frames[11][3][4] = std::numeric_limits<float>::quiet_NaN();
    scan.frames = data::frames_in_memory(frames);
    const auto config = small_config(R"({"training.validation_fraction": 0})");
    auto model = make_model(config);
    const auto before = weights_of(*model);
    EXPECT_EQ(fit_error(*model, config, scan).first, Status::Format);
    EXPECT_TRUE(at::equal(weights_of(*model), before));
}

TEST(Trainer, SaysWhatDoesNotFit)
{
    const auto config = small_config();
    const auto scan = simulate(6, 6).scan;
    {
        auto model = make_model(config);
        auto without = scan;
        without.probe.reset();
        const auto [status, message] = fit_error(*model, config, without);
        EXPECT_EQ(status, Status::State);
        EXPECT_THAT(message, ::testing::HasSubstr("simulated: holds no probe and the model has none"));
        model->probe = scan.probe;
        EXPECT_EQ(fit_error(*model, config, without).second, "no error") << "the model's own probe will do";
    }
    {
        auto model = make_model(config, 32);
        const auto [status, message] = fit_error(*model, config, scan);
        EXPECT_EQ(status, Status::Shape);
        EXPECT_THAT(message, ::testing::HasSubstr("the frames are 16 x 16, but the model was made for 32 x 32"));
    }
    {
        auto model = make_model(config);
        const auto few = data::subset(scan, at::arange(4));
        const auto [status, message] =
            fit_error(*model, small_config(R"({"training.validation_fraction": 0.25})"), few);
        EXPECT_EQ(status, Status::Shape);
        EXPECT_THAT(message, ::testing::HasSubstr(
                                 "3 frames for training (1 more are kept for validation) are fewer than a group of 4"));
    }
    {
        auto model = make_model(config);
        const auto [status, message] = fit_error(*model, small_config(R"({"generator.width": 8})"), scan);
        EXPECT_EQ(status, Status::InvalidConfig);
        EXPECT_THAT(message, ::testing::HasSubstr("generator.*"));
    }
    {
        auto model = make_model(config);
        const auto file = scratch("file");
        base::write_text(file, "in the way");
        EXPECT_EQ(error_of([&] { Trainer(model, config, (file / "run").string(), quiet()).fit(scan, {}); }).first,
                  Status::Io);
    }
}

TEST(Trainer, GoesOnWhenTheScanHasTwoFramesOnly)
{
    const auto scan = data::subset(simulate(6, 6).scan, at::arange(2));
    const auto config =
        small_config(R"({"scan.group_size": 1, "training.validation_fraction": 0.5, "training.epochs": 2})");
    auto model = make_model(config);
    EXPECT_EQ(fit_error(*model, config, scan).second, "no error");
    EXPECT_EQ(model->history.size(), 2u);
}

// ---- it learns ----

TEST(Trainer, EveryWayOfMergingLearns)
{
    const auto scan = simulate(6, 6).scan;
    for (const auto* more :
         {R"({"physics.subpixel": "round"})", R"({"physics.subpixel": "interpolate"})",
          R"({"physics.patch_weighting": "uniform"})", R"({"physics.patch_weighting": "none"})",
          R"({"training.loss": "poisson"})", R"({"training.loss": "mae"})",
          R"({"generator": {"name": "cnn"}, "scan": {"group_size": 4}, "training": {"batch_size": 1}})"}) {
        auto config = small_config(R"({"training": {"epochs": 10, "validation_fraction": 0, "learning_rate": 5e-3}})");
        // Three passes solve a scan as small as this one before anything is learnt.
        config.merge(config::Config::from_json(R"({"generator.passes": 1})"));
        auto change = config::Config::from_json(more);
        if (std::string(more).find("cnn") != std::string::npos) {
            config = config::Config::from_json(
                R"({"probe": {"modes": 2, "warm_epochs": 0}, "training": {"epochs": 6, "validation_fraction": 0}})");
            config.merge(change);
            const auto wide = simulate(6, 6, 64).scan;
            auto model = make_model(config, 64);
            Trainer(model, config, "", quiet()).fit(wide, {});
            EXPECT_LT(model->history.back().training_loss, 0.9 * model->history.front().training_loss) << more;
            continue;
        }
        config.merge(change);
        auto model = make_model(config);
        Trainer(model, config, "", quiet()).fit(scan, {});
        EXPECT_LT(model->history.back().training_loss, 0.97 * model->history.front().training_loss) << more;
    }
}

/// The real scan of examples/data, every second frame.
data::Scan siemens()
{
    const auto file = data::Npz::open(PTK_SOURCE_DIR "/examples/data/siemens64.npz");
    data::Scan scan;
    scan.source = "siemens64.npz";
    scan.frames = data::frames_in_memory(file.read("diff3d"));
    scan.measurement = data::Measurement::Counts;
    scan.positions = at::stack({file.read("xcoords"), file.read("ycoords")}, 1).to(at::kDouble);
    scan.probe = physics::canonical_probe(file.read("probeGuess"), 64);
    return data::subset(scan, at::arange(0, scan.size(), 2));
}

TEST(Trainer, LearnsARealScanAndNotOneWithSwappedAxes)
{
    const auto config = config::Config::from_json(R"({
        "generator": {"name": "physics_unet", "width": 8, "depth": 2, "passes": 2}, "probe.warm_epochs": 5,
        "training": {"epochs": 2, "learning_rate": 2e-3}})");
    const auto held_out_loss = [&](const data::Scan& scan) {
        auto model = make_model(config, 64);
        Trainer(model, config, "", quiet()).fit(scan, {});
        return model->history.back().validation_loss;
    };
    auto scan = siemens();
    const double right = held_out_loss(scan);
    scan.positions = scan.positions.flip(1);
    const double wrong = held_out_loss(scan);
    RecordProperty("validation_loss", std::to_string(right));
    RecordProperty("validation_loss_swapped", std::to_string(wrong));
    EXPECT_LT(right, 0.04);
    EXPECT_LT(right, 0.7 * wrong);
}

} // namespace
} // namespace ptk::training
