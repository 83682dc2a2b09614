#include "core/data/data_testing.h"
#include "data/detector_steps.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "data/readers.h"

#include <limits>

namespace ptk::data {
namespace {

using testing_data::expect_error;
using testing_data::settings;

class DetectorStepsTest : public testing_data::ScratchTest {
protected:
    Log log;
    at::Tensor frames = at::arange(5 * 8 * 8, at::kInt).reshape({5, 8, 8});

    Scan read(const std::string& json, std::vector<std::pair<std::string, at::Tensor>> more = {})
    {
        more.insert(more.end(), {{"diff3d", frames},
                                 {"xcoords", at::tensor({10.0, 14.0, 18.0, 10.0, 14.0})},
                                 {"ycoords", at::tensor({10.0, 10.0, 10.0, 15.0, 15.0})}});
        write_npz(path("scan.npz"), more);
        return read_scan(path("scan.npz"), settings(json), log);
    }
    static at::Tensor all(const Scan& scan) { return scan.frames->gather(at::arange(scan.size())); }
    std::string file(const std::string& name, const at::Tensor& array) const
    {
        write_npz(path(name), {{"array", array}});
        return path(name);
    }
};

TEST_F(DetectorStepsTest, CropKeepsTheZeroFrequencyAtTheMiddle)
{
    const auto scan = read(R"({"data.crop": 4})");
    EXPECT_EQ(scan.side(), 4);
    EXPECT_TRUE(all(scan).equal(frames.slice(1, 2, 6).slice(2, 2, 6).to(at::kFloat)));
    EXPECT_TRUE(all(read(R"({"data.crop": 5})")).equal(frames.slice(1, 2, 7).slice(2, 2, 7).to(at::kFloat)))
        << "index 4 of 8 becomes index 2 of 5";
    // Half the extent: the object pixel is twice as large.
    EXPECT_TRUE(at::allclose(scan.positions, read("{}").positions / 2));
    expect_error(Status::InvalidConfig, "data.crop = 9, but 'diff3d' has frames of 8 x 8",
                 [&] { read(R"({"data.crop": 9})"); });
}

TEST_F(DetectorStepsTest, BinningSumsAndKeepsTheObjectPixel)
{
    const auto scan = read(R"({"data.bin": 2})");
    EXPECT_EQ(scan.side(), 4);
    EXPECT_EQ(all(scan).sum().item<double>(), frames.sum().item<double>());
    EXPECT_EQ(all(scan)[0][1][2].item<double>(),
              (frames[0][2][4] + frames[0][2][5] + frames[0][3][4] + frames[0][3][5]).item<double>());
    EXPECT_TRUE(scan.positions.equal(read("{}").positions));
}

TEST_F(DetectorStepsTest, PaddingAddsPixelsThatSayNothing)
{
    const auto scan = read(R"({"data.pad": 12})");
    EXPECT_EQ(scan.side(), 12);
    EXPECT_TRUE(all(scan).slice(1, 2, 10).slice(2, 2, 10).equal(frames.to(at::kFloat)));
    ASSERT_TRUE(scan.bad_pixels.defined());
    EXPECT_EQ(scan.bad_pixels.sum().item<std::int64_t>(), 144 - 64);
    EXPECT_FALSE(scan.bad_pixels[2][9].item<bool>());
    EXPECT_TRUE(at::allclose(scan.positions, read("{}").positions * 1.5));
}

TEST_F(DetectorStepsTest, EightOrientations)
{
    EXPECT_TRUE(all(read(R"({"data.flip_x": true})")).equal(frames.flip({2}).to(at::kFloat)));
    EXPECT_TRUE(all(read(R"({"data.flip_y": true})")).equal(frames.flip({1}).to(at::kFloat)));
    EXPECT_TRUE(all(read(R"({"data.transpose": true})")).equal(frames.transpose(1, 2).to(at::kFloat)));
    EXPECT_TRUE(all(read(R"({"data.flip_x": true, "data.transpose": true})"))
                    .equal(frames.flip({2}).transpose(1, 2).to(at::kFloat)))
        << "flip first";
}

TEST_F(DetectorStepsTest, BadPixelsComeFromFileOptionAndStop)
{
    auto bad = at::zeros({8, 8}, at::kByte);
    bad[0][3] = 1;
    auto others = at::zeros({8, 8}, at::kByte);
    others[7][7] = 2;
    const auto scan = read(R"({"data.beamstop": 2, "data.bad_pixels": ")" + file("others.npz", others) + "\"}",
                           {{"bad_pixels", bad}});
    ASSERT_TRUE(scan.bad_pixels.defined());
    EXPECT_EQ(scan.bad_pixels.sum().item<std::int64_t>(), 2 + 4); // r <= 1 about (3.5, 3.5)
    EXPECT_TRUE(scan.bad_pixels[0][3].item<bool>() && scan.bad_pixels[7][7].item<bool>() &&
                scan.bad_pixels[3][4].item<bool>());
    EXPECT_EQ(all(scan).masked_select(scan.bad_pixels.unsqueeze(0)).abs().max().item<double>(), 0);
    EXPECT_TRUE(all(scan).masked_fill(scan.bad_pixels, 0).equal(frames.to(at::kFloat).masked_fill(scan.bad_pixels, 0)));
}

TEST_F(DetectorStepsTest, BinnedPixelIsBadWithOneOfItsParts)
{
    auto bad = at::zeros({8, 8}, at::kByte);
    bad[5][2] = 1;
    const auto scan = read(R"({"data.bin": 2, "data.flip_x": true})", {{"bad_pixels", bad}});
    EXPECT_EQ(scan.bad_pixels.sum().item<std::int64_t>(), 1);
    EXPECT_TRUE(scan.bad_pixels[2][2].item<bool>()); // column 1 mirrored
}

TEST_F(DetectorStepsTest, BadPixelsMayHoldAnything)
{
    auto bad = at::zeros({8, 8}, at::kByte);
    bad[1][1] = 1;
    frames = frames.to(at::kFloat);
    const auto clean = read("{}", {{"bad_pixels", bad}});
    frames = frames.clone();
    frames.select(1, 1).select(1, 1).fill_(std::numeric_limits<float>::quiet_NaN());
    frames[2][1][1] = -5;
    const auto wild = read("{}", {{"bad_pixels", bad}});
    EXPECT_TRUE(all(clean).equal(all(wild)));
    EXPECT_EQ(clean.measurement, wild.measurement);
    frames[2][1][2] = -5;
    expect_error(Status::Format, "has negative values, first in frame 2", [&] { read("{}", {{"bad_pixels", bad}}); });
}

TEST_F(DetectorStepsTest, DarkFramesAreSubtracted)
{
    const auto dark = at::stack({at::full({8, 8}, 9.0), at::full({8, 8}, 11.0)});
    const auto scan = read(R"({"data.dark": ")" + file("dark.npz", dark) + "\"}");
    EXPECT_TRUE(all(scan).equal((frames.to(at::kFloat) - 10).clamp_min(0)));
    expect_error(Status::Shape, "has shape (4, 4), expected (8, 8)", [&] {
        read(R"({"data.dark": ")" + file("small.npz", at::zeros({4, 4})) + "\"}");
    });
    expect_error(Status::Shape, "no pixel of the 8 x 8 frames is good", [&] { read(R"({"data.beamstop": 100})"); });
}

TEST_F(DetectorStepsTest, NonSquareFramesAreCropped)
{
    frames = at::arange(5 * 6 * 8, at::kInt).reshape({5, 6, 8});
    expect_error(Status::Shape, "frames of 6 x 8, expected square ones (data.crop",
                 [&] { read(R"({"data.layout": "nhw"})"); });
    EXPECT_TRUE(all(read(R"({"data.crop": 6, "data.layout": "nhw"})")).equal(frames.slice(2, 1, 7).to(at::kFloat)));
}

TEST_F(DetectorStepsTest, ProbeFollowsThePixels)
{
    // A wide Gaussian: its values on larger pixels of the same field are those at every other point.
    const auto x = at::arange(32, at::kDouble) - 16;
    const auto line = at::exp(-x.square() / 30); // 2e-4 at the edge
    const auto probe = at::complex(line.unsqueeze(0) * line.unsqueeze(1), at::zeros({32, 32}, at::kDouble))
                           .to(at::kComplexFloat)
                           .unsqueeze(0);
    DetectorSteps crop;
    crop.crop = 16;
    const auto coarse = probe_after(crop, probe);
    const auto expected = probe.slice(1, 0, 32, 2).slice(2, 0, 32, 2) * 2; // orthonormal: the power stays
    EXPECT_LT((coarse - expected).abs().max().item<double>(), 1e-3);
    DetectorSteps pad;
    pad.pad = 32;
    EXPECT_LT((probe_after(pad, coarse) - probe).abs().max().item<double>(), 1e-3);
    DetectorSteps bin;
    bin.bin = 2;
    EXPECT_TRUE(probe_after(bin, probe).equal(probe.slice(1, 8, 24).slice(2, 8, 24)));
}

TEST_F(DetectorStepsTest, FramesOnDiskAreTheSameAsInMemory)
{
    const auto many = at::randint(0, 1000, {80, 64, 64}, at::kFloat); // 1.25 MiB
    auto mask = at::zeros({64, 64}, at::kInt);
    mask[3][5] = 4;
    auto h5 = Hdf5File::create(path("scan.h5"));
    auto raw = many.clone();
    raw.select(1, 3).select(1, 5).fill_(std::numeric_limits<float>::quiet_NaN());
    h5.write("/entry/frames", raw, true);
    h5.write("/entry/x", at::arange(80, at::kDouble));
    h5.write("/entry/y", at::arange(80, at::kDouble).remainder(9));
    h5.write("/entry/mask", mask);
    h5.close();
    const std::string json =
        R"("data.frames": "/entry/frames", "data.positions_x": "/entry/x", "data.positions_y": "/entry/y", "data.mask": "/entry/mask",
                                "data.dc": "corner", "data.crop": 60, "data.bin": 2, "data.pad": 40, "data.flip_y": true, "data.transpose": true)";
    const auto memory = read_scan(path("scan.h5"), settings("{" + json + "}"), log),
               disk = read_scan(path("scan.h5"), settings("{\"data.memory_mib\": 1, " + json + "}"), log);
    EXPECT_FALSE(memory.frames->on_disk());
    ASSERT_TRUE(disk.frames->on_disk());
    EXPECT_EQ(disk.side(), 40);
    EXPECT_TRUE(all(disk).equal(all(memory)));
    EXPECT_TRUE(disk.bad_pixels.equal(memory.bad_pixels));
}

} // namespace
} // namespace ptk::data
