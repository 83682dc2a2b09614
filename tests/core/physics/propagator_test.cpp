#include "base/constants.h"
#include "config/config.h"
#include "core/golden.h"
#include "core/physics/gradient.h"
#include "data/scan.h"
#include "physics/far_field.h"
#include "physics/near_field.h"
#include "physics/probe.h"
#include "physics/propagator.h"

namespace ptk::physics {
namespace {

using data::Propagation;

constexpr std::int64_t side = 32;

/// Lengths with this Fresnel number of a pixel.
Propagation fresnel(double number)
{
    return {Propagation::Kind::Fresnel, 1e-6, 1e-10, 1e-2 / number};
}

Propagation angular(double distance_pixels)
{
    return {Propagation::Kind::AngularSpectrum, 1e-6, 2e-7, distance_pixels * 1e-6};
}

at::Tensor random(at::IntArrayRef shape, int seed, at::ScalarType type = at::kComplexDouble)
{
    return testing::random(shape, type, seed);
}

TEST(Propagator, TheFarFieldHasNone)
{
    EXPECT_EQ(Propagator::of({}, side), nullptr);
}

TEST(Propagator, IntensitiesAreThoseOfTheNearFieldsOperators)
{
    const auto patches = random({3, side, side}, 1), probe = random({3, 2, side, side}, 2);
    for (const double number : {0.5, 0.1, -0.2, 0.01, -0.004}) // on both sides of f N = 1
        golden::expect_close(Propagator::of(fresnel(number), side)->intensity(patches, probe, {}),
                             near_field_intensity(patches, probe, number), 1e-9, std::to_string(number));
    const auto waves = patches.unsqueeze(1) * probe;
    golden::expect_close(Propagator::of(angular(20), side)->intensity(patches, probe, {}),
                         angular_spectrum(waves, 0.2, 20).abs().square().sum(1), 1e-9, "angular spectrum");
}

TEST(Propagator, VeryFarAwayItIsTheFarField)
{
    const auto patches = random({3, side, side}, 1), probe = random({3, 2, side, side}, 2);
    golden::expect_close(Propagator::of(fresnel(1e-9), side)->intensity(patches, probe, {}),
                         far_field_intensity(patches, probe), 1e-6, "far");
}

TEST(Propagator, BackwardIsTheInverseAndTheAdjoint)
{
    const auto waves = random({2, 3, side, side}, 1), other = random({2, 3, side, side}, 2);
    const auto fractions = at::tensor({0.3, -0.2, -0.45, 0.1}, at::kDouble).view({2, 2});
    for (const auto& way : {fresnel(0.3), fresnel(0.01), fresnel(-0.01), angular(30)}) {
        const auto propagator = Propagator::of(way, side);
        const auto there = propagator->forward(waves, fractions);
        golden::expect_close(propagator->backward(there, fractions), waves, 1e-9, "there and back");
        golden::expect_close((there.conj() * other).sum(),
                             (waves.conj() * propagator->backward(other, fractions)).sum(), 1e-8, "adjoint");
    }
}

/// A smooth object and probe in the middle of the frame, analytic, so that both can be anywhere.
at::Tensor gaussian(double x, double y, double width)
{
    const auto axis = at::arange(side, at::kDouble) - static_cast<double>(side / 2);
    const auto r2 = (axis - x).square().unsqueeze(0) + (axis - y).square().unsqueeze(1);
    return at::complex((-r2 / (2 * width * width)).exp(), at::zeros({side, side}, at::kDouble));
}

TEST(Propagator, TheBeamStaysWhereItIsAndTheObjectMoves)
{
    // The beam is at index N/2 of the detector, the object moves under it by (-0.4, 0.3).
    const double x = 0.4, y = -0.3;
    const auto beam = gaussian(0, 0, 3); // nothing of it at the border
    const auto thing = [](double left, double up) { return 1 - 0.5 * gaussian(left, up, 2.5); };
    const auto fractions = at::tensor({x, y}, at::kDouble).unsqueeze(0);
    for (const auto& way : {fresnel(0.1), fresnel(0.02), angular(60)}) {
        const auto propagator = Propagator::of(way, side);
        const auto truth = propagator->intensity(thing(-x, -y), beam.unsqueeze(0), {});
        const auto shifted = shifted_probe(beam.unsqueeze(0), fractions);
        const auto ours = propagator->intensity(thing(0, 0).unsqueeze(0), shifted, fractions)[0];
        golden::expect_close(ours, truth, 1e-5, "moved by a fraction");
        const auto uncorrected = propagator->intensity(thing(0, 0).unsqueeze(0), shifted, {})[0];
        EXPECT_GT((uncorrected - truth).abs().max().item<double>(), 1e-3);
    }
}

TEST(Propagator, GradientsInDouble)
{
    const auto patches = random({2, side, side}, 1), probe = random({2, 2, side, side}, 2);
    const auto fractions = at::tensor({0.3, -0.2, -0.45, 0.1}, at::kDouble).view({2, 2});
    const auto weight = random({2, side, side}, 3, at::kDouble);
    for (const auto& way : {fresnel(0.3), fresnel(0.01), angular(30)}) {
        const auto propagator = Propagator::of(way, side);
        testing::expect_gradient(
            [&](const at::Tensor& o) { return (propagator->intensity(o, probe, fractions) * weight).sum(); }, patches,
            "patches");
        testing::expect_gradient(
            [&](const at::Tensor& p) { return (propagator->intensity(patches, p, fractions) * weight).sum(); }, probe,
            "probe");
    }
}

// ---- where the lengths come from ----

config::Settings options(const std::string& json)
{
    return config::Settings(config::library_schema(), config::Config::from_json(json));
}

data::Geometry geometry()
{
    data::Geometry known;
    known.energy_j = base::planck_j_s * base::light_speed_m_s / 1e-10; // 1e-10 m
    known.distance_m = 0.05;
    known.detector_pixel_m = 2e-6;
    return known;
}

TEST(Propagation, LengthsAreTheOptionsElseTheScans)
{
    const auto known = data::lengths_of(geometry(), 64);
    EXPECT_FALSE(data::propagation_of(options("{}"), known, "scan").near_field());
    const auto own = data::propagation_of(options(R"({"physics.propagator": "fresnel"})"), known, "scan");
    EXPECT_NEAR(own.wavelength_m, 1e-10, 1e-22);
    EXPECT_EQ(own.distance_m, 0.05);
    EXPECT_EQ(own.pixel_m, 2e-6) << "a parallel beam";
    EXPECT_NEAR(own.fresnel_number(), 0.8, 1e-9);
    const auto given = data::propagation_of(
        options(
            R"({"physics": {"propagator": "angular_spectrum", "distance_m": -0.1, "wavelength_m": 2e-10, "pixel_m": 1e-6}})"),
        known, "scan");
    EXPECT_EQ(given.distance_m, -0.1);
    EXPECT_EQ(given.wavelength_m, 2e-10);
    EXPECT_EQ(given.pixel_m, 1e-6);
}

TEST(Propagation, AnObjectPixelOfTheFarFieldIsNone)
{
    auto stated = geometry();
    stated.object_pixel_m = 5e-7;
    EXPECT_EQ(data::lengths_of(stated, 64).pixel_m, 5e-7);
    stated.object_pixel_m = stated.far_field_pixel_m(64);
    EXPECT_EQ(data::lengths_of(stated, 64).pixel_m, 2e-6);
}

TEST(Propagation, WhatIsMissingIsNamed)
{
    const auto missing = [](const std::string& more) {
        try {
            data::propagation_of(options(R"({"physics.propagator": "fresnel")" + more + "}"), {}, "scan.npz");
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::InvalidConfig);
            return error.message();
        }
        return std::string();
    };
    EXPECT_NE(missing("").find("scan.npz: physics.propagator = fresnel needs the wavelength"), std::string::npos);
    const std::string wave = R"(, "physics.wavelength_m": 1e-10)";
    EXPECT_NE(missing(wave).find("give physics.distance_m or data.distance_m"), std::string::npos);
    EXPECT_NE(missing(wave + R"(, "physics.distance_m": 0.1)").find("give physics.pixel_m"), std::string::npos);
    EXPECT_EQ(missing(wave + R"(, "physics.distance_m": 0.1, "physics.pixel_m": 1e-6)"), "");
    EXPECT_NE(missing(wave + R"(, "physics.distance_m": 0, "physics.pixel_m": 1e-6)").find("distance"),
              std::string::npos);
}

} // namespace
} // namespace ptk::physics
