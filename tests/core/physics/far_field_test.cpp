#include "core/physics/gradient.h"
#include "physics/far_field.h"

namespace ptk::physics {

namespace {

using testing::expect_gradient;
using testing::random;

TEST(FarField, ParsevalHoldsForEveryMode)
{
    const auto patches = random({3, 16, 16}, at::kComplexDouble, 1), probe = random({4, 16, 16}, at::kComplexDouble, 2);
    at::Tensor sum = at::zeros({3}, at::kDouble);
    for (int m = 0; m < 4; ++m) {
        const auto counts = far_field_intensity(patches, probe.narrow(0, m, 1)).sum({1, 2});
        const auto energy = (patches * probe[m]).abs().square().sum({1, 2});
        EXPECT_LT((counts - energy).abs().max().item<double>(), 1e-10 * energy.max().item<double>()) << "mode " << m;
        sum += energy;
    }
    const auto all = far_field_intensity(patches, probe).sum({1, 2});
    EXPECT_LT((all - sum).abs().max().item<double>(), 1e-10 * sum.max().item<double>()) << "modes add up incoherently";
}

TEST(FarField, ZeroFrequencyIsAtHalfTheSideAndRowsAreRows)
{
    const std::int64_t side = 16;
    const auto row = at::arange(side, at::kDouble).view({side, 1}).expand({side, side}), column = row.t();
    const auto probe = at::ones({1, side, side}, at::kComplexDouble);
    const auto flat = far_field_intensity(at::ones({1, side, side}, at::kComplexDouble), probe)[0];
    EXPECT_NEAR(flat[side / 2][side / 2].item<double>(), side * side, 1e-9);
    EXPECT_NEAR(flat.sum().item<double>(), side * side, 1e-9);
    // A wave of +3 periods along y and -2 along x goes to row N/2 + 3, column N/2 - 2.
    const auto wave =
        at::exp(at::complex(at::zeros_like(row), 2 * M_PI * (3 * row - 2 * column) / static_cast<double>(side)));
    const auto peak = far_field_intensity(wave.unsqueeze(0), probe)[0];
    EXPECT_NEAR(peak[side / 2 + 3][side / 2 - 2].item<double>(), side * side, 1e-9);
}

TEST(FarField, ProbeForEachPatchEqualsOneProbeAtATime)
{
    const auto patches = random({2, 3, 12, 12}, at::kComplexDouble, 3),
               probe = random({2, 3, 2, 12, 12}, at::kComplexDouble, 4);
    const auto all = far_field_intensity(patches, probe);
    ASSERT_EQ(all.sizes(), patches.sizes());
    for (int b = 0; b < 2; ++b) {
        for (int g = 0; g < 3; ++g)
            EXPECT_TRUE(at::allclose(all[b][g], far_field_intensity(patches[b][g], probe[b][g]), 1e-12, 1e-12));
    }
}

TEST(FarField, GradientMatchesFiniteDifferences)
{
    const auto patches = random({2, 2, 8, 8}, at::kComplexDouble, 5), probe = random({3, 8, 8}, at::kComplexDouble, 6);
    const auto weight = random({2, 2, 8, 8}, at::kDouble, 7);
    expect_gradient([&](const at::Tensor& p) { return (far_field_intensity(p, probe) * weight).sum(); }, patches,
                    "intensity, patches");
    expect_gradient([&](const at::Tensor& p) { return (far_field_intensity(patches, p) * weight).sum(); }, probe,
                    "intensity, probe");
    expect_gradient([&](const at::Tensor& p) { return (far_field_amplitude(p, probe) * weight).sum(); }, patches,
                    "amplitude, patches");
    expect_gradient([&](const at::Tensor& p) { return (far_field_amplitude(patches, p) * weight).sum(); }, probe,
                    "amplitude, probe");
    const auto own = random({2, 2, 3, 8, 8}, at::kComplexDouble, 8);
    expect_gradient([&](const at::Tensor& p) { return (far_field_amplitude(patches, p) * weight).sum(); }, own,
                    "amplitude, probe of each patch");
}

TEST(FarField, GradientIsFiniteAndBoundedWhereNothingArrives)
{
    for (const double size :
         {0.0, 1e-25, 1e-18, 1e-12, 1e-3}) { // below, around and above the root of the smallest float
        const auto patches = (size * random({1, 8, 8}, at::kComplexFloat, 9)).requires_grad_(true);
        const auto amplitude = far_field_amplitude(patches, at::ones({1, 8, 8}, at::kComplexFloat));
        amplitude.sum().backward();
        EXPECT_LE(amplitude.max().item<float>(), 8 * size * 8 + 1e-14);
        const auto gradient = patches.grad().abs();
        EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << size;
        EXPECT_LE(gradient.max().item<float>(), 8.01F)
            << size; // each of 64 unit gradients reaches a pixel with weight 1/8
    }
}

TEST(FarField, CoherentModesInterfere)
{
    const auto wave = random({1, 1, 1, 8, 8}, at::kComplexDouble, 10);
    const auto one = coherent_amplitude(wave);
    EXPECT_TRUE(at::allclose(coherent_amplitude(at::cat({wave, wave}, 2)), 2 * one, 1e-10, 1e-10));
    EXPECT_LT(coherent_amplitude(at::cat({wave, -wave}, 2)).max().item<double>(), 1e-7);
}

TEST(FarField, WrongShapesAreNamed)
{
    const auto patches = random({2, 8, 8}, at::kComplexFloat, 1);
    EXPECT_THROW(far_field_intensity(patches, random({8, 8}, at::kComplexFloat, 1)), Error);
    EXPECT_THROW(far_field_intensity(patches, random({1, 10, 10}, at::kComplexFloat, 1)), Error);
    EXPECT_THROW(far_field_intensity(patches, random({3, 1, 8, 8}, at::kComplexFloat, 1)), Error);
    EXPECT_THROW(far_field_intensity(random({2, 8, 9}, at::kComplexFloat, 1), random({1, 8, 9}, at::kComplexFloat, 1)),
                 Error);
}

} // namespace

} // namespace ptk::physics
