#include "core/golden.h"
#include "core/simulation/simulation_testing.h"
#include "data/detector_steps.h"
#include "simulation/detector.h"

namespace ptk::simulation {
namespace {

TEST(SimulatedDetector, BeamstopIsThatOfPtychoPinn)
{
    const auto golden = golden::load("datagen_beamstop.npz");
    const auto frames = golden.at("in/intensity");
    for (const std::string diameter : {"0", "1", "3.5", "4", "9"}) {
        const auto stop = data::beamstop(frames.size(1), frames.size(2), std::stod(diameter));
        EXPECT_TRUE(frames.masked_fill(stop, 0).equal(golden.at("out/diameter" + diameter))) << diameter;
    }
}

TEST(SimulatedDetector, DeadPixelsAreAsManyAsAsked)
{
    auto random = base::random_engine(1, "detector");
    for (const double fraction : {0.0, 0.01, 0.5, 1.0})
        EXPECT_EQ(dead_pixels(20, fraction, random).sum().item<std::int64_t>(), std::llround(fraction * 400))
            << fraction;
    EXPECT_FALSE(dead_pixels(20, 0.1, random).equal(dead_pixels(20, 0.1, random)));
}

std::vector<float> detected(const Detector& detector, float mean, std::size_t count)
{
    auto random = base::random_engine(2, "detector");
    std::vector<float> frame(count, mean);
    detect(frame.data(), static_cast<std::int64_t>(count), detector, random);
    return frame;
}

double variance(const std::vector<float>& values, double mean)
{
    double sum = 0;
    for (const float value : values)
        sum += (value - mean) * (value - mean);
    return sum / static_cast<double>(values.size());
}

TEST(SimulatedDetector, NoiseOfPhotonsAndReadoutAddUp)
{
    Detector detector;
    detector.readout_noise = 8;
    const auto counts = detected(detector, 400, 20000);
    // Photons, readout and rounding: 400 + 64 + 1/12; five standard deviations of a sample variance.
    const double expected = 400 + 64 + 1.0 / 12;
    EXPECT_NEAR(variance(counts, 400), expected, 5 * expected * std::sqrt(2.0 / 20000));
    for (const float value : counts)
        ASSERT_EQ(value, std::round(value));
}

TEST(SimulatedDetector, WithoutNoiseTheMeanIsKept)
{
    Detector detector;
    detector.poisson = false;
    EXPECT_EQ(detected(detector, 2.75F, 4), (std::vector<float>(4, 2.75F)));
}

TEST(SimulatedDetector, SaturatesAndIsBlind)
{
    Detector detector;
    detector.saturation = 50;
    detector.blind = at::tensor(std::vector<std::uint8_t>{0, 1, 0}).to(at::kBool);
    const auto counts = detected(detector, 1000, 3);
    EXPECT_EQ(counts, (std::vector<float>{50, 0, 50}));
    detector.readout_noise = 5;
    for (const float value : detected({.poisson = true, .readout_noise = 5, .saturation = {}, .blind = {}}, 0.1F, 1000))
        ASSERT_GE(value, 0);
}

} // namespace
} // namespace ptk::simulation
