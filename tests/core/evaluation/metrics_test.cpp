#include "core/evaluation/fields.h"
#include "core/golden.h"
#include "evaluation/metrics.h"

#include <ATen/CPUGeneratorImpl.h>

#include <limits>
#include <numbers>

namespace ptk::evaluation {
namespace {

const auto nan_value = std::numeric_limits<double>::quiet_NaN();
const auto infinite = std::numeric_limits<double>::infinity();

double number(const golden::Case& golden, const std::string& key)
{
    return golden.at(key).item<double>();
}

/// Complex image with the frequencies above a fraction of Nyquist replaced by @p rest.
at::Tensor low_passed(const at::Tensor& image, double cut, const at::Tensor& rest)
{
    const auto frequency = at::fft_fftfreq(image.size(0), 1.0, at::kDouble) * 2;
    const auto radius = (frequency.square().unsqueeze(1) + frequency.square()).sqrt();
    return at::fft_ifft2(at::where(radius.le(cut), at::fft_fft2(image), at::fft_fft2(rest)));
}

// ---- simple measures ----

TEST(Metrics, ErrorsOfKnownImages)
{
    const auto reference = at::tensor({1.0, 2.0, 3.0, 4.0}).view({2, 2}).to(at::kDouble);
    const auto image = at::tensor({1.0, 2.5, 3.0, 104.0}).view({2, 2}).to(at::kDouble);
    const auto mask = at::tensor({1, 1, 1, 0}).view({2, 2}).to(at::kBool);
    EXPECT_DOUBLE_EQ(mean_absolute_error(image, reference, mask), 0.5 / 3);
    EXPECT_DOUBLE_EQ(mean_absolute_error(image, reference, {}), 100.5 / 4);
    EXPECT_DOUBLE_EQ(psnr(image, reference, mask, 2), 10 * std::log10(4 / (0.25 / 3)));
    EXPECT_EQ(psnr(image, image, mask, 2), infinite);
    EXPECT_DOUBLE_EQ(normalised_rmse(image, reference, mask), std::sqrt(0.25 / 2));
    const auto unit = at::full({2, 2}, c10::complex<double>(0, 1), at::kComplexDouble);
    EXPECT_DOUBLE_EQ(mean_absolute_error(reference * unit, reference, mask), 2 * std::numbers::sqrt2);
}

TEST(Metrics, AConstantScoresOne)
{
    const auto reference = Field(11).sample(40, 50);
    const auto mask = box_mask(40, 50, 5, 8, 31, 44);
    const auto mean = reference.masked_select(mask).mean();
    EXPECT_NEAR(normalised_rmse(at::zeros_like(reference) + mean, reference, mask), 1, 1e-12);
    EXPECT_EQ(normalised_rmse(reference, reference, mask), 0);
    EXPECT_TRUE(std::isnan(normalised_rmse(reference, at::ones_like(reference), mask)));
}

TEST(Metrics, NanInsideTheMaskIsNotHidden)
{
    auto image = at::real(Field(12).sample(20, 20)).contiguous();
    const auto reference = image.clone();
    image[4][15].fill_(nan_value);
    EXPECT_TRUE(std::isnan(mean_absolute_error(image, reference, {})));
    EXPECT_TRUE(std::isnan(ssim(image, reference, {}, 1)));
    const auto left = box_mask(20, 20, 0, 0, 20, 10);
    EXPECT_EQ(mean_absolute_error(image, reference, left), 0);
    EXPECT_NEAR(ssim(image, reference, left, 1), 1, 1e-12);
}

TEST(Metrics, RefuseWhatHasNoMeaning)
{
    const auto image = at::ones({10, 10}, at::kDouble), wave = at::ones({10, 10}, at::kComplexDouble);
    EXPECT_THROW(psnr(image, image, {}, 0), Error);
    EXPECT_THROW(ssim(image, image, {}, nan_value), Error);
    EXPECT_THROW(ssim(wave, wave, {}, 1), Error);
    EXPECT_THROW(ssim(image, image, box_mask(10, 10, 0, 0, 6, 10), 1), Error);
    EXPECT_THROW(ssim(image.slice(0, 0, 5), image.slice(0, 0, 5), {}, 1), Error);
    EXPECT_THROW(ring_sums(image.slice(0, 0, 5), image.slice(0, 0, 5)), Error);
    EXPECT_THROW(mean_absolute_error(image, image.slice(0, 0, 5), {}), Error);
}

TEST(Ssim, FallsWithNoiseAndIsOneForEqualImages)
{
    const auto image = at::real(Field(13).sample(60, 70)).contiguous();
    EXPECT_DOUBLE_EQ(ssim(image, image, {}, 2), 1);
    const auto weak = ssim(image + at::real(noise(60, 70, 0.05, 1)), image, {}, 2);
    const auto strong = ssim(image + at::real(noise(60, 70, 0.5, 1)), image, {}, 2);
    EXPECT_LT(weak, 1);
    EXPECT_LT(strong, weak - 0.2);
}

TEST(Ssim, OnlyWindowsWhollyInsideTheMaskCount)
{
    const auto reference = at::real(Field(14).sample(50, 60)).contiguous();
    const auto mask = box_mask(50, 60, 10, 12, 40, 50);
    const auto outside = at::where(mask, reference, reference * -3 + 5);
    EXPECT_DOUBLE_EQ(ssim(outside, reference, mask, 2), 1);
    const auto inside = reference.slice(0, 10, 40).slice(1, 12, 50);
    EXPECT_NEAR(ssim(reference + 0.3, reference, mask, 2), ssim(inside + 0.3, inside, {}, 2), 1e-12);
}

// ---- numbers of the Python reference ----

TEST(MetricsGolden, BasicMeasuresAgree)
{
    const auto golden = golden::load("metrics_basic.npz");
    const auto target = golden.at("in/target").abs(), pred = golden.at("in/pred").abs();
    const auto scaled = pred * (target.mean() / pred.mean());
    EXPECT_NEAR(mean_absolute_error(pred, target, {}), number(golden, "amp_raw/mae"),
                1e-5 * number(golden, "amp_raw/mae"));
    EXPECT_NEAR(mean_absolute_error(scaled, target, {}), number(golden, "amp_norm/mae"),
                1e-5 * number(golden, "amp_norm/mae"));
    EXPECT_NEAR(psnr(pred, target, {}, 255), number(golden, "amp_raw/psnr_peak255"), 1e-4);
    EXPECT_NEAR(psnr(scaled, target, {}, 255), number(golden, "amp_norm/psnr_peak255"), 1e-4);
    const double range = (target.max() - target.min()).item<double>();
    EXPECT_NEAR(range, number(golden, "amp_raw/data_range"), 1e-6);
    EXPECT_NEAR(ssim(pred, target, {}, range), number(golden, "amp_raw/ssim"), 1e-5);
}

TEST(MetricsGolden, SsimOfEveryWindowAgrees)
{
    // One window at a time through the mask, against the reference's map.
    const auto golden = golden::load("metrics_basic.npz");
    const auto target = golden.at("in/target").abs(), pred = golden.at("in/pred").abs();
    const auto map = golden.at("amp_raw/ssim_map");
    const double range = number(golden, "amp_raw/data_range");
    for (const auto& [row, column] : std::vector<std::pair<int, int>>{{3, 3}, {40, 17}, {92, 86}, {8, 60}})
        EXPECT_NEAR(ssim(pred, target, box_mask(96, 90, row - 3, column - 3, row + 4, column + 4), range),
                    map[row][column].item<double>(), 1e-4);
}

TEST(MetricsGolden, RingCurvesAgree)
{
    const auto golden = golden::load("metrics_fsc.npz");
    for (const std::string name : {"amp", "complex", "odd"}) {
        const auto sums = ring_sums(golden.at(name + "/a"), golden.at(name + "/b"));
        const auto expected = golden.at(name + "/curve");
        ASSERT_EQ(static_cast<std::int64_t>(sums.size()), expected.numel()) << name;
        for (std::size_t ring = 0; ring < sums.size(); ++ring)
            EXPECT_NEAR(std::abs(sums[ring]), expected[static_cast<std::int64_t>(ring)].item<double>(), 1e-9)
                << name << " ring " << ring;
    }
}

TEST(MetricsGolden, CrossingsAgree)
{
    const auto golden = golden::load("metrics_basic.npz");
    const auto values = golden.at("cross/curve"), pairs = golden.at("cross/threshold_value");
    RingCorrelation curve;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
        curve.frequency.push_back(static_cast<double>(i));
        curve.correlation.push_back(values[i].item<double>());
    }
    for (std::int64_t i = 0; i < pairs.size(0); ++i) {
        const double expected = pairs[i][1].item<double>();
        // A curve that never falls below: the reference says its length, we say Nyquist.
        EXPECT_NEAR(crossing(curve, pairs[i][0].item<double>()), expected == 10 ? 1 : expected, 1e-9);
    }
}

// ---- ring correlation ----

TEST(RingCorrelation, IsOneForEqualImagesWhateverTheirScale)
{
    const auto image = Field(15).sample(65, 65) + noise(65, 65, 0.2, 2);
    const auto curve = ring_correlation(image, image * 3);
    ASSERT_EQ(curve.frequency.size(), 33u);
    EXPECT_NEAR(curve.frequency.back(), 64.0 / 65, 1e-12);
    for (const double value : curve.correlation)
        EXPECT_NEAR(value, 1, 1e-9);
    EXPECT_EQ(crossing(curve, 0.5), 1);
}

TEST(RingCorrelation, OfIndependentNoiseIsAboutZero)
{
    const auto curve = ring_correlation(noise(128, 128, 1, 3), noise(128, 128, 1, 4));
    // A ring of radius q averages 2 pi q products; the window makes neighbours about four times dependent.
    for (std::size_t q = 4; q < curve.correlation.size(); ++q)
        EXPECT_LT(std::abs(curve.correlation[q]), 4 * std::sqrt(4 / (2 * std::numbers::pi * static_cast<double>(q))))
            << q;
    double mean = 0;
    for (std::size_t q = 4; q < curve.correlation.size(); ++q)
        mean += curve.correlation[q] / static_cast<double>(curve.correlation.size() - 4);
    EXPECT_LT(std::abs(mean), 0.03);
}

TEST(RingCorrelation, CrossesWhereCommonFrequenciesEnd)
{
    const auto image = noise(128, 128, 1, 5);
    for (const double cut : {0.25, 0.5, 0.8}) {
        const auto other = low_passed(image, cut, noise(128, 128, 1, 6));
        // One ring is 1/64; the window spreads the edge over about two.
        EXPECT_NEAR(crossing(ring_correlation(image, other), 0.5), cut, 0.04);
    }
}

TEST(RingCorrelation, OppositePhasesAreNoAgreement)
{
    const auto image = noise(64, 64, 1, 7);
    EXPECT_NEAR(ring_correlation(image, -image).correlation[20], -1, 1e-9);
    const c10::complex<double> quarter(0, 1);
    EXPECT_NEAR(ring_correlation(image, image * quarter).correlation[20], 0, 1e-9);
}

TEST(RingCorrelation, ConstantsCorrelateNowhere)
{
    const auto flat = at::ones({32, 32}, at::kDouble);
    const auto curve = ring_correlation(flat, flat);
    for (std::size_t q = 1; q < curve.correlation.size(); ++q)
        EXPECT_EQ(curve.correlation[q], 0);
}

// ---- everything at once ----

TEST(Compare, ADisplacedCopyScoresPerfectly)
{
    const Field field(16);
    const auto reference = field.sample(112, 128);
    const auto object =
        field.sample(112, 128, 3.4, -1.7) * ramp(112, 128, 0.02, -0.03) * c10::complex<double>(0.3, 0.8);
    const auto scores = compare(object, reference, box_mask(112, 128, 20, 16, 92, 110));
    EXPECT_NEAR(scores.shift_x, 3.4, 1e-3);
    EXPECT_NEAR(scores.shift_y, -1.7, 1e-3);
    EXPECT_LT(scores.complex_nrmse, 1e-3);
    EXPECT_LT(scores.amplitude_mae, 1e-3);
    EXPECT_LT(scores.phase_mae, 1e-3);
    EXPECT_GT(scores.amplitude_ssim, 0.9999);
    EXPECT_GT(scores.phase_ssim, 0.999);
    EXPECT_GT(scores.amplitude_psnr, 60);
    EXPECT_GT(scores.phase_psnr, 60);
    EXPECT_EQ(scores.frc.frequency.size(), 72u / 2 + 1);
    EXPECT_GT(scores.frc.correlation[10], 0.999);
}

TEST(Compare, UnrelatedObjectsScoreBadly)
{
    const auto scores =
        compare(Field(17).sample(112, 128), Field(18).sample(112, 128), box_mask(112, 128, 20, 16, 92, 110));
    EXPECT_GT(scores.complex_nrmse, 0.8);
    EXPECT_LT(scores.amplitude_ssim, 0.5);
    EXPECT_LT(scores.frc_half, 0.2);
}

TEST(Compare, MeasuresOfAKnownError)
{
    // Amplitude noise only: nRMSE and amplitude MAE are those of the noise, the phase is right.
    const Field field(19, 0.2);
    const auto reference = field.sample(100, 100);
    const auto error = at::real(noise(100, 100, 0.02 * std::numbers::sqrt2, 8));
    const auto scores = compare(reference * (error / reference.abs() + 1), reference, {});
    EXPECT_NEAR(scores.amplitude_mae, 0.02 * std::sqrt(2 / std::numbers::pi), 1e-3);
    EXPECT_LT(scores.phase_mae, 1e-3);
    const double spread = (reference - reference.mean()).abs().square().mean().sqrt().item<double>();
    EXPECT_NEAR(scores.complex_nrmse, 0.02 / spread, 0.03 * 0.02 / spread);
    EXPECT_NEAR(scores.amplitude_psnr, 20 * std::log10(scores.amplitude_range / 0.02), 0.3);
    EXPECT_NEAR(scores.amplitude_range, (reference.abs().max() - reference.abs().min()).item<double>(), 1e-12);
}

TEST(Compare, WrapsOfThePhaseAreNoErrors)
{
    // A patch at 3.1 rad in the reference and 3.2 in the object, which reads as -3.08.
    auto phase = at::real(Field(20, 0.05).sample(90, 90)).contiguous() - 1;
    const auto patch = box_mask(90, 90, 40, 50, 60, 70);
    const auto reference = at::polar(at::ones_like(phase), at::where(patch, phase * 0 + 3.1, phase));
    const auto object = at::polar(at::ones_like(phase), at::where(patch, phase * 0 + 3.2, phase));
    const auto scores = compare(object, reference, {});
    EXPECT_LT(scores.phase_mae, 0.02);
    EXPECT_GT(scores.phase_ssim, 0.95);
    EXPECT_TRUE(std::isnan(scores.amplitude_ssim) || scores.amplitude_range < 1e-12);
}

TEST(Compare, MissingPixelsCostPointsAndDoNotCrash)
{
    const auto reference = Field(21).sample(80, 80);
    auto holes = reference.clone();
    holes.slice(0, 20, 40).slice(1, 20, 40).fill_(nan_value);
    const auto scores = compare(holes, reference, {});
    EXPECT_GT(scores.complex_nrmse, 0.2);
    EXPECT_GT(scores.phase_mae, 0.01);
    EXPECT_LT(scores.amplitude_ssim, 0.97);
    auto unknown = reference.clone();
    unknown.slice(0, 20, 40).slice(1, 20, 40).fill_(nan_value);
    EXPECT_LT(compare(reference, unknown, {}).complex_nrmse, 1e-6);
    EXPECT_TRUE(std::isfinite(compare(at::full_like(reference, nan_value), reference, {}).complex_nrmse));
}

TEST(Compare, TooSmallAnAreaIsAnError)
{
    const auto image = Field(22).sample(40, 40);
    EXPECT_THROW(compare(image, image, box_mask(40, 40, 10, 10, 16, 30)), Error);
}

// ---- scanned area ----

TEST(ScannedArea, RectangleIncludesItsEdges)
{
    const auto positions = at::tensor({3.0, 2.0, 8.0, 2.0, 8.0, 6.0, 3.0, 6.0, 5.0, 4.0}).view({5, 2}).to(at::kDouble);
    EXPECT_TRUE(scanned_area(positions, 10, 12, 0, 0).equal(box_mask(10, 12, 2, 3, 7, 9)));
    // The same in a frame whose pixel (0, 0) is at (1, -3).
    EXPECT_TRUE(scanned_area(positions, 12, 12, 1, -3).equal(box_mask(12, 12, 5, 2, 10, 8)));
}

TEST(ScannedArea, EqualsTheHullByItsDefinition)
{
    // A pixel is inside when no line through two positions has it strictly on one side and all positions on the other.
    auto generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{9});
    const auto positions =
        at::rand({14, 2}, generator, at::TensorOptions().dtype(at::kDouble)) * at::tensor({40.0, 22.0}) + 4.3;
    const auto area = scanned_area(positions, 30, 50, 0, 0);
    const auto p = positions.accessor<double, 2>();
    const auto side = [&](int i, int j, double x, double y) {
        return (p[j][0] - p[i][0]) * (y - p[i][1]) - (p[j][1] - p[i][1]) * (x - p[i][0]);
    };
    for (int row = 0; row < 30; ++row)
        for (int column = 0; column < 50; ++column) {
            bool inside = true;
            for (int i = 0; i < 14; ++i)
                for (int j = 0; j < 14; ++j) {
                    bool edge = i != j;
                    for (int k = 0; k < 14; ++k)
                        edge = edge && side(i, j, p[k][0], p[k][1]) >= -1e-9;
                    inside = inside && !(edge && side(i, j, column, row) < 0);
                }
            EXPECT_EQ(area[row][column].item<bool>(), inside) << row << ", " << column;
        }
    EXPECT_GT(area.sum().item<std::int64_t>(), 200);
}

TEST(ScannedArea, LinesAndPointsAreHullsToo)
{
    const auto line = at::tensor({2.0, 3.0, 6.0, 5.0}).view({2, 2}).to(at::kDouble);
    const auto on_line = scanned_area(line, 9, 9, 0, 0);
    EXPECT_EQ(on_line.sum().item<std::int64_t>(), 3);
    EXPECT_TRUE(on_line[4][4].item<bool>());
    const auto point = at::tensor({7.0, 1.0}).view({1, 2}).to(at::kDouble);
    EXPECT_TRUE(scanned_area(point.repeat({5, 1}), 9, 9, 0, 0).equal(box_mask(9, 9, 1, 7, 2, 8)));
    EXPECT_FALSE(scanned_area(point + 100, 9, 9, 0, 0).any().item<bool>());
    EXPECT_TRUE(scanned_area(point + 1e300, 9, 9, 0, 0).logical_not().all().item<bool>());
}

TEST(ScannedArea, BadPositionsAreErrors)
{
    EXPECT_THROW(scanned_area(at::zeros({0, 2}, at::kDouble), 9, 9, 0, 0), Error);
    EXPECT_THROW(scanned_area(at::zeros({4, 3}, at::kDouble), 9, 9, 0, 0), Error);
    EXPECT_THROW(scanned_area(at::full({4, 2}, nan_value, at::kDouble), 9, 9, 0, 0), Error);
    EXPECT_THROW(scanned_area(at::zeros({4, 2}, at::kDouble), 0, 9, 0, 0), Error);
}

} // namespace
} // namespace ptk::evaluation
