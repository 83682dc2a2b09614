#include "core/golden.h"
#include "core/physics/gradient.h"
#include "physics/far_field.h"
#include "physics/near_field.h"

#include <numbers>

namespace ptk::physics {
namespace {

constexpr double pi = std::numbers::pi;
constexpr std::int64_t side = 128;

at::Tensor square_radius(double spacing)
{
    const auto axis = (at::arange(side, at::kDouble) - side / 2) * spacing;
    return axis.square().unsqueeze(0) + axis.square().unsqueeze(1);
}

/// A Gaussian beam of waist w (of the amplitude, in pixels of the object) after z = 1 / (f wavelength) pixels, without
/// exp(i k z). Goodman's Fresnel integral of exp(-r^2 / w^2) is elementary: 1 / q exp(-r^2 / (w^2 q)) with
/// q = 1 + i / (pi f w^2).
at::Tensor beam(double waist, double fresnel, double spacing)
{
    const std::complex<double> q = 1.0 + std::complex<double>(0, 1 / (pi * fresnel * waist * waist));
    const auto inverse = 1.0 / q;
    const auto r2 = square_radius(spacing) / (waist * waist);
    const auto envelope = (-r2 * inverse.real()).exp() * std::abs(inverse);
    return at::polar(envelope, -r2 * inverse.imag() + std::arg(inverse));
}

at::Tensor waist_of(double waist)
{
    return at::complex((-square_radius(1) / (waist * waist)).exp(), at::zeros({side, side}, at::kDouble));
}

TEST(NearField, GaussianBeamsAreTheAnalyticOnes)
{
    for (const double fresnel : {0.5, 0.05, -0.05, 0.02}) // |f| N = 64 ... 2.6
        golden::expect_close(fresnel_transfer(waist_of(6), fresnel), beam(6, fresnel, 1), 1e-9,
                             "transfer, f = " + std::to_string(fresnel));
    for (const double fresnel : {1.0 / 128, 0.004, 0.001, -0.004}) {
        // Pixels are 1 / (|f| N) there, and the transform keeps the power: amplitudes are larger by the pixel's side.
        const double pixel = 1 / (std::abs(fresnel) * side);
        golden::expect_close(fresnel_single(waist_of(6), fresnel), beam(6, fresnel, pixel) * pixel, 1e-9,
                             "single, f = " + std::to_string(fresnel));
    }
}

TEST(NearField, BothAgreeWhereTheyMeet)
{
    const double fresnel = 1.0 / side;
    golden::expect_close(fresnel_transfer(waist_of(8), fresnel), fresnel_single(waist_of(8), fresnel), 1e-6, "f N = 1");
}

TEST(NearField, KeepsPowerAddsUpAndGoesBack)
{
    const auto field = testing::random({3, 32, 32}, at::kComplexDouble, 1);
    const double power = field.abs().square().sum().item<double>();
    for (const auto& moved :
         {fresnel_transfer(field, 0.3), fresnel_single(field, 0.01), angular_spectrum(field, 0.5, 9)})
        EXPECT_NEAR(moved.abs().square().sum().item<double>(), power, 1e-9 * power);
    golden::expect_close(fresnel_transfer(fresnel_transfer(field, 0.5), 0.25), fresnel_transfer(field, 1 / 6.0), 1e-12,
                         "1 / f adds");
    golden::expect_close(fresnel_transfer(fresnel_transfer(field, 0.4), -0.4), field, 1e-12, "there and back");
    golden::expect_close(angular_spectrum(angular_spectrum(field, 0.5, 7), 0.5, -7), field, 1e-12, "there and back");
    golden::expect_close(fresnel_single(fresnel_single(field, 1.0 / 32), -1.0 / 32), field, 1e-12, "single, back");
}

TEST(NearField, ParaxialBeamsFollowTheAngularSpectrum)
{
    const double wavelength = 0.05, distance = 400; // f = 1 / (wavelength distance) = 0.05
    golden::expect_close(angular_spectrum(waist_of(6), wavelength, distance), fresnel_transfer(waist_of(6), 0.05), 1e-3,
                         "paraxial");
    // Waves steeper than the wavelength allows decay over a few wavelengths.
    const auto grating = at::complex((at::arange(side, at::kDouble) * pi).cos().expand({side, side}).contiguous(),
                                     at::zeros({side, side}, at::kDouble));
    const double decay = 2 * pi * 3 * std::sqrt(0.25 - 1 / 9.0);
    golden::expect_close(angular_spectrum(grating, 3, 3).abs(), grating.abs() * std::exp(-decay), 1e-9, "evanescent");
}

TEST(NearField, AGratingRepeatsAtTalbotsDistance)
{
    // Period p: 2 p^2 / wavelength, which is f = 1 / (2 p^2).
    const auto lines = at::arange(side, at::kLong).remainder(8).lt(3).to(at::kDouble).expand({side, side}).contiguous();
    const auto grating = at::complex(lines, at::zeros_like(lines));
    golden::expect_close(fresnel_transfer(grating, 1 / 128.0), grating, 1e-10, "Talbot");
    EXPECT_GT((fresnel_transfer(grating, 1 / 64.0) - grating).abs().max().item<double>(), 0.5);
}

TEST(NearField, IntensityChoosesByTheSamplingRule)
{
    const auto probe = testing::random({2, 32, 32}, at::kComplexFloat, 1),
               patches = testing::random({3, 32, 32}, at::kComplexFloat, 2);
    const auto waves = patches.unsqueeze(1) * probe;
    golden::expect_close(near_field_intensity(patches, probe, 1.0 / 16),
                         fresnel_transfer(waves, 1.0 / 16).abs().square().sum(1), 1e-4, "near");
    golden::expect_close(near_field_intensity(patches, probe, 1.0 / 64),
                         fresnel_single(waves, 1.0 / 64).abs().square().sum(1), 1e-4, "far");
    // Infinitely far it is the far field.
    golden::expect_close(near_field_intensity(patches, probe, 1e-12), far_field_intensity(patches, probe), 1e-4,
                         "far field");
}

TEST(NearField, GradientsInDouble)
{
    const auto probe = testing::random({2, 16, 16}, at::kComplexDouble, 1),
               patches = testing::random({2, 16, 16}, at::kComplexDouble, 2);
    const auto weight = testing::random({2, 16, 16}, at::kDouble, 3);
    for (const double fresnel : {0.2, 0.03, -0.1}) {
        testing::expect_gradient(
            [&](const at::Tensor& o) { return (near_field_intensity(o, probe, fresnel) * weight).sum(); }, patches,
            "patches, f = " + std::to_string(fresnel));
        testing::expect_gradient(
            [&](const at::Tensor& p) { return (near_field_intensity(patches, p, fresnel) * weight).sum(); }, probe,
            "probe, f = " + std::to_string(fresnel));
    }
    testing::expect_gradient(
        [&](const at::Tensor& u) { return (angular_spectrum(u, 3, 2).abs().square() * weight).sum(); }, patches,
        "angular spectrum");
}

TEST(NearField, NumbersAndRefusals)
{
    EXPECT_DOUBLE_EQ(fresnel_number(1e-6, 1e-10, 0.02), 0.5);
    EXPECT_DOUBLE_EQ(fresnel_number(1e-6, 1e-10, -0.02), -0.5);
    EXPECT_THROW(fresnel_number(0, 1e-10, 1), Error);
    EXPECT_THROW(fresnel_number(1e-6, 1e-10, 0), Error);
    const auto field = testing::random({8, 8}, at::kComplexFloat, 1);
    EXPECT_THROW(fresnel_transfer(field, 0), Error);
    EXPECT_THROW(fresnel_single(field.narrow(0, 0, 4), 1), Error);
    EXPECT_THROW(fresnel_single(at::real(field), 1), Error);
    EXPECT_THROW(angular_spectrum(field, -1, 1), Error);
    EXPECT_THROW(near_field_intensity(field, field, 1), Error);
}

} // namespace
} // namespace ptk::physics
