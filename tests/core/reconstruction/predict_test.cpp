#include "base/random.h"
#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/training/training_testing.h"
#include "data/groups.h"
#include "data/normalisation.h"
#include "generators/precision.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "reconstruction/canvas.h"
#include "reconstruction/predict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>

namespace ptk::reconstruction {
namespace {

using config::Config;
using config::Settings;
using testing::HasSubstr;

constexpr std::int64_t side = 16;

/// Frames made on the fly, each filled with its own index; remembers the largest gather.
class NumberedFrames : public data::Frames {
public:
    explicit NumberedFrames(std::int64_t count) : count_(count) {}
    std::int64_t size() const override { return count_; }
    std::int64_t side() const override { return reconstruction::side; }
    at::Tensor gather(const at::Tensor& indices) const override
    {
        largest = std::max(largest, indices.numel());
        gathered += indices.numel();
        return indices.to(at::kFloat).view({-1, 1, 1}).expand({-1, side(), side()}).contiguous();
    }
    bool on_disk() const override { return true; }

    mutable std::int64_t largest = 0;
    mutable std::int64_t gathered = 0;

private:
    std::int64_t count_;
};

/// Knows the object: reads the number of the frame and answers with the object around its position.
class Oracle : public generators::Generator {
public:
    Oracle(at::Tensor object, at::Tensor corners, std::int64_t group_size, bool probe)
        : object_(std::move(object)), corners_(std::move(corners)), group_size_(group_size), probe_(probe)
    {
    }

    at::Tensor forward(const generators::Input& input) override
    {
        EXPECT_FALSE(is_training());
        EXPECT_EQ(input.amplitude.size(1), group_size_);
        EXPECT_EQ(input.probe.defined(), probe_);
        scales.push_back(input.scale);
        known.push_back(input.known.defined() ? input.known.clone() : at::Tensor());
        largest_batch = std::max(largest_batch, input.amplitude.size(0) * input.amplitude.size(1));
        if (probe_)
            probes.push_back(input.probe.clone());
        const auto numbers = input.amplitude.select(3, 0).select(2, 0).to(at::kLong).reshape(-1);
        std::vector<at::Tensor> patches;
        for (std::int64_t i = 0; i < numbers.numel(); ++i) {
            const auto corner = corners_[numbers[i].item<std::int64_t>()];
            patches.push_back(object_.narrow(0, corner[1].item<std::int64_t>(), side)
                                  .narrow(1, corner[0].item<std::int64_t>(), side));
        }
        const auto answer = at::stack(patches).view({-1, group_size_, side, side});
        // What is not known yet is off.
        return input.known.defined() || passes_ == 1 ? answer : 2 * answer;
    }
    bool grouped() const override { return group_size_ > 1; }
    bool needs_probe() const override { return probe_; }
    std::int64_t channels() const override { return group_size_; }
    std::int64_t passes() const override { return passes_; }
    void set_passes(std::int64_t passes) { passes_ = passes; }

    std::int64_t largest_batch = 0;
    std::vector<double> scales;
    std::vector<at::Tensor> probes;
    std::vector<at::Tensor> known;

private:
    at::Tensor object_, corners_;
    std::int64_t group_size_;
    bool probe_;
    std::int64_t passes_ = 1;
};

struct Experiment {
    at::Tensor object;
    std::shared_ptr<NumberedFrames> frames;
    data::Scan scan;
    model::Model model;
    Oracle* oracle = nullptr;
};

at::Tensor test_probe()
{
    const auto r = at::arange(side, at::kDouble) - side / 2;
    const auto envelope = (-(r.square().unsqueeze(0) + r.square().unsqueeze(1)) / 18).exp() * 20;
    return at::stack({envelope.to(at::kComplexFloat), (envelope * r.unsqueeze(0) * 0.1).to(at::kComplexFloat)});
}

/// A random object of 48 rows and 60 columns and a scan of it, frame 0 nearest to the origin.
Experiment make(std::int64_t count, std::int64_t group_size = 1, bool probe = true)
{
    Experiment experiment;
    experiment.object = at::randn({48, 60}, base::torch_generator(1, "object"), at::kComplexFloat);
    // Every patch lies two pixels inside, so that the canvas, which has one pixel around the patches, is the object's
    // frame.
    const auto room = at::tensor({60.0 - side - 4, 48.0 - side - 4}, at::kDouble);
    const auto positions =
        at::rand({count, 2}, base::torch_generator(2, "positions"), at::kDouble) * room + (side / 2 + 1.5);
    experiment.frames = std::make_shared<NumberedFrames>(count);
    experiment.scan = {.source = "numbered",
                       .frames = experiment.frames,
                       .measurement = data::Measurement::Amplitude,
                       .positions = positions,
                       .probe = {},
                       .object = at::ones({48, 60}, at::kComplexFloat),
                       .position_origin_m = {}};
    auto oracle =
        std::make_unique<Oracle>(experiment.object, physics::pixel_grid(positions, side).corners, group_size, probe);
    experiment.oracle = oracle.get();
    experiment.model.generator_name = "oracle";
    experiment.model.problem = {side, group_size};
    experiment.model.generator = std::move(oracle);
    experiment.model.probe = test_probe();
    return experiment;
}

Settings settings(const std::string& json = "{}")
{
    return Settings(config::library_schema(), Config::from_json(json));
}

Result reconstruct(model::Model& model, const data::Scan& scan, const Settings& options, const Monitor& monitor)
{
    Log log;
    return reconstruction::reconstruct(model, scan, options, monitor, log);
}

double largest_error(const Result& result, const at::Tensor& object)
{
    const auto covered = result.coverage > 0;
    EXPECT_TRUE(covered.any().item<bool>());
    return (result.object - object).masked_select(covered).abs().max().item<double>();
}

TEST(Reconstruct, EveryPatchGoesToItsPlaceInTheFrameOfTheObject)
{
    auto experiment = make(300);
    const auto result = reconstruct(experiment.model, experiment.scan, settings(), {});
    ASSERT_EQ(result.object.sizes(), experiment.object.sizes());
    EXPECT_EQ(result.origin_x, 0);
    EXPECT_EQ(result.origin_y, 0);
    EXPECT_EQ(result.dropped, 0);
    EXPECT_GT((result.coverage > 0).sum().item<std::int64_t>(), 48 * 60 / 2);
    // Patches are cut where they are put: whatever the weights, their mean is the object, rounded.
    EXPECT_LT(largest_error(result, experiment.object), 1e-6);
    EXPECT_EQ(result.object.masked_select(result.coverage == 0).abs().max().item<double>(), 0);
    EXPECT_TRUE(at::equal(result.positions, experiment.scan.positions));
}

TEST(Reconstruct, ALaterPassStartsFromTheStitchedObject)
{
    auto experiment = make(300);
    experiment.oracle->set_passes(2);
    std::int64_t last = 0;
    const auto report = [&](const Progress& progress) {
        EXPECT_EQ(progress.steps, 600);
        last = progress.step;
        return true;
    };
    const auto twice = settings(R"({"reconstruction.passes": 2})");
    const auto result = reconstruct(experiment.model, experiment.scan, twice, Monitor(report, {}));
    EXPECT_EQ(last, 600);
    EXPECT_LT(largest_error(result, experiment.object), 1e-6) << "the first pass leaves nothing behind";

    auto& known = experiment.oracle->known;
    ASSERT_EQ(known.size(), 10U);
    EXPECT_FALSE(known[4].defined());
    experiment.oracle->known.clear();
    EXPECT_GT(
        largest_error(reconstruct(experiment.model, experiment.scan, settings(R"({"reconstruction.passes": 1})"), {}),
                      experiment.object),
        0.1);
    EXPECT_EQ(known.size(), 5U);

    reconstruct(experiment.model, experiment.scan, twice, {});
    known.erase(known.begin(), known.begin() + 5);
    const auto corner = physics::pixel_grid(experiment.scan.positions, side).corners[64];
    const auto expected = 2 * experiment.object.narrow(0, corner[1].item<std::int64_t>(), side)
                                  .narrow(1, corner[0].item<std::int64_t>(), side);
    golden::expect_close(at::view_as_real(known[6][0][0]), at::view_as_real(expected), 1e-5, "known patch");
}

TEST(Reconstruct, SeveralPassesAreTwoMoreThanTrained)
{
    for (const std::int64_t trained : {1, 2, 3}) {
        auto experiment = make(10);
        experiment.oracle->set_passes(trained);
        reconstruct(experiment.model, experiment.scan, settings(), {});
        EXPECT_EQ(experiment.oracle->known.size(), trained == 1 ? 1U : static_cast<std::size_t>(trained + 2));
    }
}

TEST(Reconstruct, StepsOfPhysicsBetweenPassesBringThePictureCloserToTheObject)
{
    const auto simulated = training::testing::simulate(9, 8);
    const auto model = training::testing::make_model(training::testing::small_config(R"({"generator.passes": 2})"));
    std::int64_t sweeps = 0;
    const auto report = [&](const Progress& progress) {
        sweeps = progress.steps / simulated.scan.size();
        EXPECT_LE(progress.step, progress.steps);
        return true;
    };
    const auto error = [&](const std::string& options) {
        const auto result = reconstruct(*model, simulated.scan, settings(options), Monitor(report, {}));
        const auto where = result.coverage > 0.2 * result.coverage.max();
        const auto found = result.object.masked_select(where).to(at::kComplexDouble);
        const auto truth = simulated.object.narrow(0, result.origin_y, result.object.size(0))
                               .narrow(1, result.origin_x, result.object.size(1))
                               .masked_select(where);
        return ((found - truth).abs().square().sum() / (truth - truth.mean()).abs().square().sum()).item<double>();
    };
    const double without = error(R"({"reconstruction.agreement": 0, "reconstruction.passes": 2})");
    EXPECT_EQ(sweeps, 2);
    const double with = error("{}");
    EXPECT_EQ(sweeps, 2 + 4 * 4) << "four times the steps that it was made with";
    EXPECT_LT(with, 0.3 * without);
    error(R"({"reconstruction.agreement": 3, "reconstruction.passes": 3})");
    EXPECT_EQ(sweeps, 3 + 2 * 3);
}

TEST(Reconstruct, AnotherBeamIsTheScansPreparedAsForATraining)
{
    auto experiment = make(40);
    experiment.scan.probe = 3 * test_probe().narrow(0, 0, 1).flip({1});
    experiment.model.input_scale = 5;
    const auto of_model = reconstruct(experiment.model, experiment.scan, settings(), {});
    EXPECT_TRUE(of_model.probe.equal(test_probe()));
    EXPECT_EQ(experiment.oracle->scales.back(), 5);

    const auto of_scan =
        reconstruct(experiment.model, experiment.scan,
                    settings(R"({"probe.from": "scan", "probe.modes": 1, "probe.warm_epochs": 0})"), {});
    const double power = data::mean_power(experiment.scan);
    golden::expect_close(at::view_as_real(of_scan.probe),
                         at::view_as_real(physics::with_power(experiment.scan.probe, power)), 1e-6, "the scan's");
    EXPECT_DOUBLE_EQ(experiment.oracle->scales.back(), data::parseval_scale(power, side, false));

    const auto warm = reconstruct(experiment.model, experiment.scan,
                                  settings(R"({"probe.from": "scan", "probe.modes": 2, "probe.warm_epochs": 2})"), {});
    EXPECT_EQ(warm.probe.size(0), 2);
    EXPECT_NEAR(at::view_as_real(warm.probe).square().sum().item<double>(), power, 1e-3 * power);
}

TEST(Reconstruct, TheFrameGrowsWherePatchesReachOutside)
{
    auto experiment = make(40);
    experiment.scan.object = at::ones({10, 80}, at::kComplexFloat);
    const auto result = reconstruct(experiment.model, experiment.scan, settings(), {});
    EXPECT_EQ(result.dropped, 0);
    EXPECT_EQ(result.origin_y, 0);
    EXPECT_EQ(result.object.size(1) + result.origin_x, 80);
    EXPECT_GT(result.object.size(0), 30);

    experiment.scan.object = at::Tensor();
    const auto around = reconstruct(experiment.model, experiment.scan, settings(), {});
    EXPECT_EQ(around.dropped, 0);
    const auto common = result.object.narrow(0, around.origin_y - result.origin_y, around.object.size(0))
                            .narrow(1, around.origin_x - result.origin_x, around.object.size(1));
    EXPECT_TRUE(at::equal(at::view_as_real(common.contiguous()), at::view_as_real(around.object)));
}

TEST(Reconstruct, ProbesAreShiftedToTheFractionOfEachFrame)
{
    auto experiment = make(10);
    reconstruct(experiment.model, experiment.scan, settings(), {});
    const auto fractions = physics::pixel_grid(experiment.scan.positions, side).fractions;
    const auto expected = physics::shifted_probe(test_probe(), fractions).unsqueeze(1);
    ASSERT_EQ(experiment.oracle->probes.size(), 1u);
    golden::expect_close(at::view_as_real(experiment.oracle->probes[0]), at::view_as_real(expected), 1e-6,
                         "shifted probes");

    for (const char* subpixel : {"interpolate", "round"}) {
        experiment.oracle->probes.clear();
        reconstruct(experiment.model, experiment.scan,
                    settings(R"({"physics.subpixel": ")" + std::string(subpixel) + R"("})"), {});
        golden::expect_close(at::view_as_real(experiment.oracle->probes[0]),
                             at::view_as_real(test_probe().view({1, 1, 2, side, side}).expand({10, 1, 2, side, side})),
                             0, subpixel);
    }
}

TEST(Reconstruct, InterpolationPutsPatchesAtTheirExactPositions)
{
    auto experiment = make(1);
    experiment.scan.positions = at::tensor({20.25, 17.75}, at::kDouble).view({1, 2});
    const std::string uniform = R"(, "physics.patch_weighting": "uniform"})";
    const auto centre = [&](const char* subpixel) {
        const auto result =
            reconstruct(experiment.model, experiment.scan,
                        settings(R"({"physics.subpixel": ")" + std::string(subpixel) + "\"" + uniform), {});
        const auto weight = result.coverage.to(at::kDouble);
        const double total = weight.sum().item<double>();
        // The mean index of a patch of even side lies half a pixel before its position.
        return std::pair{(weight.sum(0) * at::arange(weight.size(1))).sum().item<double>() / total + 0.5,
                         (weight.sum(1) * at::arange(weight.size(0))).sum().item<double>() / total + 0.5};
    };
    EXPECT_NEAR(centre("interpolate").first, 20.25, 1e-6);
    EXPECT_NEAR(centre("interpolate").second, 17.75, 1e-6);
    for (const char* whole : {"round", "shift_probe"}) {
        EXPECT_NEAR(centre(whole).first, 20, 1e-6);
        EXPECT_NEAR(centre(whole).second, 18, 1e-6);
    }
}

TEST(Reconstruct, WeightsAreTheProbesIntensityUnlessSaidOtherwise)
{
    auto experiment = make(1);
    experiment.scan.positions = at::tensor({20.0, 17.0}, at::kDouble).view({1, 2});
    const auto coverage = [&](const std::string& json) {
        return reconstruct(experiment.model, experiment.scan, settings(json), {})
            .coverage.narrow(0, 17 - side / 2, side)
            .narrow(1, 20 - side / 2, side);
    };
    const auto intensity = test_probe().abs().square().sum(0);
    golden::expect_close(coverage(R"({"reconstruction.coverage": 0})"), intensity, 1e-6, "probe");
    EXPECT_TRUE(at::equal(coverage(R"({"physics.patch_weighting": "uniform"})"), at::ones({side, side})));
    EXPECT_TRUE(at::equal(coverage(R"({"physics.patch_weighting": "none"})"), at::ones({side, side})));
    auto half = at::zeros({side, side});
    half.narrow(0, 4, 8).narrow(1, 4, 8).fill_(1);
    EXPECT_TRUE(at::equal(coverage(R"({"physics.patch_weighting": "central_mask"})"), half));
    for (const std::int64_t trim : {1, 5, 6, 16}) {
        auto middle = at::zeros({side, side});
        middle.narrow(0, 8 - trim / 2, trim).narrow(1, 8 - trim / 2, trim).fill_(1);
        EXPECT_TRUE(at::equal(coverage(R"({"physics.patch_weighting": "uniform", "reconstruction.middle_trim": )" +
                                       std::to_string(trim) + "}"),
                              middle))
            << trim;
    }
}

TEST(Reconstruct, TheSizeOfBatchesDoesNotChangeTheCanvas)
{
    for (const std::int64_t group_size : {1, 4}) {
        auto experiment = make(130, group_size);
        const auto expected =
            reconstruct(experiment.model, experiment.scan, settings(R"({"reconstruction.batch_size": 1000})"), {});
        for (const char* size : {"1", "7", "64", "130"}) {
            const auto found = reconstruct(experiment.model, experiment.scan,
                                           settings(R"({"reconstruction.batch_size": )" + std::string(size) + "}"), {});
            EXPECT_TRUE(at::equal(at::view_as_real(found.object), at::view_as_real(expected.object))) << size;
            EXPECT_TRUE(at::equal(found.coverage, expected.coverage)) << size;
        }
        EXPECT_LT(largest_error(expected, experiment.object), 1e-6);
    }
}

TEST(Reconstruct, NeverHoldsMoreThanABatch)
{
    for (const std::int64_t group_size : {1, 4}) {
        auto experiment = make(130, group_size);
        reconstruct(experiment.model, experiment.scan, settings(R"({"reconstruction.batch_size": 10})"), {});
        EXPECT_EQ(experiment.frames->largest, group_size == 1 ? 10 : 8);
        EXPECT_EQ(experiment.oracle->largest_batch, experiment.frames->largest);
        EXPECT_EQ(experiment.frames->gathered, 130 * group_size) << "each frame once, or a group for each";
    }
}

TEST(Reconstruct, AllPatchesOfAGroupAreStitched)
{
    auto experiment = make(50, 4, false);
    const auto result =
        reconstruct(experiment.model, experiment.scan, settings(R"({"physics.patch_weighting": "uniform"})"), {});
    EXPECT_NEAR(result.coverage.to(at::kDouble).sum().item<double>(), 50.0 * 4 * side * side, 1e-3);
    EXPECT_EQ(result.dropped, 0);
}

TEST(Reconstruct, ReportsFramesAndRate)
{
    auto experiment = make(25);
    std::vector<Progress> reports;
    const Monitor monitor(
        [&](const Progress& progress) {
            reports.push_back(progress);
            return true;
        },
        nullptr);
    reconstruct(experiment.model, experiment.scan, settings(R"({"reconstruction.batch_size": 10})"), monitor);
    ASSERT_EQ(reports.size(), 3u);
    EXPECT_EQ(reports[0].step, 10);
    EXPECT_EQ(reports[2].step, 25);
    EXPECT_EQ(reports[2].steps, 25);
    EXPECT_STREQ(reports[2].phase, "predict");
    EXPECT_GT(reports[2].frames_per_second, 0);
    EXPECT_GE(reports[2].seconds, reports[0].seconds);
}

TEST(Reconstruct, CanBeCancelledBetweenBatches)
{
    auto experiment = make(100);
    const auto cancel = std::make_shared<CancelToken>();
    const Monitor monitor(
        [&](const Progress& progress) {
            if (progress.step >= 20)
                cancel->request();
            return true;
        },
        cancel);
    try {
        reconstruct(experiment.model, experiment.scan, settings(R"({"reconstruction.batch_size": 10})"), monitor);
        FAIL() << "expected to be cancelled";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Cancelled);
    }
    EXPECT_LE(experiment.frames->gathered, 30) << "one batch is read ahead";
}

std::pair<Status, std::string> error_of(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

TEST(Reconstruct, WhatIsMissingOrDoesNotFitIsNamed)
{
    auto experiment = make(3, 4);
    auto [status, message] = error_of([&] { reconstruct(experiment.model, experiment.scan, settings(), {}); });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, HasSubstr("3 frames"));

    auto single = make(3);
    single.model.probe = at::Tensor();
    std::tie(status, message) = error_of([&] { reconstruct(single.model, single.scan, settings(), {}); });
    EXPECT_EQ(status, Status::State);
    EXPECT_THAT(message, HasSubstr("holds no probe"));
    single.scan.probe = test_probe();
    const auto result = reconstruct(single.model, single.scan, settings(), {});
    // The power of the frames 0, 1, 2 of constant amplitude 0, 1, 2.
    EXPECT_NEAR(result.probe.abs().square().sum().item<double>(), side * side * (0 + 1 + 4) / 3.0, 1e-3 * side * side);

    single.model.problem.side = 32;
    std::tie(status, message) = error_of([&] { reconstruct(single.model, single.scan, settings(), {}); });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, HasSubstr("16 x 16"));
    EXPECT_THAT(message, HasSubstr("32 x 32"));

    single.model.problem.side = side;
    std::tie(status, message) = error_of(
        [&] { reconstruct(single.model, single.scan, settings(R"({"reconstruction.middle_trim": 17})"), {}); });
    EXPECT_EQ(status, Status::InvalidConfig);

    auto blind = make(3, 1, /*probe=*/false);
    std::tie(status, message) =
        error_of([&] { reconstruct(blind.model, blind.scan, settings(R"({"reconstruction.agreement": 2})"), {}); });
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message, HasSubstr("looks once"));
}

TEST(Reconstruct, WithoutAnyProbePatchesWeighTheSame)
{
    auto experiment = make(5, 1, false);
    experiment.model.probe = at::Tensor();
    const auto result = reconstruct(experiment.model, experiment.scan, settings(), {});
    EXPECT_FALSE(result.probe.defined());
    EXPECT_EQ(result.coverage.sum().item<double>(), 5 * side * side);
}

TEST(Reconstruct, InBfloat16TheNetworkAloneIsLessExact)
{
    auto experiment = make(30);
    auto& model = experiment.model;
    const auto& registry = generators::testing::registry();
    model = std::move(*model::make_model(registry, Config::from_json(R"({"generator": {"name": "fno", "width": 16}})"),
                                         side, c10::kCPU));
    model.probe = test_probe();
    std::string said;
    Log log;
    log.set(LogLevel::Warn, [&](LogLevel, const char*, const char* message) { said += message; });
    const auto object = [&](const char* precision) {
        auto options = settings();
        Config config;
        config.set("reconstruction.precision", precision);
        return reconstruction::reconstruct(model, experiment.scan, options.with(config), {}, log).object;
    };
    const auto full = object("float32");
    EXPECT_EQ(said, "");
    const auto half = object("bfloat16");
    const double error = (half - full).norm().item<double>() / full.norm().item<double>();
    EXPECT_GT(error, 1e-6);
    EXPECT_LT(error, 0.02);
    EXPECT_EQ(half.scalar_type(), full.scalar_type());
    EXPECT_EQ(said.empty(), generators::computes_bfloat16(c10::kCPU)) << said;

    const auto frames = experiment.scan.frames->gather(at::arange(4)).unsqueeze(1);
    const auto plain = predict_patches(model, frames, {});
    Config config;
    config.set("reconstruction.precision", "bfloat16");
    model.settings = model.settings.with(config);
    const auto patches = predict_patches(model, frames, {});
    EXPECT_EQ(patches.scalar_type(), at::kComplexFloat);
    EXPECT_FALSE(at::equal(patches, plain));
    EXPECT_LT((patches - plain).norm().item<double>(), 0.02 * plain.norm().item<double>());
}

TEST(Reconstruct, NumbersThatAreNotFiniteAreAnError)
{
    auto experiment = make(40);
    experiment.object.select(0, 24).fill_(std::nan(""));
    const auto [status, message] = error_of([&] { reconstruct(experiment.model, experiment.scan, settings(), {}); });
    EXPECT_EQ(status, Status::NotConverged);
    EXPECT_THAT(message, HasSubstr("not finite"));
}

TEST(PredictPatches, AnswersInShapeWithAnOrdinaryTensor)
{
    auto experiment = make(8, 4);
    experiment.model.generator->set_training(true);
    const auto amplitude = experiment.frames->gather(at::arange(8)).view({2, 4, side, side});
    const auto probe = test_probe().view({1, 1, 2, side, side}).expand({2, 4, 2, side, side});
    auto patches = predict_patches(experiment.model, amplitude, probe);
    EXPECT_EQ(patches.sizes(), at::IntArrayRef({2, 4, side, side}));
    EXPECT_FALSE(patches.is_inference());
    EXPECT_TRUE(experiment.model.generator->is_training()) << "the mode is put back";
    patches.mul_(2); // may be changed

    EXPECT_EQ(error_of([&] { predict_patches(experiment.model, amplitude, {}); }).first, Status::State);
    EXPECT_EQ(error_of([&] { predict_patches(experiment.model, amplitude.narrow(1, 0, 3), probe); }).first,
              Status::Shape);
    EXPECT_EQ(error_of([&] { predict_patches(experiment.model, amplitude, probe.narrow(0, 0, 1)); }).first,
              Status::Shape);
    EXPECT_EQ(error_of([&] { predict_patches(experiment.model, amplitude.narrow(3, 0, 8), probe); }).first,
              Status::Shape);
}

} // namespace
} // namespace ptk::reconstruction
