// Files that the data.* and simulation.* options name beside a scan: positions, masks, darks, probes, objects,
// pictures; whole, cut and with flipped bits. A file or an Error that names it, never anything else.
#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "core/simulation/simulation_testing.h"
#include "data/hdf5_file.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/readers.h"
#include "evaluation/png.h"
#include "simulation/picture_file.h"
#include "simulation/simulate.h"

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include <random>

namespace ptk::simulation {
namespace {

using testing_data::expect_error;
using testing_data::save;

constexpr std::int64_t side = 16, frames = 9;

void write_array(const std::string& path, const at::Tensor& array)
{
    const auto held = array.contiguous();
    save(path, data::npy_preamble(held) + std::string(static_cast<const char*>(held.const_data_ptr()), held.nbytes()));
}

at::Tensor positions()
{
    const auto index = at::arange(frames, at::kDouble);
    return at::stack({index.remainder(3) * 4.25, at::floor(index / 3) * 3.5}, 1);
}

at::Tensor object(std::int64_t height = 64, std::int64_t width = 60)
{
    return at::polar(at::rand({height, width}, at::kDouble) + 1, at::rand({height, width}, at::kDouble))
        .to(at::kComplexFloat);
}

void write_picture(const std::string& path, std::int64_t height = 64, std::int64_t width = 60)
{
    evaluation::Raster picture(height, width, {0, 0, 0});
    for (std::int64_t r = 0; r < height; ++r)
        for (std::int64_t c = 0; c < width; ++c) {
            const auto grey = static_cast<std::uint8_t>((r * 7 + c * 3) % 256);
            picture.at(r, c) = {grey, grey, grey};
        }
    evaluation::write_png(picture, path);
}

/// A file and the option that names it.
struct Case {
    std::string name, file, option;
    bool simulated;
};

void PrintTo(const Case& one, std::ostream* out)
{
    *out << one.name;
}

class OptionFiles : public testing_data::ScratchTest, public testing::WithParamInterface<Case> {
protected:
    Log log;

    void SetUp() override
    {
        ScratchTest::SetUp();
        write_array(path("frames.npy"), at::arange(frames * side * side, at::kInt).reshape({frames, side, side}));
        write_array(path("xy.npy"), positions());
        data::write_npz(path("xy.npz"), {{"xcoords", positions().select(1, 0).contiguous()},
                                         {"ycoords", positions().select(1, 1).contiguous()}});
        std::string text = "x y\n";
        for (std::int64_t i = 0; i < frames; ++i)
            text += fmt::format("{} {}\n", positions()[i][0].item<double>(), positions()[i][1].item<double>());
        save(path("xy.txt"), text);
        auto mask = at::zeros({side, side}, at::kByte);
        mask[3][4] = 1;
        write_array(path("mask.npy"), mask);
        data::write_npz(path("mask.npz"), {{"mask", mask}});
        write_array(path("dark.npy"), at::ones({2, side, side}));
        write_array(path("probe.npy"), object(side, side));
        data::write_npz(path("probe.npz"), {{"probeGuess", object(side, side)}});
        write_array(path("object.npy"), object());
        data::write_npz(path("object.npz"), {{"objectGuess", object()}});
        auto file = data::Hdf5File::create(path("object.h5"));
        file.write("/object", object(), true);
        file.close();
        write_picture(path("picture.png"));
        write_array(path("picture.npy"), at::rand({64, 60}));
    }

    void use()
    {
        const auto& one = GetParam();
        nlohmann::json options{{"simulation.size", side}, {"simulation.step", 3}, {"data.positions", path("xy.npy")}};
        if (one.option != "simulation.scan_file")
            options["simulation.frames"] = frames;
        if (!one.option.empty())
            options[one.option] = path(one.file);
        const auto chosen = testing_data::settings(options.dump());
        if (one.simulated)
            simulate(chosen, log, Monitor());
        else
            data::read_scan(path("frames.npy"), chosen, log);
    }

    /// @return false when the file was refused
    bool accepted(const std::string& what)
    {
        try {
            use();
            return true;
        } catch (const Error& error) {
            const auto status = error.status();
            EXPECT_TRUE(status == Status::Io || status == Status::Format || status == Status::Shape ||
                        status == Status::NotFound || status == Status::InvalidConfig)
                << what << ": status " << static_cast<int>(status) << ", " << error.message();
            EXPECT_THAT(error.message(), testing::HasSubstr(folder.filename().string())) << what;
        } catch (const std::exception& error) {
            ADD_FAILURE() << what << ": " << error.what();
        }
        return false;
    }
};

TEST_P(OptionFiles, CutAndFlippedOnesNeverCrash)
{
    const auto file = path(GetParam().file);
    const auto whole = base::read_text(file);
    EXPECT_TRUE(accepted("whole"));
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    const bool text = file.ends_with(".txt"); // one that is cut may still hold the positions that are asked for
    for (std::size_t i = 0; i < 40; ++i) {
        const auto length = whole.size() * i / 40;
        save(file, whole.substr(0, length));
        const bool good = accepted("cut at " + std::to_string(length));
        // The last twelve bytes of a PNG only say that it ends.
        const bool end = file.ends_with(".png") && length + 12 > whole.size();
        EXPECT_TRUE(text || end || !good) << "cut at " << length << " of " << whole.size();
    }
    std::mt19937_64 random(3);
    for (int i = 0; i < 150; ++i) {
        auto damaged = whole;
        // Half of the damage to what comes first, where headers are.
        const auto at = random() % (i % 2 == 0 ? std::min<std::size_t>(whole.size(), 160) : whole.size());
        damaged[at] = i % 3 == 0 ? static_cast<char>(0xff) : static_cast<char>(damaged[at] ^ (1 << random() % 8));
        save(file, damaged);
        accepted("byte " + std::to_string(at));
    }
    for (const auto& content :
         {std::string(), std::string("PK\3\4"), std::string(5000, '\0'), std::string(5000, 'x'),
          std::string("\x89PNG\r\n\x1a\n"), std::string("\x93NUMPY\x01\x00", 8), std::string("\x89HDF\r\n\x1a\n")}) {
        save(file, content);
        EXPECT_FALSE(accepted("content of " + std::to_string(content.size()) + " bytes"));
    }
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_LT((after.ru_maxrss - before.ru_maxrss) / 1024, 512) << "memory taken on a damaged file's word";
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptionFiles,
                         testing::Values(Case{"frames_npy", "frames.npy", "", false},
                                         Case{"positions_npy", "xy.npy", "data.positions", false},
                                         Case{"positions_npz", "xy.npz", "data.positions", false},
                                         Case{"positions_text", "xy.txt", "data.positions", false},
                                         Case{"mask_npy", "mask.npy", "data.bad_pixels", false},
                                         Case{"mask_npz", "mask.npz", "data.bad_pixels", false},
                                         Case{"dark_npy", "dark.npy", "data.dark", false},
                                         Case{"probe_npy", "probe.npy", "data.probe", false},
                                         Case{"probe_npz", "probe.npz", "data.probe", false},
                                         Case{"object_npy", "object.npy", "simulation.object_file", true},
                                         Case{"object_npz", "object.npz", "simulation.object_file", true},
                                         Case{"object_hdf5", "object.h5", "simulation.object_file", true},
                                         Case{"picture_png", "picture.png", "simulation.object_file", true},
                                         Case{"picture_npy", "picture.npy", "simulation.object_file", true},
                                         Case{"simulated_probe_npy", "probe.npy", "simulation.probe_file", true},
                                         Case{"simulated_probe_npz", "probe.npz", "simulation.probe_file", true},
                                         Case{"scan_npy", "xy.npy", "simulation.scan_file", true},
                                         Case{"scan_text", "xy.txt", "simulation.scan_file", true}),
                         [](const auto& info) { return info.param.name; });

class FilesOfSimulation : public testing_data::ScratchTest {};

TEST_F(FilesOfSimulation, PicturesBecomeObjects)
{
    write_picture(path("picture.png"), 90, 80);
    const auto levels = at::arange(90).unsqueeze(1) * 7 + at::arange(80).unsqueeze(0) * 3;
    const auto grey = levels.remainder(256).to(at::kDouble) / 255;
    // Our PNGs state a gamma of 1/2.2 (chunk gAMA).
    const auto linear = grey.pow(2.2);
    const auto read = read_picture(path("picture.png"));
    ASSERT_TRUE(read.has_value());
    EXPECT_LT((tensor_of(*read) - linear).abs().max().item<double>(), 2e-3);
    Log log;
    const auto scan =
        simulate(options(R"({"simulation.frames": 9, "simulation.size": 32, "simulation.amplitude": [0.5, 1],
        "simulation.phase": [0, 1], "simulation.object_file": ")" +
                         path("picture.png") + "\"}"),
                 log, Monitor());
    const auto expected = at::polar(1 - 0.5 * tensor_of(*read), tensor_of(*read)).to(at::kComplexFloat);
    EXPECT_TRUE(scan.object.allclose(expected, 1e-5, 1e-6));
    write_array(path("real.npy"), at::arange(6400, at::kFloat).reshape({80, 80}));
    const auto real = read_picture(path("real.npy"));
    ASSERT_TRUE(real.has_value());
    EXPECT_EQ((*real)(0, 0), 0);
    EXPECT_EQ((*real)(79, 79), 1);
    write_array(path("complex.npy"), object());
    EXPECT_FALSE(read_picture(path("complex.npy")).has_value());
}

TEST_F(FilesOfSimulation, ScansComeFromFilesToo)
{
    write_array(path("xy.npy"), positions());
    Log log;
    const auto from = [&](const std::string& more) {
        return simulate(
            options(R"({"simulation.size": 32, "simulation.scan_file": ")" + path("xy.npy") + "\"" + more + "}"), log,
            Monitor());
    };
    const auto scan = from("");
    ASSERT_EQ(scan.size(), frames);
    EXPECT_LT((scan.positions - scan.positions[0] - positions()).abs().max().item<double>(), 1e-12);
    EXPECT_EQ(from(R"(, "simulation.frames": 4)").size(), 4);
    expect_error(Status::InvalidConfig, "holds 9 positions, but simulation.frames = 10",
                 [&] { from(R"(, "simulation.frames": 10)"); });
}

} // namespace
} // namespace ptk::simulation
