#include "base/random.h"
#include "core/evaluation/fields.h"
#include "evaluation/colour.h"
#include "evaluation/drawing.h"
#include "evaluation/pictures.h"

#include <ATen/CPUGeneratorImpl.h>
#include <png.h>
#include <unistd.h>

#include <limits>
#include <numbers>

namespace ptk::evaluation {
namespace {

constexpr double pi = std::numbers::pi;
const auto nan_value = std::numeric_limits<double>::quiet_NaN();

/// A path that is removed at the end of the test.
class ScratchFile {
public:
    explicit ScratchFile(const std::string& name)
        : path_(std::filesystem::path(::testing::TempDir()) /
                ("ptk_picture_" + std::to_string(::getpid()) + "_" + name))
    {
    }
    ~ScratchFile() { std::filesystem::remove(path_); }
    operator std::string() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

/// The file decoded by libpng, as colours.
Raster decoded(const std::string& path)
{
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_file(&header, path.c_str()) == 0)
        throw std::runtime_error(path + ": " + header.message);
    header.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> bytes(PNG_IMAGE_SIZE(header));
    if (png_image_finish_read(&header, nullptr, bytes.data(), 0, nullptr) == 0)
        throw std::runtime_error(path + ": " + header.message);
    Raster picture(header.height, header.width, {});
    for (std::int64_t i = 0; i < picture.height() * picture.width(); ++i)
        picture.at(i / picture.width(), i % picture.width()) = {bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]};
    return picture;
}

double luminance(Rgb colour)
{
    return 0.2126 * colour.red + 0.7152 * colour.green + 0.0722 * colour.blue;
}

TEST(Grey, PixelsKeepTheirPlacesAndTheOutsideIsGrey)
{
    const ScratchFile file("grey.png");
    auto image = at::zeros({20, 30}, at::kDouble);
    image[4][22].fill_(1.0); // above the middle, to the right
    const auto mask = box_mask(20, 30, 2, 3, 18, 27);
    const auto range = write_grey(image, mask, file, 0, 1);
    EXPECT_EQ(range.low, 0);
    EXPECT_EQ(range.high, 1);
    const auto picture = decoded(file);
    ASSERT_EQ(picture.height(), 20);
    ASSERT_EQ(picture.width(), 30);
    const Rgb black{0, 0, 0}, white{255, 255, 255};
    for (std::int64_t row = 0; row < 20; ++row)
        for (std::int64_t column = 0; column < 30; ++column) {
            const bool inside = row >= 2 && row < 18 && column >= 3 && column < 27;
            const Rgb expected = !inside ? neutral_grey : row == 4 && column == 22 ? white : black;
            EXPECT_EQ(picture.at(row, column), expected) << row << ", " << column;
        }
}

TEST(Grey, RangeIsThatOfTheQuantiles)
{
    const ScratchFile file("quantiles.png");
    auto image = at::arange(1000, at::kDouble).view({20, 50});
    const auto plain = write_grey(image, {}, file);
    EXPECT_NEAR(plain.low, 0.005 * 999, 1e-9);
    EXPECT_NEAR(plain.high, 0.995 * 999, 1e-9);
    image[19][49].fill_(1e9);
    EXPECT_NEAR(write_grey(image, {}, file).high, plain.high, 1e-9) << "one outlier must not decide";
    image[19][48].fill_(nan_value);
    write_grey(image, {}, file);
    EXPECT_EQ(decoded(file).at(19, 48), neutral_grey);
    EXPECT_EQ(decoded(file).at(19, 49), (Rgb{255, 255, 255}));
}

TEST(Grey, AConstantIsDrawn)
{
    const ScratchFile file("constant.png");
    const auto range = write_amplitude(at::full({5, 7}, c10::complex<double>(3, 4), at::kComplexDouble), {}, file);
    EXPECT_DOUBLE_EQ(range.low, 5);
    EXPECT_DOUBLE_EQ(range.high, 5);
    EXPECT_EQ(decoded(file).at(2, 3), neutral_grey);
}

TEST(Phase, RampAndMeanAreRemoved)
{
    const ScratchFile file("phase.png");
    // Phase .8 in the right upper quarter, a ramp of seven turns, an offset.
    auto phase = at::zeros({60, 80}, at::kDouble);
    phase.slice(0, 0, 30).slice(1, 40, 80).fill_(0.8);
    const auto object = at::polar(at::ones_like(phase) * 2, phase + 1.9) * ramp(60, 80, 0.55, -0.4);
    const auto range = write_phase(object, {}, file);
    EXPECT_EQ(range.scale, Range::Scale::Linear);
    EXPECT_NEAR(range.high - range.low, 0.8, 0.25)
        << "what is left of a ramp is below 2 pi / 256 of a turn, but the step tilts the fit";
    const auto picture = decoded(file);
    EXPECT_GT(luminance(picture.at(10, 60)), luminance(picture.at(10, 20)) + 60);
    EXPECT_GT(luminance(picture.at(10, 60)), luminance(picture.at(50, 60)) + 60);
    EXPECT_LT(std::abs(luminance(picture.at(50, 20)) - luminance(picture.at(50, 60))), 60);
}

TEST(Phase, TheRangeIsThatOfTypicalPixels)
{
    const ScratchFile file("typical.png");
    const auto inside = box_mask(60, 80, 10, 10, 50, 70);
    auto phase = at::randn({60, 80}, base::torch_generator(1, "rim"), at::kDouble) * 2;
    phase.masked_fill_(inside, 0.3);
    phase.slice(0, 20, 40).slice(1, 20, 40).fill_(-0.2);
    const auto object = at::polar(at::where(inside, at::ones_like(phase), at::ones_like(phase) * 9), phase);
    EXPECT_EQ(write_phase(object, {}, file).scale, Range::Scale::Cyclic) << "all of it is mostly noise";
    const auto range = write_phase(object, {}, file, inside);
    EXPECT_EQ(range.scale, Range::Scale::Linear);
    EXPECT_NEAR(range.high - range.low, 0.5, 0.15) << "the square tilts the fit of the ramp";
    EXPECT_NE(decoded(file).at(2, 2), neutral_grey) << "the rim is shown";
    EXPECT_NEAR(write_amplitude(object, {}, file, inside).high, 1, 1e-12);
}

TEST(Phase, SeveralTurnsAreDrawnAroundTheCircle)
{
    const ScratchFile file("cyclic.png");
    const auto x = at::arange(100, at::kDouble) - 50;
    const auto phase = (x.square().unsqueeze(1) + x.square()) * 0.01; // a lens: no plane wave in it
    auto object = at::polar(at::ones_like(phase), phase);
    object[0][0].fill_(nan_value);
    const auto range = write_phase(object, box_mask(100, 100, 0, 0, 100, 90), file);
    EXPECT_EQ(range.scale, Range::Scale::Cyclic);
    EXPECT_DOUBLE_EQ(range.low, -pi);
    EXPECT_DOUBLE_EQ(range.high, pi);
    const auto picture = decoded(file);
    EXPECT_EQ(picture.at(50, 95), neutral_grey);
    EXPECT_EQ(picture.at(0, 0), neutral_grey);
    // Phases 0.01 (50^2 - r^2) apart by 2 pi have the colour of each other.
    EXPECT_NEAR(luminance(picture.at(50, 50)), luminance(picture.at(50, 50 + 25)), 6);
}

TEST(Probe, ModesSideBySide)
{
    const ScratchFile file("probe.png");
    auto probe = at::zeros({2, 64, 64}, at::kComplexDouble);
    probe[0].slice(0, 0, 10).slice(1, 40, 64).fill_(c10::complex<double>(3, 0));  // right, above
    probe[1].slice(0, 50, 64).slice(1, 0, 20).fill_(c10::complex<double>(0, -1)); // left, below
    probe[1][0][0].fill_(nan_value);
    const auto scales = write_probe(probe, file);
    ASSERT_EQ(scales.size(), 2u);
    EXPECT_DOUBLE_EQ(scales[0].full, 3);
    EXPECT_DOUBLE_EQ(scales[1].full, 1);
    EXPECT_NEAR(scales[0].power, 9.0 * 240 / (9 * 240 + 280), 1e-12);
    EXPECT_NEAR(scales[1].power, 280.0 / (9 * 240 + 280), 1e-12);
    const auto picture = decoded(file);
    EXPECT_EQ(picture.height(), 256);
    ASSERT_EQ(picture.width(), 256 + 4 + 256);
    EXPECT_EQ(picture.at(20, 200), wave_colour(0, 1));
    EXPECT_EQ(picture.at(20, 30), (Rgb{0, 0, 0}));
    EXPECT_EQ(picture.at(230, 260 + 30), wave_colour(-pi / 2, 1));
    EXPECT_EQ(picture.at(20, 260 + 200), (Rgb{0, 0, 0}));
    EXPECT_EQ(picture.at(100, 257), neutral_grey);
    EXPECT_EQ(picture.at(0, 260), neutral_grey);
    EXPECT_NO_THROW(write_probe(probe[0], file));
    EXPECT_THROW(write_probe(probe.unsqueeze(0), file), Error);
}

TEST(Colour, SequentialMapBrightensEvenly)
{
    // Lightness of Oklab, from the colour itself: the cube root of luminance is close to it for these colours.
    double last = -1;
    for (int i = 0; i <= 20; ++i) {
        const double now = luminance(sequential_colour(i / 20.0));
        EXPECT_GT(now, last) << i;
        last = now;
    }
    EXPECT_EQ(sequential_colour(-5), sequential_colour(0));
    EXPECT_EQ(sequential_colour(7), sequential_colour(1));
}

TEST(Colour, CyclicMapsClose)
{
    const auto near = [](Rgb a, Rgb b) {
        return std::abs(a.red - b.red) + std::abs(a.green - b.green) + std::abs(a.blue - b.blue);
    };
    EXPECT_LT(near(cyclic_colour(pi - 1e-3), cyclic_colour(-pi + 1e-3)), 10);
    EXPECT_EQ(cyclic_colour(1 + 6 * pi), cyclic_colour(1));
    for (int i = 0; i < 12; ++i) // neighbours a twelfth of a turn apart can be told apart
        EXPECT_GT(near(cyclic_colour(i * pi / 6), cyclic_colour((i + 1) * pi / 6)), 20) << i;
    const Rgb red = wave_colour(0, 1);
    EXPECT_GT(red.red, red.green);
    EXPECT_GT(red.red, red.blue);
    EXPECT_EQ(wave_colour(2, 0), (Rgb{0, 0, 0}));
}

TEST(Colour, OklabWhiteGreyAndKnownRed)
{
    EXPECT_EQ(oklch(1, 0, 0), (Rgb{255, 255, 255}));
    EXPECT_EQ(oklch(0, 0, 0), (Rgb{0, 0, 0}));
    // Pure sRGB red is L .62796, C .25768, h 29.234 degrees (Ottosson).
    const auto red = oklch(0.62796, 0.25768, 29.234 * pi / 180);
    EXPECT_GE(red.red, 254);
    EXPECT_LE(red.green, 6);
    EXPECT_LE(red.blue, 6);
}

/// Rows between which a column holds pixels of a strong colour (lines of curves; axes and text are grey).
std::pair<std::int64_t, std::int64_t> coloured_rows(const Raster& picture, std::int64_t column)
{
    std::int64_t first = -1, last = -1;
    for (std::int64_t row = 100; row < picture.height(); ++row) {
        const Rgb p = picture.at(row, column);
        if (std::max({p.red, p.green, p.blue}) - std::min({p.red, p.green, p.blue}) < 60)
            continue;
        first = first < 0 ? row : first;
        last = row;
    }
    return {first, last};
}

TEST(Curves, FallToTheRight)
{
    const ScratchFile file("curves.png");
    std::vector<double> falling(100), gap(100, nan_value);
    for (std::size_t i = 0; i < falling.size(); ++i)
        falling[i] = std::exp(-static_cast<double>(i) / 20);
    const auto range = write_curves({{"loss", falling}, {"nothing", gap}}, "title", file);
    EXPECT_EQ(range.scale, Range::Scale::Logarithmic);
    EXPECT_LT(range.low, falling.back());
    EXPECT_GT(range.high, 1);
    const auto picture = decoded(file);
    const auto left = coloured_rows(picture, 200), middle = coloured_rows(picture, 500),
               right = coloured_rows(picture, 900);
    ASSERT_GT(left.first, 0);
    EXPECT_LT(left.second, middle.first);
    EXPECT_LT(middle.second, right.first);
    // An exponential is a straight line on a logarithmic axis.
    const double slope_one = static_cast<double>(middle.first - left.first) / 300,
                 slope_two = static_cast<double>(right.first - middle.first) / 400;
    EXPECT_NEAR(slope_one, slope_two, 0.02);
}

TEST(Curves, AreLinearWithinADecadeAndLeaveGaps)
{
    const ScratchFile file("linear.png");
    std::vector<double> values(100, 0.5);
    for (std::size_t i = 40; i < 60; ++i)
        values[i] = nan_value;
    values[10] = 1;
    const auto range = write_curves({{"SSIM", values}}, "", file);
    EXPECT_EQ(range.scale, Range::Scale::Linear);
    EXPECT_NEAR(range.low, 0.475, 1e-9);
    EXPECT_NEAR(range.high, 1.025, 1e-9);
    const auto picture = decoded(file);
    EXPECT_GT(coloured_rows(picture, 700).first, 0);
    EXPECT_LT(coloured_rows(picture, 526).first, 0) << "a gap must stay empty";
}

TEST(Curves, OddValuesAreDrawn)
{
    const ScratchFile file("odd.png");
    const double tiny = std::numeric_limits<double>::denorm_min(), huge = std::numeric_limits<double>::max();
    for (const std::vector<double>& values : std::vector<std::vector<double>>{{0.0},
                                                                              {3.5e-7},
                                                                              {tiny, 2 * tiny},
                                                                              {1, -huge, huge, 2},
                                                                              {0, 1e290},
                                                                              {1e-290, 1e290},
                                                                              {-1, -100},
                                                                              {7, 7, 7}})
        EXPECT_NO_THROW(write_curves({{"a", values}, {std::string(300, 'x'), values}, {"\xc3\xa4", values}},
                                     std::string(500, 'T'), file));
    EXPECT_NO_THROW(write_curves(std::vector<Curve>(60, Curve{"many", {1, 2}}), "many curves", file));
    EXPECT_EQ(decoded(file).width(), 960);
    EXPECT_THROW(write_curves({}, "none", file), Error);
    EXPECT_THROW(write_curves({{"a", {nan_value, nan_value}}}, "none", file), Error);
}

TEST(Text, EveryPrintableLetterDiffers)
{
    std::vector<std::vector<Rgb>> seen;
    for (char letter = ' '; letter <= '~'; ++letter) {
        Raster picture(20, 12, {});
        draw_text(picture, 0, 0, std::string(1, letter), 2, {255, 255, 255});
        EXPECT_THAT(seen, ::testing::Not(::testing::Contains(picture.pixels()))) << letter;
        seen.push_back(picture.pixels());
    }
    EXPECT_EQ(text_width("abc", 2), 2 * 17);
    EXPECT_EQ(text_width("", 2), 0);
}

template <class Write> void expect_error(Status status, const std::string& path, const Write& write)
{
    try {
        write(path);
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), status) << error.message();
        EXPECT_THAT(error.message(), ::testing::HasSubstr(path));
    }
}

TEST(Pictures, ErrorsNameThePath)
{
    const auto object = Field(31).sample(12, 14);
    const std::string nowhere = "/nonexistent/folder/picture.png";
    expect_error(Status::Io, nowhere, [&](const std::string& path) { write_phase(object, {}, path); });
    expect_error(Status::Io, nowhere, [&](const std::string& path) { write_amplitude(object, {}, path); });
    expect_error(Status::Io, nowhere, [&](const std::string& path) { write_probe(object, path); });
    expect_error(Status::Io, nowhere, [&](const std::string& path) { write_curves({{"a", {1, 2}}}, "", path); });
    const ScratchFile file("empty.png");
    expect_error(Status::InvalidArgument, file,
                 [&](const std::string& path) { write_phase(object * nan_value, {}, path); });
    expect_error(Status::InvalidArgument, file,
                 [&](const std::string& path) { write_grey(at::real(object) * nan_value, {}, path); });
    expect_error(Status::InvalidArgument, file,
                 [&](const std::string& path) { write_probe(object * nan_value, path); });
    EXPECT_FALSE(std::filesystem::exists(std::string(file)));
    EXPECT_THROW(write_grey(object, {}, file), Error) << "complex";
    EXPECT_THROW(write_grey(at::real(object), {}, file, 0.9, 0.1), Error);
    EXPECT_THROW(write_phase(object, at::ones({3, 3}, at::kBool), file), Error);
}

} // namespace
} // namespace ptk::evaluation
