#include "base/threads.h"
#include "core/data/data_testing.h"
#include "core/golden.h"
#include "core/simulation/simulation_testing.h"
#include "data/detector_steps.h"
#include "data/experiments.h"
#include "data/npz.h"
#include "data/readers.h"
#include "data/scan_writer.h"
#include "physics/amplitude_forward.h"
#include "physics/patches.h"
#include "reconstruction/refine.h"
#include "simulation/detector.h"
#include "simulation/simulate.h"

#include <cmath>

namespace ptk::simulation {
namespace {

using testing_data::expect_error;

class Simulate : public testing_data::ScratchTest {
protected:
    Log log;

    data::Scan run(const std::string& json) { return simulate(options(json), log, Monitor()); }
    data::Scan read(const std::string& file, const std::string& json = "{}")
    {
        return data::read_scan(file, options(json), log);
    }
    static at::Tensor frames(const data::Scan& scan) { return scan.frames->gather(at::arange(scan.size())); }
};

TEST_F(Simulate, OneSeedGivesOneResultOnAnyNumberOfThreads)
{
    // 65 frames: one slab of 64 and one of a single frame.
    const std::string json =
        R"({"seed": 5, "simulation.frames": 65, "simulation.size": 32, "simulation.modes": 2, "simulation.readout_noise": 1, "simulation.dead_pixels": 0.01, "simulation.probe": "zernike"})";
    const int before = base::thread_count();
    base::set_thread_count(1);
    const auto one = run(json);
    base::set_thread_count(3);
    const auto three = run(json);
    base::set_thread_count(before);
    EXPECT_TRUE(frames(one).equal(frames(three)));
    EXPECT_TRUE(one.object.equal(three.object));
    EXPECT_TRUE(one.probe.equal(three.probe));
    EXPECT_TRUE(one.positions.equal(three.positions));
    EXPECT_TRUE(one.bad_pixels.equal(three.bad_pixels));
    const auto other = run(
        R"({"seed": 6, "simulation.frames": 65, "simulation.size": 32, "simulation.modes": 2, "simulation.readout_noise": 1, "simulation.dead_pixels": 0.01, "simulation.probe": "zernike"})");
    EXPECT_FALSE(frames(one).equal(frames(other)));
}

TEST_F(Simulate, MoreFramesDoNotChangeTheFirstOnesDraws)
{
    // Streams are apart: noise of another strength leaves object, probe and positions as they are.
    const auto quiet = run(R"({"simulation.frames": 20, "simulation.size": 32})"),
               noisy = run(R"({"simulation.frames": 20, "simulation.size": 32, "simulation.readout_noise": 3})");
    EXPECT_TRUE(quiet.object.equal(noisy.object));
    EXPECT_TRUE(quiet.probe.equal(noisy.probe));
    EXPECT_TRUE(quiet.positions.equal(noisy.positions));
    EXPECT_FALSE(frames(quiet).equal(frames(noisy)));
}

TEST_F(Simulate, TruthExplainsTheFrames)
{
    for (const std::string probe : {"disk", "gaussian", "zernike"}) {
        const auto scan = run(
            R"({"simulation.frames": 30, "simulation.size": 32, "simulation.poisson": false, "simulation.modes": 2, "simulation.probe": ")" +
            probe + "\"}");
        reconstruction::Result truth;
        truth.object = scan.object;
        truth.coverage = at::ones(scan.object.sizes());
        truth.probe = scan.probe;
        truth.positions = scan.positions;
        // The engine's own forward model; float32 through two transforms.
        EXPECT_LT(reconstruction::fourier_error(scan, truth, Monitor()), 1e-4) << probe;
        truth.positions = scan.positions.flip({1});
        EXPECT_GT(reconstruction::fourier_error(scan, truth, Monitor()), 0.05) << probe << ": x and y are told apart";
    }
}

TEST_F(Simulate, DoseIsThatOfAnEmptyObject)
{
    const auto scan = run(
        R"({"simulation.frames": 20, "simulation.size": 48, "simulation.amplitude": [1, 1], "simulation.photons": [5e4, 5e4], "simulation.poisson": false})");
    const auto counts = frames(scan).to(at::kDouble).sum({1, 2});
    EXPECT_NEAR(counts.min().item<double>(), 5e4, 5e4 * 1e-5);
    EXPECT_NEAR(counts.max().item<double>(), 5e4, 5e4 * 1e-5);
    const auto drawn = run(R"({"simulation.frames": 2, "simulation.photons": [1e3, 1e5]})");
    const double power = drawn.probe.abs().square().sum(at::kDouble).item<double>();
    EXPECT_GE(power, 1e3 * 0.999);
    EXPECT_LE(power, 1e5 * 1.001);
}

TEST_F(Simulate, FramesAreCountsAndSaySo)
{
    const auto scan = run(
        R"({"simulation.frames": 10, "simulation.size": 32, "simulation.readout_noise": 2, "simulation.saturation": 500, "simulation.beamstop": 5, "simulation.dead_pixels": 0.02})");
    EXPECT_EQ(scan.measurement, data::Measurement::Counts);
    const auto all = frames(scan);
    EXPECT_TRUE(at::floor(all).equal(all));
    EXPECT_EQ(all.max().item<double>(), 500);
    ASSERT_TRUE(scan.bad_pixels.defined());
    EXPECT_TRUE(scan.bad_pixels[16][16].item<bool>());
    EXPECT_EQ(all.masked_select(scan.bad_pixels.unsqueeze(0)).max().item<double>(), 0);
    EXPECT_GE(scan.bad_pixels.sum().item<std::int64_t>(), std::lround(0.02 * 32 * 32));
    EXPECT_FALSE(run(R"({"simulation.frames": 2})").bad_pixels.defined());
}

TEST_F(Simulate, PhotonsAreSpreadAsTheMeanSays)
{
    const std::string base = R"("simulation.frames": 40, "simulation.size": 32, "simulation.photons": [2e4, 2e4])";
    const auto mean = frames(run("{" + base + R"(, "simulation.poisson": false})")).to(at::kDouble),
               counts = frames(run("{" + base + "}")).to(at::kDouble);
    const auto lit = mean.gt(5);
    const auto deviation = ((counts - mean) / mean.sqrt()).masked_select(lit);
    const double n = static_cast<double>(deviation.numel());
    ASSERT_GT(n, 2000);
    EXPECT_NEAR(deviation.mean().item<double>(), 0, 5 / std::sqrt(n));
    EXPECT_NEAR(deviation.square().mean().item<double>(), 1, 5 * std::sqrt(2.2 / n)); // 2 + 1/mean
}

TEST_F(Simulate, PiecesGiveTheFramesOfPtychoPinn)
{
    const auto golden = golden::load("datagen_simulation.npz");
    const auto object = golden.at("in/object"), x = golden.at("in/x").to(at::kDouble),
               y = golden.at("in/y").to(at::kDouble);
    const std::int64_t side = 24, n = x.size(0), height = object.size(0), width = object.size(1);
    const auto offsets =
        at::stack({(static_cast<double>(width) - 1) / 2 - x, (static_cast<double>(height) - 1) / 2 - y}, 1)
            .to(at::kFloat);
    const auto moved = physics::translated(object.unsqueeze(0).expand({n, height, width}).contiguous(), offsets);
    const auto patches = moved.slice(1, (height - side) / 2, (height - side) / 2 + side)
                             .slice(2, (width - side) / 2, (width - side) / 2 + side)
                             .contiguous();
    golden::expect_close(patches, golden.at("out/patches"), 1e-5, "patches");
    for (const std::int64_t modes : {1, 2}) {
        const std::string key = "P" + std::to_string(modes) + "/";
        const auto made =
            physics::illuminate_and_diffract(patches, golden.at("in/probe").slice(0, 0, modes),
                                             static_cast<double>(golden.at(key + "nphotons").item<std::int64_t>()));
        golden::expect_close(made.intensity.masked_fill(data::beamstop(side, side, 4), 0),
                             golden.at(key + "intensity_no_noise"), 1e-5, key + "intensity");
        golden::expect_close(made.probe, golden.at(key + "probe_scaled")[0], 1e-5, key + "probe");
    }
}

TEST_F(Simulate, ZonePlateProbeHasItsRing)
{
    const auto scan = run(R"({"simulation.frames": 4, "simulation.size": 128, "simulation.probe": "zone_plate",
        "simulation.zone_plate_outermost_zone_m": 40e-9})");
    const auto intensity = scan.probe[0].abs().square();
    // Out of focus the central stop leaves a dark middle.
    EXPECT_LT(intensity[64][64].item<double>(), 0.5 * intensity.max().item<double>());
}

TEST_F(Simulate, OptionsThatDoNotFitAreErrors)
{
    expect_error(Status::InvalidConfig, "simulation.object", [&] { run(R"({"simulation.object": "teapot"})"); });
    expect_error(Status::InvalidConfig, "no pixel of the detector is left",
                 [&] { run(R"({"simulation.beamstop": 1000, "simulation.frames": 2})"); });
    expect_error(Status::InvalidConfig, "at most 65536",
                 [&] { run(R"({"simulation.step": 4000, "simulation.frames": 1000, "simulation.scan": "fermat"})"); });
    expect_error(Status::InvalidConfig, "zone_plate", [&] {
        run(R"({"simulation.probe": "zone_plate", "simulation.zone_plate_outermost_zone_m": 40e-9, "simulation.frames": 2})");
    });
    expect_error(Status::Io, "no such file", [&] { run(R"({"simulation.object_file": "/nowhere/object.npz"})"); });
    data::write_npz(path("small.npz"), {{"object", at::ones({20, 20}, at::kComplexFloat)}});
    expect_error(Status::Shape, "but the scan needs",
                 [&] { run(R"({"simulation.object_file": ")" + path("small.npz") + "\"}"); });
}

TEST_F(Simulate, ObjectsComeFromFilesToo)
{
    auto random = at::rand({150, 170}, at::kDouble);
    const auto object = at::polar(random + 1, random).to(at::kComplexFloat);
    data::write_npz(path("object.npz"), {{"object", object}});
    const auto scan = run(R"({"simulation.frames": 9, "simulation.object_file": ")" + path("object.npz") + "\"}");
    EXPECT_TRUE(scan.object.equal(object));
    EXPECT_NEAR(scan.positions.select(1, 0).mean().item<double>(), 85, 5);
    EXPECT_NEAR(scan.positions.select(1, 1).mean().item<double>(), 75, 5);
}

TEST_F(Simulate, ProbesComeFromFilesToo)
{
    const auto modes = at::complex(at::rand({2, 32, 32}), at::rand({2, 32, 32}));
    const auto from = [&](const std::string& file, const std::string& more = "") {
        return run(R"({"simulation.frames": 4, "simulation.photons": [1e4, 1e4], "simulation.probe_file": ")" +
                   path(file) + "\", " + (more.empty() ? "\"simulation.size\": 32" : more) + "}");
    };
    data::write_npz(path("modes.npz"), {{"probeGuess", modes}});
    const auto both = from("modes.npz").probe;
    EXPECT_NEAR(both.abs().square().sum().item<double>(), 1e4, 1);
    EXPECT_TRUE((both / both[0][0][0]).allclose(modes / modes[0][0][0], 1e-4)) << "all modes, up to one factor";
    data::write_npz(path("one.npz"), {{"probeGuess", modes[0]}});
    EXPECT_EQ(from("one.npz", R"("simulation.size": 32, "simulation.modes": 3)").probe.size(0), 3);
    expect_error(Status::Shape, "simulation.probe_file", [&] { from("one.npz", R"("simulation.size": 64)"); });
    data::write_npz(path("real.npz"), {{"probeGuess", at::rand({32, 32})}});
    expect_error(Status::Format, "complex", [&] { from("real.npz"); });
}

TEST_F(Simulate, SeveralObjectsAndProbesAreExperiments)
{
    const std::string base =
        R"("simulation.frames": 20, "simulation.size": 32, "simulation.probe": "zernike", "simulation.photons": [1e4, 1e6])";
    const auto one = run("{" + base + "}");
    const auto all = run("{" + base + R"(, "simulation.objects": 2, "simulation.probes": 3})");
    ASSERT_EQ(all.experiments.size(), 6U);
    EXPECT_EQ(all.size(), 120);
    std::vector<data::Scan> parts;
    for (std::int64_t i = 0; i < 6; ++i)
        parts.push_back(data::apart(all, i));
    EXPECT_TRUE(frames(parts[0]).equal(frames(one))) << "the first is that of a simulation of one";
    EXPECT_TRUE(parts[0].object.equal(one.object));
    EXPECT_TRUE(parts[0].positions.equal(one.positions));
    EXPECT_EQ(parts[5].source, "object 2, probe 3");
    EXPECT_TRUE(parts[0].probe.equal(parts[3].probe)) << "each object meets the same probes";
    EXPECT_FALSE(parts[0].probe.equal(parts[1].probe));
    EXPECT_FALSE(parts[0].probe.abs().square().sum().equal(parts[1].probe.abs().square().sum())) << "a dose each";
    const auto same = [](const at::Tensor& a, const at::Tensor& b) { // positions differ, and with them the size
        const auto rows = std::min(a.size(0), b.size(0)), columns = std::min(a.size(1), b.size(1));
        return a.slice(0, 0, rows).slice(1, 0, columns).equal(b.slice(0, 0, rows).slice(1, 0, columns));
    };
    EXPECT_FALSE(same(parts[0].object, parts[3].object));
    EXPECT_FALSE(parts[0].positions.equal(parts[1].positions));
    // Each is explained by its own truth.
    for (const auto& part : parts) {
        reconstruction::Result truth;
        truth.object = part.object;
        truth.coverage = at::ones(part.object.sizes());
        truth.probe = part.probe;
        truth.positions = part.positions;
        const double photons = data::mean_power(part), pixels = 32 * 32;
        EXPECT_LT(reconstruction::fourier_error(part, truth, Monitor()), 1.5 * std::sqrt(0.25 * pixels / photons));
    }
    data::write_scan(all, path("set"), data::scan_format("auto", path("set")));
    const auto back = read(path("set"));
    EXPECT_TRUE(frames(back).equal(frames(all)));
    EXPECT_TRUE(back.positions.equal(all.positions));
    EXPECT_TRUE(read(path("set/experiment_4.npz")).object.equal(parts[3].object));
    const int before = base::thread_count();
    base::set_thread_count(3);
    EXPECT_TRUE(frames(run("{" + base + R"(, "simulation.objects": 2, "simulation.probes": 3})")).equal(frames(all)));
    base::set_thread_count(before);
    expect_error(Status::InvalidConfig, "simulation.objects = 2, but simulation.object_file gives one",
                 [&] { run(R"({"simulation.objects": 2, "simulation.object_file": "x.npz"})"); });
    expect_error(Status::InvalidConfig, "simulation.probes = 2, but simulation.probe_file gives one",
                 [&] { run(R"({"simulation.probes": 2, "simulation.probe_file": "x.npz"})"); });
}

TEST_F(Simulate, PartialCoherenceBlursTheFrames)
{
    const std::string base = R"("simulation.frames": 6, "simulation.size": 32, "simulation.poisson": false)";
    const auto coherent = run("{" + base + "}");
    const auto partial = run("{" + base + R"(, "simulation.modes": 20, "simulation.coherence": 4})");
    EXPECT_EQ(partial.probe.size(0), 20);
    EXPECT_THAT(partial.notes, testing::Contains(testing::HasSubstr("the 20 modes hold 100.0 %")));
    const auto two = run("{" + base + R"(, "simulation.modes": 2, "simulation.coherence": 4})");
    EXPECT_THAT(two.notes, testing::Contains(testing::ContainsRegex("the 2 modes hold [5-8][0-9]\\.[0-9] %")));
    const auto contrast = [](const data::Scan& scan) {
        const auto all = frames(scan).to(at::kDouble);
        return (all - all.roll(1, 2)).abs().sum().item<double>() / all.sum().item<double>();
    };
    EXPECT_LT(contrast(partial), 0.9 * contrast(coherent));
    EXPECT_NEAR(partial.probe.abs().square().sum(at::kDouble).item<double>(), 1e6, 1);
    expect_error(Status::InvalidConfig, "give simulation.modes, 2 or more",
                 [&] { run(R"({"simulation.frames": 2, "simulation.coherence": 12})"); });
}

TEST_F(Simulate, CancelledWorkStops)
{
    auto token = std::make_shared<CancelToken>();
    token->request();
    expect_error(Status::Cancelled, "",
                 [&] { simulate(options(R"({"simulation.frames": 10})"), log, Monitor({}, token)); });
}

/// Every way to write what was simulated, read again.
TEST_F(Simulate, WrittenScansAreReadBack)
{
    const auto scan = run(
        R"({"simulation.frames": 30, "simulation.size": 32, "simulation.modes": 2, "simulation.dead_pixels": 0.02})");
    for (const std::string name : {"scan.npz", "scan.cxi", "folder"}) {
        data::write_scan(scan, path(name), data::scan_format("auto", path(name)));
        const auto back = read(path(name));
        EXPECT_TRUE(frames(back).equal(frames(scan))) << name;
        EXPECT_EQ(back.measurement, data::Measurement::Counts) << name;
        EXPECT_LT((back.positions - scan.positions).abs().max().item<double>(), 1e-6) << name;
        EXPECT_TRUE(back.probe.equal(scan.probe)) << name;
        ASSERT_TRUE(back.object.defined()) << name;
        EXPECT_TRUE(back.object.equal(scan.object)) << name;
        ASSERT_TRUE(back.bad_pixels.defined()) << name;
        EXPECT_TRUE(back.bad_pixels.equal(scan.bad_pixels)) << name;
        EXPECT_NEAR(back.geometry.object_pixel_m.value_or(0) / *scan.geometry.object_pixel_m, 1, 1e-9) << name;
    }
}

} // namespace
} // namespace ptk::simulation
