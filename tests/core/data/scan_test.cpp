#include "core/data/data_testing.h"
#include "core/golden.h"
#include "data/scan.h"

#include <gtest/gtest.h>

#include <limits>

namespace ptk::data {
namespace {

Scan grid_scan()
{
    Scan scan;
    scan.source = "grid";
    scan.frames = frames_in_memory(at::arange(6 * 16).reshape({6, 4, 4}).to(at::kUInt16));
    const auto index = at::arange(6, at::kDouble);
    scan.positions = at::stack({index.remainder(3) + 2, at::floor(index / 3) * 3 + 2}, 1);
    scan.probe = at::ones({2, 4, 4}, at::kComplexFloat);
    scan.object = at::ones({9, 8}, at::kComplexFloat);
    return scan;
}

TEST(Scan, ASoundScanPasses)
{
    EXPECT_NO_THROW(check_scan(grid_scan()));
    auto bare = grid_scan();
    bare.probe = at::Tensor();
    bare.object = at::Tensor();
    EXPECT_NO_THROW(check_scan(bare));
}

TEST(Scan, EveryDefectIsNamed)
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto check = [](Status status, const std::string& part, const std::function<void(Scan&)>& spoil) {
        auto scan = grid_scan();
        spoil(scan);
        testing_data::expect_error(status, part, [&] { check_scan(scan); });
        testing_data::expect_error(status, "grid: ", [&] { check_scan(scan); });
    };
    check(Status::Shape, "no frames", [](Scan& s) { s.frames = frames_subset(s.frames, at::empty({0}, at::kLong)); });
    check(Status::Shape, "(5, 2), expected (6, 2)", [](Scan& s) { s.positions = s.positions.slice(0, 0, 5); });
    check(Status::Format, "position of frame 4", [&](Scan& s) { s.positions[4][1] = nan; });
    check(Status::Format, "all 6 positions are equal", [](Scan& s) { s.positions.fill_(7); });
    check(Status::Shape, "(1, 4, 5), but the frames are 4 x 4", [](Scan& s) {
        s.probe = at::ones({1, 4, 5}, at::kComplexFloat);
    });
    check(Status::Shape, "the probe has shape (4, 4), expected (modes, 4, 4)", [](Scan& s) {
        s.probe = at::ones({4, 4}, at::kComplexFloat);
    });
    check(Status::Format, "the probe is zero", [](Scan& s) { s.probe = at::zeros({1, 4, 4}, at::kComplexFloat); });
    check(Status::Format, "'probe' has numbers that are not finite", [&](Scan& s) { s.probe = s.probe * nan; });
    check(Status::Shape, "the object has shape (1, 9, 8)", [](Scan& s) { s.object = s.object.unsqueeze(0); });
    check(Status::Format, "'object' has numbers that are not finite", [&](Scan& s) { s.object = s.object * nan; });
}

TEST(Scan, AmplitudesAreRootsOfCounts)
{
    const auto counts = at::tensor({0.0F, 4.0F, 9.0F});
    EXPECT_TRUE(to_amplitude(counts, Measurement::Counts).equal(at::tensor({0.0F, 2.0F, 3.0F})));
    EXPECT_TRUE(to_amplitude(counts, Measurement::Intensity).equal(at::tensor({0.0F, 2.0F, 3.0F})));
    EXPECT_TRUE(to_amplitude(counts, Measurement::Amplitude).equal(counts));
}

TEST(Scan, MeanPowerIsMeanCountsWhateverTheUnit)
{
    auto scan = grid_scan();
    const double expected = (96.0 * 95 / 2) / 6;
    EXPECT_DOUBLE_EQ(mean_power(scan), expected);
    scan.frames = frames_in_memory(at::arange(6 * 16, at::kDouble).sqrt().reshape({6, 4, 4}).to(at::kFloat));
    scan.measurement = Measurement::Amplitude;
    EXPECT_NEAR(mean_power(scan), expected, expected * 1e-7); // single-precision roots
    // Sums of 37 bits, which single precision would round.
    const auto large = at::arange(std::int64_t{16} * 256 * 256).mul(7919).remainder(65536).reshape({16, 256, 256});
    scan.frames = frames_in_memory(large.to(at::kUInt16));
    scan.measurement = Measurement::Counts;
    EXPECT_DOUBLE_EQ(mean_power(scan), static_cast<double>(large.sum().item<std::int64_t>()) / 16);
}

TEST(Scan, SubsetsKeepFramesAndPositionsTogether)
{
    const auto scan = grid_scan();
    const auto indices = at::tensor(std::vector<std::int64_t>{5, 2});
    const auto part = subset(scan, indices);
    EXPECT_EQ(part.size(), 2);
    EXPECT_TRUE(part.positions.equal(scan.positions.index_select(0, indices)));
    EXPECT_TRUE(part.frames->gather(at::arange(2)).equal(scan.frames->gather(indices)));
}

TEST(Scan, BoundsAreThoseOfPtychoPinn)
{
    const auto golden = golden::load("group_c1.npz");
    const auto positions = at::stack({golden.at("in/x"), golden.at("in/y")}, 1);
    EXPECT_TRUE(inside_bounds(positions, {0.1, 0.9}, {0.1, 0.9}).equal(golden.at("in/valid")));
}

TEST(Scan, BothEndsOfTheBoundsAreInside)
{
    const auto positions = grid_scan().positions;
    EXPECT_TRUE(inside_bounds(positions, {0, 1}, {0, 1}).equal(at::arange(6)));
    EXPECT_TRUE(inside_bounds(positions, {0.5, 1}, {0, 0}).equal(at::tensor(std::vector<std::int64_t>{1, 2})));
    EXPECT_EQ(inside_bounds(positions, {0.6, 0.9}, {0, 1}).size(0), 0);
    const auto line = at::stack({at::arange(4, at::kDouble), at::full({4}, 3.0, at::kDouble)}, 1);
    EXPECT_EQ(inside_bounds(line, {0, 1}, {0, 1}).size(0), 4) << "a line scan has no range in y";
}

TEST(Measurement, NamesRoundTrip)
{
    for (const auto measurement : {Measurement::Counts, Measurement::Intensity, Measurement::Amplitude})
        EXPECT_EQ(measurement_from_name(measurement_name(measurement)), measurement);
    testing_data::expect_error(Status::InvalidConfig, "'photons'", [] { measurement_from_name("photons"); });
}

} // namespace
} // namespace ptk::data
