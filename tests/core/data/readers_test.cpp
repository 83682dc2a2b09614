#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "data/raw_scan.h"
#include "data/readers.h"
#include "paths.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace ptk::data {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing_data::expect_error;
using testing_data::settings;

const std::string examples = std::string(PTK_SOURCE_DIR) + "/examples/data/";
const double nan = std::numeric_limits<double>::quiet_NaN();

using Arrays = std::map<std::string, at::Tensor>;

/// Six frames of 4 x 4 whole numbers on a grid of three columns and two rows.
Arrays small_scan()
{
    const auto index = at::arange(6, at::kDouble);
    return {{"diff3d", at::arange(96).reshape({6, 4, 4}).to(at::kInt)},
            {"xcoords", index.remainder(3) + 2},
            {"ycoords", at::floor(index / 3) * 3 + 2},
            {"probeGuess", at::complex(at::ones({4, 4}), at::zeros({4, 4}))}};
}

/// Distinct numbers, one row for each frame.
at::Tensor spread(std::int64_t rows, std::int64_t columns)
{
    return at::arange(rows * columns, at::kDouble).reshape({rows, columns});
}

class ReadersTest : public testing_data::ScratchTest {
protected:
    Log log;

    std::string npz(const Arrays& arrays, const std::string& name = "scan.npz") const
    {
        write_npz(path(name), {arrays.begin(), arrays.end()});
        return path(name);
    }

    /// The same arrays in CXI layout; positions times @p pixel_m.
    std::string cxi(const Arrays& arrays, const std::string& entry = "entry_1", double pixel_m = 2e-8) const
    {
        auto file = Hdf5File::create(path("scan.cxi"));
        file.write_string("/entry_0/title", "an entry without frames");
        const auto detector = "/" + entry + "/instrument_1/detector_1";
        file.write(detector + "/data", arrays.at("diff3d"), true);
        file.link(detector + "/data", "/" + entry + "/data_1/data");
        file.write(detector + "/distance", at::full({}, 2.0, at::kDouble));
        file.write(detector + "/x_pixel_size", at::full({}, 5e-5, at::kDouble));
        file.write(detector + "/y_pixel_size", at::full({1}, 5e-5, at::kDouble));
        // wavelength * distance / (N * pixel) = pixel_m
        const double side = static_cast<double>(arrays.at("diff3d").size(-1));
        file.write("/" + entry + "/instrument_1/source_1/energy",
                   at::full({}, 6.62607015e-34 * 299792458.0 * 2.0 / (side * 5e-5 * pixel_m), at::kDouble));
        const auto& x = arrays.at("xcoords");
        file.write("/" + entry + "/sample_1/geometry_1/translation",
                   at::stack({x * pixel_m, arrays.at("ycoords") * pixel_m, at::zeros_like(x)}, 1));
        if (arrays.contains("probeGuess"))
            file.write("/" + entry + "/instrument_1/source_1/illumination", arrays.at("probeGuess"));
        file.close();
        return path("scan.cxi");
    }

    Scan read(const std::string& file, const std::string& json = "{}") { return read_scan(file, settings(json), log); }

    at::Tensor all_frames(const Scan& scan) { return scan.frames->gather(at::arange(scan.size())); }

    /// Reads the small scan with some arrays replaced; an undefined tensor removes one.
    Scan read_with(const Arrays& changes, const std::string& json = "{}")
    {
        auto arrays = small_scan();
        for (const auto& [name, tensor] : changes) {
            if (tensor.defined())
                arrays.insert_or_assign(name, tensor);
            else
                arrays.erase(name);
        }
        return read(npz(arrays), json);
    }
};

TEST_F(ReadersTest, TheRealNpzIsReadAsItStands)
{
    const auto scan = read(examples + "siemens64.npz");
    const auto archive = Npz::open(examples + "siemens64.npz");
    EXPECT_EQ(scan.size(), 516);
    EXPECT_EQ(scan.side(), 64);
    EXPECT_EQ(scan.measurement, Measurement::Counts);
    EXPECT_TRUE(scan.positions.select(1, 0).equal(archive.read("xcoords")));
    EXPECT_TRUE(scan.positions.select(1, 1).equal(archive.read("ycoords")));
    EXPECT_TRUE(scan.probe[0].equal(archive.read("probeGuess")));
    EXPECT_EQ(scan.object.sizes(), (std::vector<std::int64_t>{246, 245}));
    EXPECT_FALSE(scan.position_origin_m.defined());
    EXPECT_TRUE(all_frames(scan).equal(archive.read("diff3d").to(at::kFloat)));
    EXPECT_NEAR(mean_power(scan), 440557.118217, 1e-3); // computed with NumPy
    EXPECT_THAT(scan.notes, Contains(HasSubstr("the file says that 'diff3d' holds counts")));
}

TEST_F(ReadersTest, CxiAndNpzOfOneMeasurementAgree)
{
    const auto large = read(examples + "siemens.cxi");
    const auto small = read(examples + "siemens64.npz");
    ASSERT_EQ(large.size(), small.size());
    EXPECT_EQ(large.side(), 128);
    EXPECT_EQ(large.measurement, Measurement::Counts);
    // The pixel of the 128 frames is half as large; the file's own pixel is rounded at 3.5e-9 of itself.
    const auto from_corner = [](const at::Tensor& positions) { return positions - positions.amin(0); };
    EXPECT_LT((from_corner(large.positions) - 2 * from_corner(small.positions)).abs().max().item<double>(), 1e-5);
    EXPECT_TRUE(all_frames(large).slice(1, 32, 96).slice(2, 32, 96).equal(all_frames(small)));
    EXPECT_NEAR(*large.geometry.object_pixel_m, 2.8178227e-8, 1e-15);
}

TEST_F(ReadersTest, MetresBecomePixelsOfPatchesThatBeginAtOne)
{
    const auto scan = read(examples + "siemens.cxi");
    EXPECT_NEAR(scan.positions.min().item<double>(), 1 + 64, 1e-9);
    const auto translation = Hdf5File::open(examples + "siemens.cxi").read("entry_1/data_1/translation").slice(1, 0, 2);
    const auto metres = scan.position_origin_m + scan.positions * *scan.geometry.object_pixel_m;
    EXPECT_LT((metres - translation).abs().max().item<double>(), 1e-18); // rounding of numbers of 1e-5
    const auto coarse = read(examples + "siemens.cxi", R"({"data.pixel_size_m": 1e-7})");
    EXPECT_LT((coarse.positions.amax(0) - coarse.positions.amin(0) - (translation.amax(0) - translation.amin(0)) / 1e-7)
                  .abs()
                  .max()
                  .item<double>(),
              1e-9);
}

TEST_F(ReadersTest, ASinglePixelKeepsItsRowAndColumn)
{
    auto arrays = small_scan();
    arrays["diff3d"] = at::zeros({6, 4, 4}, at::kInt);
    arrays["diff3d"][4][1][3] = 7; // frame at x = 3, y = 5
    auto last = arrays;
    last["diff3d"] = arrays["diff3d"].permute({1, 2, 0}).contiguous();
    const auto positions = at::stack({arrays["xcoords"], arrays["ycoords"]}, 1);
    const auto check = [&](const Scan& scan, double offset, const std::string& what) {
        const auto frames = all_frames(scan);
        EXPECT_EQ(frames[4][1][3].item<float>(), 7) << what;
        EXPECT_EQ(frames.sum().item<float>(), 7) << what;
        EXPECT_NEAR(scan.positions[4][0].item<double>(), 3 + offset, 1e-9) << what;
        EXPECT_NEAR(scan.positions[4][1].item<double>(), 5 + offset, 1e-9) << what;
    };
    check(read(npz(arrays)), 0, "npz");
    check(read(npz(last)), 0, "npz, frames last");
    check(read(cxi(arrays)), 1, "cxi"); // patches begin at pixel 1: 2 becomes 3
    check(scan_from_arrays(arrays["diff3d"], positions, arrays["probeGuess"], {}, settings(), log), 0, "arrays");
}

TEST_F(ReadersTest, EveryNumberTypeGivesTheSameScan)
{
    const auto expected = small_scan()["diff3d"].to(at::kFloat);
    for (const auto type :
         {at::kByte, at::kChar, at::kUInt16, at::kShort, at::kInt, at::kLong, at::kFloat, at::kDouble}) {
        auto arrays = small_scan();
        arrays["diff3d"] = arrays["diff3d"].to(type);
        for (const auto& file : {npz(arrays), cxi(arrays)}) {
            const auto scan = read(file);
            EXPECT_TRUE(all_frames(scan).equal(expected)) << file << " " << c10::toString(type);
            EXPECT_EQ(scan.measurement, Measurement::Counts) << file << " " << c10::toString(type);
        }
    }
}

TEST_F(ReadersTest, ArraysOfAnyStrideAreCopied)
{
    const auto arrays = small_scan();
    auto frames = arrays.at("diff3d").permute({2, 1, 0}).contiguous().permute({2, 1, 0}); // Fortran order
    auto positions = at::stack({arrays.at("xcoords"), arrays.at("ycoords")}, 0).t();
    const auto wide = at::zeros({6, 8, 8}, at::kInt);
    wide.slice(1, 0, 8, 2).slice(2, 0, 8, 2).copy_(arrays.at("diff3d"));
    const auto every_second = wide.slice(1, 0, 8, 2).slice(2, 0, 8, 2);
    for (auto strided : {frames, every_second}) {
        ASSERT_FALSE(strided.is_contiguous());
        const auto scan = scan_from_arrays(strided, positions, arrays.at("probeGuess").t(), {}, settings(), log);
        EXPECT_TRUE(all_frames(scan).equal(arrays.at("diff3d").to(at::kFloat)));
        EXPECT_TRUE(scan.positions.select(1, 1).equal(arrays.at("ycoords")));
        strided.fill_(-1); // the caller's memory is free again
        positions.select(1, 0).fill_(nan);
        EXPECT_TRUE(all_frames(scan).equal(arrays.at("diff3d").to(at::kFloat)));
        EXPECT_TRUE(scan.positions.isfinite().all().item<bool>());
        positions = at::stack({arrays.at("xcoords"), arrays.at("ycoords")}, 0).t();
    }
}

TEST_F(ReadersTest, LayoutIsFoundByShapeThenByPositions)
{
    const auto sizes = [&](std::vector<std::int64_t> shape, std::int64_t positions, const std::string& layout) {
        const auto x = at::arange(positions, at::kDouble);
        const auto scan =
            read_with({{"diff3d", at::ones(shape, at::kInt)}, {"xcoords", x}, {"ycoords", x}, {"probeGuess", {}}},
                      R"({"data.layout": ")" + layout + "\"}");
        return std::pair(scan.size(), scan.side());
    };
    using Sizes = std::pair<std::int64_t, std::int64_t>;
    EXPECT_EQ(sizes({9, 4, 4}, 9, "auto"), Sizes(9, 4));
    EXPECT_EQ(sizes({4, 4, 9}, 9, "auto"), Sizes(9, 4));
    EXPECT_EQ(sizes({4, 4, 9}, 12, "auto"), Sizes(9, 4)); // surplus positions
    EXPECT_EQ(sizes({2, 4, 4}, 4, "auto"), Sizes(2, 4));  // only the first reading has square frames
    EXPECT_EQ(sizes({6, 6, 6}, 6, "auto"), Sizes(6, 6));
    EXPECT_EQ(sizes({6, 6, 6}, 6, "hwn"), Sizes(6, 6));
    expect_error(Status::Shape, "frames of 4 x 9", [&] { sizes({4, 4, 9}, 9, "nhw"); });
    auto cube = small_scan();
    cube["diff3d"] = at::arange(64).reshape({4, 4, 4});
    cube["xcoords"] = cube["ycoords"] = at::arange(4, at::kDouble);
    const auto first = all_frames(read(npz(cube)));
    const auto last = all_frames(read(npz(cube), R"({"data.layout": "hwn"})"));
    EXPECT_TRUE(last.equal(first.permute({2, 0, 1})));
}

TEST_F(ReadersTest, MeasurementIsStatedOrDecidedByARule)
{
    const auto whole = at::ones({6, 4, 4});
    const auto fractions = whole * 0.25;
    const auto measured = [&](const at::Tensor& frames, const std::string& json = "{}") {
        return read_with({{"diff3d", frames}}, json);
    };
    EXPECT_EQ(measured(whole).measurement, Measurement::Counts);
    EXPECT_EQ(measured(fractions).measurement, Measurement::Amplitude);
    EXPECT_THAT(measured(fractions).notes,
                Contains(HasSubstr("taken as amplitudes, because its values have fractions; set data.measurement")));
    EXPECT_EQ(measured(fractions, R"({"data.measurement": "intensity"})").measurement, Measurement::Intensity);
    EXPECT_EQ(measured(whole, R"({"data.measurement": "amplitude"})").measurement, Measurement::Amplitude);
    auto one = whole.clone();
    one[5][3][3] = 0.5;
    EXPECT_EQ(measured(one).measurement, Measurement::Amplitude) << "one fraction in the last pixel is enough";
}

TEST(MeasurementText, RootsOfCountsAreAmplitudes)
{
    EXPECT_EQ(measurement_in_text("photon counts"), Measurement::Counts);
    EXPECT_EQ(measurement_in_text("Counts per pixel"), Measurement::Counts);
    EXPECT_EQ(measurement_in_text("sqrt(counts)"), Measurement::Amplitude);
    EXPECT_EQ(measurement_in_text("square root of photon counts"), Measurement::Amplitude);
    EXPECT_EQ(measurement_in_text("normalised amplitude"), Measurement::Amplitude);
    EXPECT_EQ(measurement_in_text("intensities, arbitrary units"), Measurement::Intensity);
    EXPECT_EQ(measurement_in_text("V"), std::nullopt);
}

TEST_F(ReadersTest, UnitsInACxiFileAreBelieved)
{
    auto arrays = small_scan();
    arrays["diff3d"] = arrays["diff3d"].to(at::kFloat);
    const auto file = cxi(arrays);
    ASSERT_EQ(read(file).measurement, Measurement::Counts);
    auto again = Hdf5File::create(path("units.cxi"));
    again.write("entry_1/data_1/data", arrays["diff3d"]);
    again.set_attribute("entry_1/data_1/data", "units", "amplitude");
    again.write("entry_1/data_1/translation", at::stack({arrays["xcoords"], arrays["ycoords"]}, 1));
    again.close();
    EXPECT_EQ(read(path("units.cxi"), R"({"data.position_unit": "pixel"})").measurement, Measurement::Amplitude);
}

TEST_F(ReadersTest, ZeroFrequencyMovesFromTheCornerToTheCentre)
{
    for (const std::int64_t side : {4, 5}) {
        auto arrays = small_scan();
        arrays["diff3d"] = at::zeros({6, side, side}, at::kUInt16);
        arrays["diff3d"].select(1, 0).select(1, 0).fill_(3);
        arrays["probeGuess"] = at::complex(at::ones({side, side}), at::zeros({side, side}));
        for (const auto& file : {npz(arrays), cxi(arrays)}) {
            const auto moved = all_frames(read(file, R"({"data.dc": "corner"})"));
            EXPECT_EQ(moved.select(1, side / 2).select(1, side / 2).sum().item<float>(), 18) << file;
            EXPECT_EQ(moved.sum().item<float>(), 18);
            EXPECT_EQ(all_frames(read(file))[0][0][0].item<float>(), 3) << "as it stands unless told otherwise";
        }
    }
}

TEST_F(ReadersTest, BoundsKeepFramesWithTheirPositions)
{
    const auto scan = read_with({}, R"({"data.x_bounds": [0.4, 1], "data.y_bounds": [0.5, 1]})");
    ASSERT_EQ(scan.size(), 2);
    EXPECT_TRUE(scan.positions.equal(at::tensor({3.0, 5.0, 4.0, 5.0}, at::kDouble).reshape({2, 2})));
    EXPECT_TRUE(all_frames(scan).equal(small_scan()["diff3d"].slice(0, 4, 6).to(at::kFloat)));
    EXPECT_THAT(scan.notes, Contains(HasSubstr("2 of 6 frames lie inside the bounds")));
    expect_error(Status::Shape, "no scan point lies inside data.x_bounds [0.6, 0.9]",
                 [&] { read_with({}, R"({"data.x_bounds": [0.6, 0.9]})"); });
}

TEST_F(ReadersTest, SubsampleKeepsRandomFramesInTheirOrder)
{
    const auto whole = read_with({}, "{}");
    std::set<std::vector<double>> seen;
    for (int seed = 0; seed < 12; ++seed) {
        const auto options = R"({"data.subsample": 3, "seed": )" + std::to_string(seed) + "}";
        const auto scan = read_with({}, options), again = read_with({}, options);
        ASSERT_EQ(scan.size(), 3);
        EXPECT_TRUE(scan.positions.equal(again.positions));
        std::int64_t from = 0; // each frame is one of the file, with its position, in the file's order
        for (std::int64_t i = 0; i < 3; ++i, ++from) {
            while (from < 6 && !whole.positions[from].equal(scan.positions[i]))
                ++from;
            ASSERT_LT(from, 6);
            EXPECT_TRUE(all_frames(scan)[i].equal(all_frames(whole)[from]));
        }
        const auto x = scan.positions.reshape(-1).contiguous();
        seen.insert({x.const_data_ptr<double>(), x.const_data_ptr<double>() + x.numel()});
        EXPECT_THAT(scan.notes, Contains(HasSubstr("3 of 6 frames drawn at random")));
    }
    EXPECT_GT(seen.size(), 4u) << "of 20 choices";
    EXPECT_EQ(read_with({}, R"({"data.subsample": 60})").size(), 6);
    EXPECT_EQ(read_with({}, R"({"data.subsample": 60, "data.y_bounds": [0.5, 1], "data.x_bounds": [0.4, 1]})").size(),
              2);
}

TEST_F(ReadersTest, SurplusPositionsAreDroppedWithANote)
{
    const auto scan = read_with({{"xcoords", at::arange(8, at::kDouble)}, {"ycoords", at::arange(8, at::kInt)}});
    EXPECT_EQ(scan.positions.size(0), 6);
    EXPECT_EQ(scan.positions[5][0].item<double>(), 5);
    EXPECT_THAT(scan.notes, Contains(HasSubstr("8 positions for 6 frames: the last 2")));
    auto late = at::arange(8, at::kDouble);
    late[7] = nan;
    EXPECT_NO_THROW(read_with({{"xcoords", late}, {"ycoords", late}})) << "a position that is dropped may be anything";
}

TEST_F(ReadersTest, ProbesOfEveryRankBecomeModes)
{
    const auto probe = at::complex(at::arange(16, at::kDouble).reshape({4, 4}), at::ones({4, 4}, at::kDouble));
    EXPECT_TRUE(read_with({{"probeGuess", probe}}).probe.equal(probe.unsqueeze(0).to(at::kComplexFloat)));
    EXPECT_TRUE(read_with({{"probeGuess", probe.unsqueeze(2)}}).probe.equal(probe.unsqueeze(0).to(at::kComplexFloat)));
    EXPECT_EQ(read_with({{"probeGuess", at::stack({probe, probe, probe})}}).probe.size(0), 3);
    EXPECT_FALSE(read_with({{"probeGuess", {}}}).probe.defined());
}

TEST_F(ReadersTest, DiffractionComesBeforeDiff3d)
{
    EXPECT_EQ(all_frames(read_with({{"diffraction", at::full({6, 4, 4}, 9, at::kInt)}}))[0][0][0].item<float>(), 9);
}

TEST_F(ReadersTest, PythonObjectsThatAreNotNeededAreLeftOut)
{
    // Made by numpy.savez(..., objectGuess=None, _metadata=numpy.array({...}, dtype=object)).
    const auto scan = read(std::string(PTK_TEST_DATA) + "/data/objects.npz");
    EXPECT_EQ(scan.size(), 6);
    EXPECT_FALSE(scan.object.defined());
    EXPECT_THAT(scan.notes, Contains(HasSubstr("'objectGuess' is a Python object")));
    EXPECT_THAT(scan.notes, Contains(HasSubstr("'_metadata' is a Python object")));
}

TEST_F(ReadersTest, EveryDefectOfAnNpzIsNamed)
{
    const auto file = path("scan.npz");
    const auto check = [&](Status status, const std::string& part, const Arrays& changes,
                           const std::string& json = "{}") {
        expect_error(status, part, [&] { read_with(changes, json); });
        expect_error(status, file + ": ", [&] { read(file, json); });
    };
    const auto frames = small_scan()["diff3d"].to(at::kFloat);
    const auto spoiled = [&](double value) {
        auto copy = frames.clone();
        copy[4][2][1] = value;
        return copy;
    };
    auto holes = small_scan()["xcoords"];
    holes[3] = nan;
    const auto complex = [](std::vector<std::int64_t> shape) { return at::ones(shape, at::kComplexFloat); };
    check(Status::NotFound, "no frames ('diffraction' or 'diff3d'), only 'probeGuess', 'xcoords', 'ycoords'",
          {{"diff3d", {}}});
    check(Status::NotFound, "no array 'xcoords'", {{"xcoords", {}}});
    check(Status::NotFound, "no array 'ycoords'", {{"ycoords", {}}});
    check(Status::Shape, "'diff3d' has shape (16, 6)", {{"diff3d", frames.reshape({16, 6})}});
    check(Status::Shape, "'diff3d' has frames of 4 x 5", {{"diff3d", at::ones({6, 4, 5})}});
    check(Status::Shape, "'diff3d' has frames of 1 x 1", {{"diff3d", at::ones({6, 1, 1})}});
    check(Status::Shape, "'diff3d' has no frames", {{"diff3d", at::ones({0, 4, 4})}});
    check(Status::Format, "'diff3d' is complex", {{"diff3d", complex({6, 4, 4})}});
    check(Status::Format, "'diff3d' has NaN or infinite values, first in frame 4", {{"diff3d", spoiled(nan)}});
    check(Status::Format, "'diff3d' has NaN or infinite values, first in frame 4", {{"diff3d", spoiled(INFINITY)}});
    check(Status::Format, "'diff3d' has negative values, first in frame 4", {{"diff3d", spoiled(-1)}});
    check(Status::Format, "'diff3d' has negative values, first in frame 4", {{"diff3d", spoiled(-1).to(at::kShort)}});
    check(Status::Shape, "5 positions in 'xcoords' for 6 frames in 'diff3d'",
          {{"xcoords", at::arange(5)}, {"ycoords", at::arange(5)}});
    check(Status::Shape, "6 positions in 'xcoords', but 7 in 'ycoords'", {{"ycoords", at::arange(7)}});
    check(Status::Shape, "'xcoords' has shape (3, 2)", {{"xcoords", holes.reshape({3, 2})}});
    check(Status::Shape, "'ycoords' has shape ()", {{"ycoords", at::full({}, 3.0)}});
    check(Status::Format, "'ycoords' is complex", {{"ycoords", complex({6})}});
    check(Status::Format, "'xcoords' has a number that is not finite, first for frame 3", {{"xcoords", holes}});
    check(Status::Format, "all 6 positions are equal (1, 1)", {{"xcoords", at::ones({6})}, {"ycoords", at::ones({6})}});
    check(Status::Shape, "'probeGuess' has shape (8, 8), but the frames are 4 x 4", {{"probeGuess", complex({8, 8})}});
    check(Status::Shape, "'probeGuess' has shape (1, 1, 4, 4)", {{"probeGuess", complex({1, 1, 4, 4})}});
    check(Status::Format, "'probeGuess' has type Float", {{"probeGuess", at::ones({4, 4})}});
    check(Status::Format, "the probe is zero", {{"probeGuess", complex({4, 4}) * 0}});
    check(Status::Format, "'probe' has numbers that are not finite", {{"probeGuess", complex({4, 4}) * nan}});
    check(Status::Shape, "'objectGuess' has shape (2, 9, 9)", {{"objectGuess", complex({2, 9, 9})}});
    check(Status::InvalidConfig, "give data.pixel_size_m", {}, R"({"data.position_unit": "metre"})");
}

TEST_F(ReadersTest, EveryDefectOfACxiFileIsNamed)
{
    const auto check = [&](Status status, const std::string& part, const std::function<void(Hdf5File&)>& fill,
                           const std::string& json = "{}") {
        auto file = Hdf5File::create(path("bad.cxi"));
        fill(file);
        file.close();
        expect_error(status, part, [&] { read(path("bad.cxi"), json); });
        expect_error(status, path("bad.cxi") + ": ", [&] { read(path("bad.cxi"), json); });
    };
    const auto frames = small_scan()["diff3d"];
    const auto translation = spread(6, 3);
    check(Status::NotFound, "no 'entry_1' group", [&](Hdf5File& f) { f.write("data", frames); });
    check(Status::NotFound, "no frames ('/entry_1/data_1/data'",
          [&](Hdf5File& f) { f.write("entry_1/title", frames); });
    check(Status::NotFound, "no positions ('/entry_1/data_1/translation'",
          [&](Hdf5File& f) { f.write("entry_1/data_1/data", frames); });
    check(Status::Shape, "'/entry_1/data_1/translation' has shape (6,)", [&](Hdf5File& f) {
        f.write("entry_1/data_1/data", frames);
        f.write("entry_1/data_1/translation", at::arange(6.0));
    });
    check(Status::InvalidConfig, "give data.pixel_size_m", [&](Hdf5File& f) {
        f.write("entry_1/data_1/data", frames);
        f.write("entry_1/data_1/translation", translation);
    });
    check(Status::Format, "'/entry_1/data_1/data' has type complex64", [&](Hdf5File& f) {
        f.write("entry_1/data_1/data", at::ones({6, 4, 4}, at::kComplexFloat));
        f.write("entry_1/data_1/translation", translation);
    });
    check(Status::Unsupported, "detector pixels of 1e-05 x 2e-05 m", [&](Hdf5File& f) {
        f.write("entry_1/data_1/data", frames);
        f.write("entry_1/instrument_1/detector_1/x_pixel_size", at::full({}, 1e-5, at::kDouble));
        f.write("entry_1/instrument_1/detector_1/y_pixel_size", at::full({}, 2e-5, at::kDouble));
    });
    check(Status::Format, "this is a model bundle of PtychoKit, not a scan",
          [&](Hdf5File& f) { f.set_attribute("/", "ptychokit_kind", "model bundle"); });
    const auto large = [](Hdf5File& f, const at::Tensor& stack) {
        f.write("entry_1/data_1/data", stack, true);
        f.write("entry_1/data_1/translation", spread(stack.size(0), 2));
    };
    const std::string on_disk = R"({"data.memory_mib": 1, "data.position_unit": "pixel"})";
    check(
        Status::Shape, "has frames of 128 x 256, expected square ones",
        [&](Hdf5File& f) {
            large(f, at::zeros({20, 128, 256}));
        },
        on_disk);
    check(
        Status::Unsupported, "frames along the first axis",
        [&](Hdf5File& f) {
            large(f, at::zeros({256, 256, 20}));
        },
        R"({"data.memory_mib": 1, "data.layout": "hwn"})");
}

TEST_F(ReadersTest, FramesOnDiskAreCheckedWhenTheyAreRead)
{
    auto stack = at::zeros({20, 256, 256});
    stack[17][200][3] = nan; // the first 16 are looked at when the file is opened
    stack[19][0][0] = -1;
    auto file = Hdf5File::create(path("scan.cxi"));
    file.write("entry_1/data_1/data", stack, true);
    file.write("entry_1/data_1/translation", spread(20, 2));
    file.close();
    const auto scan = read(path("scan.cxi"), R"({"data.memory_mib": 1, "data.position_unit": "pixel"})");
    ASSERT_TRUE(scan.frames->on_disk());
    const auto one = [](std::int64_t index) { return at::tensor(std::vector<std::int64_t>{index}); };
    EXPECT_EQ(scan.frames->gather(one(18)).abs().max().item<float>(), 0);
    expect_error(Status::Format, path("scan.cxi") + ": '/entry_1/data_1/data' has NaN",
                 [&] { scan.frames->gather(one(17)); });
    expect_error(Status::Format, "negative values in frames 19 to 19", [&] { scan.frames->gather(one(19)); });
}

TEST_F(ReadersTest, TheFirstEntryWithFramesIsRead)
{
    const auto scan = read(cxi(small_scan(), "entry_2"));
    EXPECT_EQ(scan.size(), 6);
    EXPECT_EQ(scan.probe.size(0), 1);
    EXPECT_NEAR(*scan.geometry.object_pixel_m, 2e-8, 1e-20);
    EXPECT_NEAR(scan.positions[0][0].item<double>(), 3, 1e-9);
}

TEST_F(ReadersTest, MaskOfACxiFileMarksBadPixels)
{
    const auto with_mask = [&](const at::Tensor& mask) {
        auto file = Hdf5File::create(path("mask.cxi"));
        file.write("entry_1/data_1/data", small_scan()["diff3d"] + 1);
        file.write("entry_1/data_1/translation", spread(6, 2));
        file.write("entry_1/instrument_1/detector_1/mask", mask);
        file.close();
        return read(path("mask.cxi"), R"({"data.position_unit": "pixel"})");
    };
    auto mask = at::zeros({4, 4}, at::kInt);
    EXPECT_FALSE(with_mask(mask).bad_pixels.defined());
    mask[1][2] = 8;       // dead
    mask[3][0] = 0x10000; // has signal, which is no defect
    const auto scan = with_mask(mask);
    ASSERT_TRUE(scan.bad_pixels.defined());
    EXPECT_EQ(scan.bad_pixels.sum().item<std::int64_t>(), 1);
    EXPECT_TRUE(scan.bad_pixels[1][2].item<bool>());
    EXPECT_EQ(all_frames(scan).select(1, 1).select(1, 2).abs().max().item<double>(), 0);
    EXPECT_THAT(with_mask(at::zeros({6, 4, 4}, at::kInt)).notes,
                Contains(HasSubstr("detector_1/mask' has shape (6, 4, 4) and is not used")));
    expect_error(Status::Shape, "bad pixels have shape (3, 4), but the frames are 4 x 4", [&] {
        with_mask(at::ones({3, 4}, at::kInt));
    });
}

TEST_F(ReadersTest, WideUnsignedArraysAreRead)
{
    const auto arrays = small_scan();
    const auto positions = at::stack({arrays.at("xcoords"), arrays.at("ycoords")}, 1);
    for (const auto type : {at::kUInt32, at::kUInt64}) {
        const auto scan = scan_from_arrays(arrays.at("diff3d").to(type), positions, {}, {}, settings(), log);
        EXPECT_TRUE(all_frames(scan).equal(arrays.at("diff3d").to(at::kFloat))) << c10::toString(type);
    }
}

TEST_F(ReadersTest, ArraysOfDifferentLengthsAreRefused)
{
    const auto arrays = small_scan();
    const auto positions = at::stack({arrays.at("xcoords"), arrays.at("ycoords")}, 1);
    const auto read_arrays = [&](const at::Tensor& frames, const at::Tensor& points, const at::Tensor& probe) {
        scan_from_arrays(frames, points, probe, {}, settings(), log);
    };
    expect_error(Status::Shape, "arrays: 3 positions",
                 [&] { read_arrays(arrays.at("diff3d"), positions.slice(0, 0, 3), {}); });
    expect_error(Status::Shape, "patterns: expected shape (n, N, N), found (16, 6)", [&] {
        read_arrays(arrays.at("diff3d").reshape({16, 6}), positions, {});
    });
    expect_error(Status::Shape, "but the frames are 4 x 4", [&] {
        read_arrays(arrays.at("diff3d"), positions, at::ones({3, 3}, at::kComplexFloat));
    });
    expect_error(Status::Shape, "but the frames are 4 x 4",
                 [&] { read_arrays(arrays.at("diff3d"), positions, at::ones({4}, at::kComplexFloat)); });
}

TEST_F(ReadersTest, ArraysInMetresNeedAPixel)
{
    const auto arrays = small_scan();
    const auto metres = at::stack({arrays.at("xcoords"), arrays.at("ycoords")}, 1) * 1e-9;
    const auto scan = scan_from_arrays(arrays.at("diff3d"), metres, {}, {},
                                       settings(R"({"data.position_unit": "metre", "data.pixel_size_m": 5e-10})"), log);
    EXPECT_NEAR(scan.positions[4][0].item<double>(), 3 + 2, 1e-9);
    EXPECT_NEAR(scan.positions[4][1].item<double>(), 3 + 6, 1e-9);
    EXPECT_NEAR(scan.position_origin_m[0].item<double>(), 2e-9 - 3 * 5e-10, 1e-20);
    expect_error(Status::Shape, "(n, 2), found (2, 6)",
                 [&] { scan_from_arrays(arrays.at("diff3d"), metres.t(), {}, {}, settings(), log); });
    expect_error(Status::InvalidArgument, "frames and positions",
                 [&] { scan_from_arrays({}, metres, {}, {}, settings(), log); });
}

TEST_F(ReadersTest, NotesGoToTheLog)
{
    std::vector<std::string> messages;
    log.set(LogLevel::Info, [&](LogLevel, const char* area, const char* message) {
        messages.push_back(std::string(area) + " " + message);
    });
    read_with({});
    EXPECT_THAT(messages, Contains(HasSubstr("data " + path("scan.npz") + ": 'diff3d' is taken as photon counts")));
}

TEST_F(ReadersTest, ContentTellsTheFormatNotTheName)
{
    const auto file = path("scan.h5");
    std::filesystem::copy_file(npz(small_scan()), file);
    EXPECT_EQ(read(file).size(), 6);
    testing_data::save(path("text.npz"), "x,y\n1,2\n");
    expect_error(Status::Format, "text.npz: neither an NPZ archive nor an HDF5 file", [&] { read(path("text.npz")); });
    testing_data::save(path("empty.npz"), "");
    expect_error(Status::Format, "empty.npz: neither", [&] { read(path("empty.npz")); });
    expect_error(Status::Io, "none.npz: no such file", [&] { read(path("none.npz")); });
    std::filesystem::create_directory(path("folder"));
    expect_error(Status::NotFound, "a folder without 'diffraction.h5' (ptychodus) and without .npz files",
                 [&] { read(path("folder")); });
    testing_data::save(path("array.npy"), std::string("\x93NUMPY\1\0", 8));
    expect_error(Status::NotFound, "a single array; a scan needs positions too", [&] { read(path("array.npy")); });
}

TEST_F(ReadersTest, LabelsAreReadForASupervisedTraining)
{
    const std::int64_t n = 12, side = 8;
    const auto index = at::arange(n, at::kDouble);
    const auto frames = at::arange(n * side * side, at::kInt).reshape({n, side, side});
    const auto labels = at::complex(at::rand({n, side, side}), at::rand({n, side, side}));
    const auto file = [&](const char* key, const at::Tensor& stack, const at::Tensor& patches) {
        data::write_npz(
            path("labels.npz"),
            {{"diff3d", stack.contiguous()}, {key, patches.contiguous()}, {"xcoords", index}, {"ycoords", index * 2}});
        return path("labels.npz");
    };
    const std::string supervised = R"("training.loss": "supervised")";
    for (const char* key : {"label", "Y"}) {
        EXPECT_TRUE(read(file(key, frames, labels), "{" + supervised + "}").labels.equal(labels)) << key;
        EXPECT_FALSE(read(path("labels.npz")).labels.defined()) << "only where it is asked for";
    }
    const auto last = read(file("label", frames.permute({1, 2, 0}), labels.permute({1, 2, 0})), "{" + supervised + "}");
    EXPECT_TRUE(last.labels.equal(labels)) << "frames along the last axis";
    const auto part = read(file("label", frames, labels), "{" + supervised + R"(, "data.x_bounds": [0.5, 1]})");
    EXPECT_TRUE(part.labels.equal(labels.slice(0, n - part.size())));
    const auto binned =
        read(path("labels.npz"), "{" + supervised + R"(, "data.bin": 2, "data.measurement": "counts"})");
    EXPECT_FALSE(binned.labels.defined());
    EXPECT_THAT(binned.notes, Contains(HasSubstr("the labels are left out")));
    expect_error(Status::Shape,
                 "the labels are ComplexFloat of shape (12, 4, 8), expected complex numbers of shape (12, 8, 8)",
                 [&] { read(file("label", frames, labels.slice(1, 0, 4)), "{" + supervised + "}"); });
}

TEST_F(ReadersTest, EveryTruncationIsAnError)
{
    const auto cuts = [&](const std::string& file, std::size_t step) {
        const auto whole = base::read_text(file);
        for (std::size_t length = 0; length < whole.size(); length += step) {
            testing_data::save(path("cut"), whole.substr(0, length));
            expect_error(Status::Format, path("cut"), [&] { read(path("cut")); });
        }
    };
    cuts(npz(small_scan()), 5);
    cuts(cxi(small_scan()), 41);
}

TEST_F(ReadersTest, DescriptionsSayWhatAScanIs)
{
    const auto described = nlohmann::json::parse(describe_file(examples + "siemens64.npz", settings(), log));
    EXPECT_EQ(described["kind"], "scan, NPZ in PtychoPINN's layout");
    EXPECT_EQ(described["bytes"], std::filesystem::file_size(examples + "siemens64.npz"));
    EXPECT_EQ(described["arrays"].size(), 9U);
    EXPECT_EQ(described["arrays"][0], (nlohmann::json{{"name", "diff3d"}, {"type", "<u2"}, {"shape", {516, 64, 64}}}));
    const auto& scan = described["scan"];
    EXPECT_EQ(scan["frames"], 516);
    EXPECT_EQ(scan["side"], 64);
    EXPECT_EQ(scan["measurement"], "counts");
    EXPECT_EQ(scan["object_frame"], (nlohmann::json{246, 245}));
    EXPECT_NEAR(scan["positions_px"]["x"][1].get<double>(), 204.4462738, 1e-6);
    EXPECT_NEAR(scan["positions_px"]["nearest_neighbour"].get<double>(), 4.097280, 1e-5); // computed with SciPy
    EXPECT_NEAR(scan["mean_power"].get<double>(), 440557.118217, 1e-3);
    EXPECT_NEAR(scan["probe"]["power"].get<double>(), 440557.12, 1);
    const auto cxi = nlohmann::json::parse(describe_file(examples + "siemens.cxi", settings(), log));
    EXPECT_EQ(cxi["kind"], "scan, HDF5 in CXI layout");
    EXPECT_NEAR(cxi["scan"]["energy_ev"].get<double>(), 8800, 1e-6);
}

TEST_F(ReadersTest, DescriptionsOfOtherFiles)
{
    const auto describe = [&](const std::string& file) {
        return nlohmann::json::parse(describe_file(file, settings(), log));
    };
    auto ours = Hdf5File::create(path("ours.h5"));
    ours.set_attribute("/", "ptychokit_kind", "reconstruction");
    ours.write("object", at::ones({3, 4}, at::kComplexFloat));
    ours.write("\xff\xfe", at::ones({1})); // a name need not be text
    for (const auto* name : {"a", "b", "c", "d"})
        ours.link("/", std::string("loop/") + name); // circles
    ours.close();
    const auto result = describe(path("ours.h5"));
    EXPECT_EQ(result["kind"], "reconstruction");
    ASSERT_EQ(result["arrays"].size(), 2U);
    EXPECT_EQ(result["arrays"][0], (nlohmann::json{{"name", "/object"}, {"type", "complex64"}, {"shape", {3, 4}}}));
    auto archive = npz({{"some", at::ones({2, 3})}}, "other.npz");
    EXPECT_EQ(describe(archive)["kind"], "NPZ archive");
    EXPECT_THAT(describe(archive)["notes"][0].get<std::string>(), HasSubstr("only 'some'"));
    EXPECT_EQ(describe(std::string(PTK_TEST_DATA) + "/data/types.h5")["kind"], "HDF5 file");
    auto bad = small_scan();
    bad["diff3d"] = bad["diff3d"] - 50;
    expect_error(Status::Format, "negative values", [&] { describe(npz(bad)); });
    testing_data::save(path("text"), "text");
    expect_error(Status::Format, "neither NPZ, NPY nor HDF5", [&] { describe(path("text")); });
}

TEST_F(ReadersTest, SuggestionsFollowFromTheScan)
{
    auto arrays = small_scan();
    arrays.erase("probeGuess");
    arrays["xcoords"] = arrays["xcoords"] * 100;
    arrays["ycoords"] = arrays["ycoords"] * 100;
    const auto suggestions = nlohmann::json::parse(describe_file(
        npz(arrays), settings(R"({"data.measurement": "intensity"})"), log))["suggestions"]
                                 .get<std::vector<std::string>>();
    EXPECT_THAT(suggestions, Contains(HasSubstr("no probe guess")));
    EXPECT_THAT(suggestions, Contains(HasSubstr("half a frame apart")));
    EXPECT_THAT(suggestions, Contains(HasSubstr("Poisson loss needs counts")));
}

TEST_F(ReadersTest, ObjectsComeFromEveryKindOfFile)
{
    const auto object = at::complex(at::arange(12, at::kDouble).reshape({3, 4}), at::ones({3, 4}, at::kDouble));
    const auto expected = object.to(at::kComplexFloat);
    EXPECT_TRUE(read_object(npz({{"objectGuess", object}, {"other", object * 2}})).equal(expected));
    EXPECT_TRUE(read_object(npz({{"only", object}, {"real", at::ones({3, 4})}})).equal(expected));
    expect_error(Status::NotFound, "found 0", [&] { read_object(npz({{"real", at::ones({3, 4})}})); });
    expect_error(Status::NotFound, "found 2", [&] { read_object(npz({{"a", object}, {"b", object}})); });
    expect_error(Status::Shape, "'objectGuess' has shape (1, 3, 4)", [&] {
        read_object(npz({{"objectGuess", object.unsqueeze(0)}}));
    });
    auto result = Hdf5File::create(path("result.h5"));
    result.write("object", object);
    result.close();
    EXPECT_TRUE(read_object(path("result.h5")).equal(expected));
    auto image = Hdf5File::create(path("image.cxi"));
    image.write("entry_1/image_1/data", expected);
    image.close();
    EXPECT_TRUE(read_object(path("image.cxi")).equal(expected));
    expect_error(Status::NotFound, "types.h5: there is no 'object'",
                 [&] { read_object(std::string(PTK_TEST_DATA) + "/data/types.h5"); });
    const auto archive = base::read_text(npz({{"x", object}}));
    const auto begin = archive.find("\x93NUMPY");
    const auto length = 128 + 12 * 16; // a header of 128 bytes: 118 of text padded to a multiple of 64
    testing_data::save(path("object.npy"), archive.substr(begin, length));
    EXPECT_TRUE(read_object(path("object.npy")).equal(expected));
}

} // namespace
} // namespace ptk::data
