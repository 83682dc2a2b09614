#include "data/readers.h"

#include "core/data/data_testing.h"
#include "data/hdf5_file.h"
#include "base/atomic_file.h"
#include "data/npz.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

namespace ptk::data {
namespace {

using testing_data::expect_error;
using testing_data::save;
using testing_data::ScratchTest;

const std::string siemens64 = PTK_SOURCE_DIR "/examples/data/siemens64.npz";
const std::string siemens_cxi = PTK_SOURCE_DIR "/examples/data/siemens.cxi";

config::Settings settings(const std::string& json = "{}")
{
    return config::Settings(config::library_schema(), config::Config::from_json(json));
}

class Readers : public ScratchTest {
protected:
    Log log;
    using Arrays = std::vector<std::pair<std::string, at::Tensor>>;

    /// A small valid scan: 6 frames of 8 x 8.
    static Arrays small()
    {
        at::manual_seed(1);
        return {{"diff3d", at::randint(0, 50, {6, 8, 8}, at::kInt)},
                {"xcoords", at::arange(6, at::kDouble) * 1.5 + 4},
                {"ycoords", at::arange(6, at::kDouble).square() + 4},
                {"probeGuess", at::ones({8, 8}, at::kComplexFloat)}};
    }
    std::string written(Arrays arrays, const std::string& name = "scan.npz")
    {
        write_npz(path(name), arrays);
        return path(name);
    }
    static void put(Arrays& arrays, const std::string& name, at::Tensor tensor)
    {
        for (auto& [key, value] : arrays)
            if (key == name)
                value = std::move(tensor);
    }
    static void drop(Arrays& arrays, const std::string& name)
    {
        std::erase_if(arrays, [&](const auto& entry) { return entry.first == name; });
    }
    void expect_refused(Arrays arrays, Status status, const std::string& part)
    {
        const auto file = written(std::move(arrays));
        expect_error(status, part, [&] { read_scan(file, settings(), log); });
        expect_error(status, "scan.npz", [&] { read_scan(file, settings(), log); });
    }
};

TEST_F(Readers, RealScanInNpz)
{
    const auto scan = read_scan(siemens64, settings(), log);
    EXPECT_EQ(scan.size(), 516);
    EXPECT_EQ(scan.side(), 64);
    EXPECT_EQ(scan.measurement, Measurement::Counts);
    EXPECT_EQ(scan.object.sizes(), at::IntArrayRef({246, 245}));
    EXPECT_NEAR(mean_power(scan) / scan.probe.abs().square().sum().item<double>(), 1, 1e-4);
    // x runs with the columns: xcoords is the first column of the positions.
    const auto x = Npz::open(siemens64).read("xcoords");
    EXPECT_TRUE(scan.positions.select(1, 0).equal(x));
}

TEST_F(Readers, CxiAgreesWithNpzInPositionsAndCounts)
{
    const auto large = read_scan(siemens_cxi, settings(), log);
    const auto small = read_scan(siemens64, settings(), log);
    ASSERT_EQ(large.size(), 516);
    ASSERT_EQ(large.side(), 128);
    // Pixels of the 64-frame are twice as large; the origins differ by a constant.
    const auto difference = large.positions - 2 * small.positions;
    EXPECT_LT((difference - difference[0]).abs().max().item<double>(), 1e-3);
    EXPECT_NEAR(*large.geometry.object_pixel_m, 28.178e-9, 1e-12);
    // The first patch begins at pixel 1.
    EXPECT_NEAR(std::get<0>(large.positions.min(0)).min().item<double>(), 65, 1e-9);
    const auto index = at::tensor({0L, 515L});
    const auto centre = large.frames->gather(index).slice(1, 32, 96).slice(2, 32, 96);
    EXPECT_TRUE(centre.equal(small.frames->gather(index)));
}

TEST_F(Readers, FramesOnDiskEqualFramesInMemory)
{
    const auto memory = read_scan(siemens_cxi, settings(), log);
    const auto disk = read_scan(siemens_cxi, settings(R"({"data.memory_mib": 1})"), log);
    ASSERT_TRUE(disk.frames->on_disk());
    ASSERT_FALSE(memory.frames->on_disk());
    const auto index = at::tensor({7L, 3L, 4L, 5L, 500L, 3L});
    EXPECT_TRUE(disk.frames->gather(index).equal(memory.frames->gather(index)));
    EXPECT_TRUE(disk.positions.equal(memory.positions));
}

TEST_F(Readers, EveryRealTypeAndLayoutGivesTheSameScan)
{
    const auto expected = read_scan(written(small()), settings(), log);
    const auto all = at::arange(6);
    for (const auto type : {at::kByte, at::kShort, at::kUInt16, at::kLong, at::kFloat, at::kDouble}) {
        auto arrays = small();
        put(arrays, "diff3d", arrays[0].second.to(type));
        const auto scan = read_scan(written(arrays), settings(), log);
        EXPECT_TRUE(scan.frames->gather(all).equal(expected.frames->gather(all))) << type;
        EXPECT_EQ(scan.measurement, Measurement::Counts) << type;
    }
    auto last = small();
    put(last, "diff3d", last[0].second.permute({1, 2, 0}).contiguous());
    EXPECT_TRUE(read_scan(written(last), settings(), log).frames->gather(all).equal(expected.frames->gather(all)));
}

TEST_F(Readers, StridedArraysAndSinglePixelsKeepTheirPlace)
{
    auto frames = at::zeros({4, 16, 16}, at::kFloat);
    frames[2][3][9] = 5;  // row 3, column 9
    const auto positions = at::tensor({1.0, 2.0, 3.5, 2.0, 6.0, 4.0, 8.0, 7.25}).view({4, 2});
    const auto strided = at::empty({4, 16, 32}, at::kFloat).slice(2, 0, 32, 2).copy_(frames);
    const auto scan = scan_from_arrays(strided, positions.t().contiguous().t(), {}, {}, settings(), log);
    EXPECT_EQ(scan.frames->gather(at::tensor({2L}))[0][3][9].item<float>(), 5);
    EXPECT_EQ(scan.frames->gather(at::tensor({2L})).sum().item<float>(), 5);
    EXPECT_EQ(scan.positions[3][1].item<double>(), 7.25);
    const auto corner = scan_from_arrays(frames, positions, {}, {}, settings(R"({"data.dc": "corner"})"), log);
    EXPECT_EQ(corner.frames->gather(at::tensor({2L}))[0][11][1].item<float>(), 5);
}

TEST_F(Readers, MeasurementIsStatedNeverGuessedSilently)
{
    auto arrays = small();
    put(arrays, "diff3d", arrays[0].second.to(at::kFloat) / 7);
    auto scan = read_scan(written(arrays), settings(), log);
    EXPECT_EQ(scan.measurement, Measurement::Amplitude);
    EXPECT_THAT(scan.notes.front(), testing::HasSubstr("amplitudes"));
    scan = read_scan(written(arrays), settings(R"({"data.measurement": "intensity"})"), log);
    EXPECT_EQ(scan.measurement, Measurement::Intensity);
}

TEST_F(Readers, BoundsKeepBothEnds)
{
    const auto scan = read_scan(written(small()), settings(R"({"data.x_bounds": [0, 0.4]})"), log);
    EXPECT_EQ(scan.size(), 3);
    EXPECT_EQ(scan.positions[2][0].item<double>(), 7);
}

TEST_F(Readers, MetresBecomePixels)
{
    auto arrays = small();
    put(arrays, "xcoords", arrays[1].second * 2e-8);
    put(arrays, "ycoords", arrays[2].second * 2e-8);
    const auto file = written(arrays);
    const auto scan = read_scan(file, settings(R"({"data.position_unit": "metre", "data.pixel_size_m": 2e-8})"), log);
    EXPECT_NEAR((scan.positions[4][0] - scan.positions[0][0]).item<double>(), 6, 1e-9);
    EXPECT_NEAR((scan.position_origin_m[0] + scan.positions[0][0] * 2e-8).item<double>(), 4 * 2e-8, 1e-15);
    expect_error(Status::InvalidConfig, "data.pixel_size_m", [&] { read_scan(file, settings(R"({"data.position_unit": "metre"})"), log); });
}

TEST_F(Readers, SurplusPositionsAreDroppedWithANote)
{
    auto arrays = small();
    put(arrays, "xcoords", at::arange(8, at::kDouble));
    put(arrays, "ycoords", at::arange(8, at::kDouble));
    const auto scan = read_scan(written(arrays), settings(), log);
    EXPECT_EQ(scan.positions.size(0), 6);
    EXPECT_THAT(scan.notes, testing::Contains(testing::HasSubstr("dropped")));
}

TEST_F(Readers, BadNumbersAreNamed)
{
    auto arrays = small();
    auto frames = arrays[0].second.to(at::kFloat);
    frames[4][0][0] = std::numeric_limits<float>::quiet_NaN();
    put(arrays, "diff3d", frames);
    expect_refused(arrays, Status::Format, "first in frame 4");
    frames[4][0][0] = std::numeric_limits<float>::infinity();
    expect_refused(arrays, Status::Format, "'diff3d' has NaN or infinite");
    frames[4][0][0] = -1;
    expect_refused(arrays, Status::Format, "negative values, first in frame 4");
    arrays = small();
    auto x = arrays[1].second.clone();
    x[2] = std::numeric_limits<double>::quiet_NaN();
    put(arrays, "xcoords", x);
    expect_refused(arrays, Status::Format, "position of frame 2");
    put(arrays, "xcoords", at::full({6}, 3.0, at::kDouble));
    put(arrays, "ycoords", at::full({6}, 3.0, at::kDouble));
    expect_refused(arrays, Status::Format, "all 6 positions are equal");
}

TEST_F(Readers, SizesThatDisagreeAreNamed)
{
    auto arrays = small();
    put(arrays, "xcoords", at::arange(5, at::kDouble));
    expect_refused(arrays, Status::Shape, "5 x positions but 6 y positions");
    put(arrays, "ycoords", at::arange(5, at::kDouble));
    expect_refused(arrays, Status::Shape, "5 positions for 6 frames");
    arrays = small();
    put(arrays, "probeGuess", at::ones({4, 4}, at::kComplexFloat));
    expect_refused(arrays, Status::Shape, "the frames are 8 x 8");
    put(arrays, "probeGuess", at::ones({2, 2, 8, 8}, at::kComplexFloat));
    expect_refused(arrays, Status::Shape, "(2, 2, 8, 8)");
    put(arrays, "probeGuess", at::ones({8, 8}, at::kFloat));
    expect_refused(arrays, Status::Format, "expected complex");
    arrays = small();
    put(arrays, "diff3d", at::ones({6, 8, 10}, at::kInt));
    expect_refused(arrays, Status::Shape, "expected square");
    put(arrays, "diff3d", at::ones({8, 8}, at::kInt));
    expect_refused(arrays, Status::Shape, "(8, 8)");
    put(arrays, "diff3d", at::ones({6, 8, 8}, at::kComplexFloat));
    expect_refused(arrays, Status::Format, "is complex");
}

TEST_F(Readers, MissingKeysAndWrongKindsOfFile)
{
    for (const auto* key : {"diff3d", "xcoords", "ycoords"}) {
        auto arrays = small();
        drop(arrays, key);
        expect_refused(arrays, Status::NotFound, key);
    }
    expect_error(Status::Io, "missing.npz: no such file", [&] { read_scan("missing.npz", settings(), log); });
    expect_error(Status::Io, "not a file", [&] { read_scan(folder.string(), settings(), log); });
    save(path("text.npz"), "xcoords = 3\n");
    expect_error(Status::Format, "neither an NPZ archive nor an HDF5 file", [&] { read_scan(path("text.npz"), settings(), log); });
    save(path("empty.npz"), "");
    expect_error(Status::Format, "neither", [&] { read_scan(path("empty.npz"), settings(), log); });
    auto file = Hdf5File::create(path("other.h5"));
    file.write("something", at::ones({3}));
    file.close();
    expect_error(Status::NotFound, "entry_1", [&] { read_scan(path("other.h5"), settings(), log); });
}

TEST_F(Readers, TruncatedCxiIsAnErrorWithItsName)
{
    auto file = Hdf5File::create(path("whole.h5"));
    file.write("entry_1/data_1/data", at::randint(0, 9, {6, 8, 8}, at::kInt));
    file.write("entry_1/data_1/translation", at::rand({6, 3}, at::kDouble) * 1e-6);
    file.close();
    const auto whole = base::read_text(path("whole.h5"));
    const auto options = settings(R"({"data.pixel_size_m": 1e-8})");
    EXPECT_EQ(read_scan(path("whole.h5"), options, log).size(), 6);
    for (std::size_t cut = 0; cut < whole.size(); cut += 97) {
        save(path("cut.h5"), whole.substr(0, cut));
        expect_error(Status::Format, "cut.h5", [&] { read_scan(path("cut.h5"), options, log); });
    }
}

TEST_F(Readers, DescriptionNamesArraysUnitsAndSuggestions)
{
    auto arrays = small();
    drop(arrays, "probeGuess");
    const auto described = nlohmann::json::parse(describe_file(written(arrays), settings(), log));
    EXPECT_EQ(described["scan"]["frames"], 6);
    EXPECT_EQ(described["scan"]["measurement"], "counts");
    EXPECT_THAT(described["suggestions"].dump(), testing::HasSubstr("no probe guess"));
    EXPECT_EQ(described["arrays"].size(), 3);
}

TEST_F(Readers, ObjectsComeFromEveryFormat)
{
    const auto object = at::randn({5, 7}, at::kComplexFloat);
    write_npz(path("a.npz"), {{"anything", object}, {"real", at::ones({5, 7})}});
    EXPECT_TRUE(read_object(path("a.npz")).equal(object));
    auto file = Hdf5File::create(path("a.h5"));
    file.write("object", object);
    file.close();
    EXPECT_TRUE(read_object(path("a.h5")).equal(object));
    write_npz(path("b.npz"), {{"real", at::ones({5, 7})}});
    expect_error(Status::NotFound, "b.npz", [&] { read_object(path("b.npz")); });
}

}  // namespace
}  // namespace ptk::data
