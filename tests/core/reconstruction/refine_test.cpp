#include "base/random.h"
#include "core/golden.h"
#include "data/npz.h"
#include "paths.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "reconstruction/predict.h"
#include "reconstruction/refine.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ptk::reconstruction {
namespace {

using config::Config;
using config::Settings;
using testing::HasSubstr;

Settings settings(const std::string& json = "{}")
{
    return Settings(config::library_schema(), Config::from_json(json));
}

/// A smooth object of about one radian, seen with a probe of one mode at 120 fractional positions.
struct Simulation {
    static constexpr std::int64_t side = 32;
    at::Tensor object;
    at::Tensor probe;
    data::Scan scan;

    Simulation()
    {
        const auto y = at::arange(80, at::kDouble).unsqueeze(1), x = at::arange(90, at::kDouble).unsqueeze(0);
        const auto phase = 0.6 * (x / 5).sin() + 0.5 * (y / 7).cos();
        object = at::polar(0.9 + 0.1 * (x / 9 + y / 11).sin(), phase).to(at::kComplexFloat);
        const auto r = at::arange(side, at::kDouble) - side / 2;
        const auto envelope = (-(r.square().unsqueeze(0) + r.square().unsqueeze(1)) / 50).exp();
        probe = physics::with_power(at::polar(envelope, 0.02 * (r.square().unsqueeze(0) + r.square().unsqueeze(1)))
                                        .to(at::kComplexFloat)
                                        .unsqueeze(0),
                                    1e5);
        const auto room = at::tensor({90.0 - side - 1, 80.0 - side - 1}, at::kDouble);
        const auto positions = at::rand({120, 2}, base::torch_generator(3, "scan"), at::kDouble) * room + side / 2;
        scan = {.source = "simulated",
                .frames = data::frames_in_memory(intensities(positions)),
                .measurement = data::Measurement::Counts,
                .positions = positions,
                .probe = probe,
                .object = at::ones({80, 90}, at::kComplexFloat),
                .position_origin_m = {}};
    }

    at::Tensor intensities(const at::Tensor& positions) const
    {
        const auto grid = physics::pixel_grid(positions, side);
        std::vector<at::Tensor> patches;
        for (std::int64_t i = 0; i < positions.size(0); ++i)
            patches.push_back(object.narrow(0, grid.corners[i][1].item<std::int64_t>(), side)
                                  .narrow(1, grid.corners[i][0].item<std::int64_t>(), side));
        return physics::far_field_intensity(at::stack(patches), physics::shifted_probe(probe, grid.fractions))
            .contiguous();
    }

    Result truth() const
    {
        Result result;
        result.object = object;
        result.coverage = at::ones({80, 90});
        result.probe = probe;
        result.positions = scan.positions;
        return result;
    }
};

const Simulation& simulation()
{
    static const Simulation shared;
    return shared;
}

TEST(FourierError, IsZeroForTheTruthAndLargeForAFlatObject)
{
    const auto& twin = simulation();
    auto result = twin.truth();
    EXPECT_LT(fourier_error(twin.scan, result, {}), 1e-5); // float32
    result.object = at::ones_like(result.object);
    EXPECT_GT(fourier_error(twin.scan, result, {}), 0.2);
}

TEST(FourierError, KnowsTheFrameOfTheObject)
{
    // The same object in another frame: cut and moved, and grown back where patches need it.
    const auto& twin = simulation();
    auto result = twin.truth();
    result.object = at::constant_pad_nd(result.object, {5, 2, 3, 1});
    result.coverage = at::constant_pad_nd(result.coverage, {5, 2, 3, 1});
    result.origin_x = -5;
    result.origin_y = -3;
    EXPECT_LT(fourier_error(twin.scan, result, {}), 1e-5);
    result.origin_x = -4;
    EXPECT_GT(fourier_error(twin.scan, result, {}), 0.03) << "one pixel off";
}

TEST(Refine, UnreachedPixelsContinueThePicture)
{
    // Constant phase and amplitude, a corner of the frame missing and blank: continued with the mean it is the truth
    // again.
    auto twin = simulation();
    twin.object = at::full({80, 90}, c10::complex<double>(0.3, 0.8),
                           at::kComplexFloat); // the tensors are shared with the other tests
    twin.scan.frames = data::frames_in_memory(twin.intensities(twin.scan.positions));
    auto start = twin.truth();
    start.object = start.object.clone();
    start.object.narrow(0, 0, 40).narrow(1, 0, 45).fill_(0);
    start.coverage.narrow(0, 0, 40).narrow(1, 0, 45).fill_(0);
    EXPECT_LT(fourier_error(twin.scan, start, {}), 1e-5);
    start.object =
        start.object.narrow(0, 10, 60).narrow(1, 10, 60).contiguous(); // and when the frame itself is too small
    start.coverage = start.coverage.narrow(0, 10, 60).narrow(1, 10, 60).contiguous();
    start.origin_x = start.origin_y = 10;
    EXPECT_LT(fourier_error(twin.scan, start, {}), 1e-5);
}

TEST(Refine, FromScratchExplainsTheFrames)
{
    const auto& twin = simulation();
    Log log;
    const auto result = refine_from_scratch(
        twin.scan, settings(R"({"refinement.epochs": 30, "refinement.probe_step": 0, "probe.modes": 1})"), {}, log);
    const double flat = [&] {
        auto start = twin.truth();
        start.object = at::ones_like(start.object);
        return fourier_error(twin.scan, start, {});
    }();
    ASSERT_FALSE(result.fourier_errors.empty());
    ASSERT_EQ(result.fourier_errors.size(), result.held_out_fourier_errors.size());
    EXPECT_LT(fourier_error(twin.scan, result, {}), 0.1 * flat);
    EXPECT_LT(result.held_out_fourier_errors.back(), 0.2 * flat);

    // And the object is the one that was simulated, up to a global phase, where the light was.
    const auto bright = result.coverage > 0.2 * result.coverage.max();
    EXPECT_GT(bright.sum().item<std::int64_t>(), 1000);
    const auto found = result.object.narrow(0, -result.origin_y, 80)
                           .narrow(1, -result.origin_x, 90)
                           .masked_select(bright.narrow(0, -result.origin_y, 80).narrow(1, -result.origin_x, 90));
    const auto truth =
        twin.object.masked_select(bright.narrow(0, -result.origin_y, 80).narrow(1, -result.origin_x, 90));
    const double overlap =
        (found.conj() * truth).sum().abs().item<double>() /
        std::sqrt(found.abs().square().sum().item<double>() * truth.abs().square().sum().item<double>());
    EXPECT_GT(overlap, 0.8); // a phase ramp may remain
}

TEST(Refine, KeepsTheFrameAndReportsCoverageOfTheLight)
{
    const auto& twin = simulation();
    Log log;
    auto start = twin.truth();
    start.dropped = 3;
    start.object_pixel_m = 1e-8;
    const auto result = refine(twin.scan, start, settings(R"({"refinement.epochs": 2})"), {}, log);
    EXPECT_EQ(result.dropped, 3);
    EXPECT_EQ(result.object_pixel_m, 1e-8);
    EXPECT_EQ(result.coverage.sizes(), result.object.sizes());
    // Sum over pixels of the summed probe intensities: power times frames, but for what the coverage threshold cuts.
    EXPECT_NEAR(result.coverage.to(at::kDouble).sum().item<double>() /
                    (120 * result.probe.abs().square().sum().item<double>()),
                1, 1e-3);
    EXPECT_LT(fourier_error(twin.scan, result, {}), 0.01) << "the truth stays";
}

TEST(Refine, ZeroEpochsGiveTheStartBack)
{
    const auto& twin = simulation();
    Log log;
    const auto start = twin.truth();
    const auto result = refine(twin.scan, start, settings(R"({"refinement.epochs": 0})"), {}, log);
    EXPECT_TRUE(result.object.is_same(start.object));
    EXPECT_TRUE(result.fourier_errors.empty());
}

TEST(Refine, WhatIsMissingOrDoesNotFitIsNamed)
{
    const auto& twin = simulation();
    Log log;
    const auto error_of = [&](const data::Scan& scan, const Result& start) -> std::pair<Status, std::string> {
        try {
            refine(scan, start, settings(), {}, log);
        } catch (const Error& error) {
            return {error.status(), error.message()};
        }
        return {Status::Ok, "no error"};
    };
    auto start = twin.truth();
    start.positions = start.positions.slice(0, 0, 100);
    auto [status, message] = error_of(twin.scan, start);
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, HasSubstr("120 frames"));
    EXPECT_THAT(message, HasSubstr("of 100"));

    auto blind = twin.scan;
    blind.probe = at::Tensor();
    start = twin.truth();
    start.probe = at::Tensor();
    std::tie(status, message) = error_of(blind, start);
    EXPECT_EQ(status, Status::State);
    EXPECT_THAT(message, HasSubstr("no probe"));
    EXPECT_THROW(refine_from_scratch(blind, settings(), {}, log), Error);
    EXPECT_EQ(error_of(twin.scan, Result{}).first, Status::State);
}

TEST(Refine, OptionsReachTheEngine)
{
    const auto options = engine_options(settings(
        R"({"seed": 9, "refinement": {"epochs": 7, "algorithm": "epie", "alpha": 0.3, "object_step": 0.7, "probe_step": 0.2, "probe_start": 3,
        "positions": true, "held_out_fraction": 0.1, "patience": 2}})"));
    EXPECT_EQ(options.seed, 9u);
    EXPECT_EQ(options.epochs, 7);
    EXPECT_FALSE(options.rpie);
    EXPECT_EQ(options.alpha, 0.3);
    EXPECT_EQ(options.object_step, 0.7);
    EXPECT_EQ(options.probe_step, 0.2);
    EXPECT_EQ(options.probe_start, 3);
    EXPECT_TRUE(options.positions);
    EXPECT_EQ(options.held_out_fraction, 0.1);
    EXPECT_EQ(options.patience, 2);
}

/// The real scan, read as it is.
data::Scan siemens()
{
    const auto file = data::Npz::open(PTK_SOURCE_DIR "/examples/data/siemens64.npz");
    data::Scan scan{.source = "siemens64.npz",
                    .frames = data::frames_in_memory(file.read("diff3d")),
                    .measurement = data::Measurement::Counts,
                    .positions = at::stack({file.read("xcoords"), file.read("ycoords")}, 1),
                    .probe = physics::canonical_probe(file.read("probeGuess"), 64),
                    .object = file.read("objectGuess"),
                    .position_origin_m = {}};
    return scan;
}

/// |<a, b>| / (|a| |b|) of what deviates from the mean, where @p mask is: 1 for equal pictures up to scale and global
/// phase.
double correlation(const at::Tensor& a, const at::Tensor& b, const at::Tensor& mask)
{
    const auto deviation = [&](const at::Tensor& object) {
        const auto values = object.masked_select(mask);
        return values - values.mean();
    };
    const auto x = deviation(a), y = deviation(b);
    return (x.conj() * y).sum().abs().item<double>() /
           std::sqrt(x.abs().square().sum().item<double>() * y.abs().square().sum().item<double>());
}

TEST(EndToEnd, AnUntrainedPhysicsNetworkGivesAPictureThatRefinementSharpens)
{
    const auto scan = siemens();
    Log log;
    const auto registry = generators::builtin_generators();
    const auto& entry = registry.get("physics_unet");
    const Settings options(
        config::library_schema().with(entry.metadata.options),
        Config::from_json(
            R"({"generator.width": 4, "generator.depth": 1, "generator.passes": 1, "refinement.epochs": 5})"));
    model::Model model;
    model.generator_name = "physics_unet";
    model.problem = {64, 1};
    model.generator = entry.make(model.problem, options, base::torch_generator(1, "initialisation"));
    model.probe = physics::warm_probe(scan, 3, 4, 0, {}, log);

    const auto picture = reconstruct(model, scan, options, {}, log);
    EXPECT_EQ(picture.dropped, 0);
    const auto smaller =
        reconstruct(model, scan, options.with(Config::from_json(R"({"reconstruction.batch_size": 9})")), {}, log);
    // Convolutions may choose another algorithm for another size of batch; stitching itself is exact.
    golden::expect_close(at::view_as_real(smaller.object), at::view_as_real(picture.object), 1e-6,
                         "batches of 9 against 64");

    const auto refined = refine(scan, picture, options, {}, log);
    ASSERT_EQ(refined.object.sizes(), picture.object.sizes());
    const auto bright = refined.coverage > 0.1 * refined.coverage.max();
    const double similar = correlation(picture.object, refined.object, bright);
    const double before = fourier_error(scan, picture, {});
    const double after = fourier_error(scan, refined, {});
    RecordProperty("correlation", std::to_string(similar));
    RecordProperty("fourier_error_before", std::to_string(before));
    RecordProperty("fourier_error_after", std::to_string(after));
    std::cout << "correlation " << similar << ", Fourier error " << before << " -> " << after << "\n";
    EXPECT_GT(similar, 0.5);
    EXPECT_LT(after, 0.6 * before);
}

} // namespace
} // namespace ptk::reconstruction
