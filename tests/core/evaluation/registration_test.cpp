#include "core/evaluation/fields.h"
#include "evaluation/metrics.h"
#include "evaluation/registration.h"

#include <ATen/CPUGeneratorImpl.h>

#include <complex>
#include <limits>

namespace ptk::evaluation {
namespace {

constexpr std::int64_t height = 112, width = 128;
const auto nan_value = std::numeric_limits<double>::quiet_NaN();

/// A transformation as Registration says it.
struct Planted {
    double shift_x, shift_y, ramp_x, ramp_y;
    std::complex<double> scale;
};

/// The object that the transformation brings onto the field.
at::Tensor displaced(const Field& field, const Planted& p)
{
    const auto moved = field.sample(height, width, p.shift_x, p.shift_y);
    const auto phase = std::polar(1.0, p.ramp_x * p.shift_x + p.ramp_y * p.shift_y) / p.scale;
    return moved * ramp(height, width, p.ramp_x, p.ramp_y) * c10::complex<double>(phase);
}

void expect_found(const Registration& found, const Planted& planted, double pixels)
{
    EXPECT_NEAR(found.shift_x, planted.shift_x, pixels);
    EXPECT_NEAR(found.shift_y, planted.shift_y, pixels);
    // A ramp's error turns the phase at the end of the field by that times the field.
    EXPECT_NEAR(found.ramp_x, planted.ramp_x, pixels / width);
    EXPECT_NEAR(found.ramp_y, planted.ramp_y, pixels / height);
    // The factor is that of pixel (0, 0), half a field from where it is measured.
    EXPECT_LT(std::abs(std::complex<double>(found.scale_re, found.scale_im) - planted.scale),
              2 * pixels * std::abs(planted.scale));
}

const std::vector<Planted> planted_cases{
    {0, 0, 0, 0, {1, 0}},
    {0.31, -0.74, 0.03, -0.05, {0.2, 0.35}},
    {7.43, -9.61, 0, 0, {-1.3, 0.4}},
    {-10.2, 3.5, -0.045, 0.02, {0, -2.5}},
    {4.5, 8.5, 0.21, 0.13, {1, 1}}, // a ramp of four turns across the field
};

TEST(Registration, PlantedTransformationComesBack)
{
    const Field field(1);
    const auto mask = box_mask(height, width, 16, 14, 98, 110);
    for (const auto& planted : planted_cases) {
        SCOPED_TRACE(::testing::Message() << "shift " << planted.shift_x << ", " << planted.shift_y);
        const auto found = register_object(displaced(field, planted), field.sample(height, width), mask);
        // Exact but for the continuation of the object beyond its frame, which reaches in by a few pixels.
        expect_found(found, planted, 1e-3);
        EXPECT_LT(normalised_rmse(found.aligned, field.sample(height, width), mask), 1e-3);
        EXPECT_TRUE(found.valid.equal(mask));
    }
}

TEST(Registration, NoiseMovesTheResultLittle)
{
    // With noise of variance sigma^2 in both images no estimate can be expected to err less than sigma / sqrt(sum
    // |gradient|^2) in the shift and sigma / (sqrt(n) side / sqrt(12)) in the ramp (Cramer-Rao). Four times that is
    // allowed; for the weak noise it is below 0.02 pixels.
    const Field field(2);
    const auto mask = box_mask(height, width, 12, 12, 100, 116);
    const auto reference = field.sample(height, width);
    const auto slope = [&](std::int64_t axis) {
        const auto difference = (reference.slice(axis, 2) - reference.slice(axis, 0, -2)) / 2;
        return std::sqrt(difference.slice(0, 12, 100).slice(1, 12, 114).abs().square().sum().item<double>());
    };
    for (const double sigma : {0.02, 0.3})
        for (const auto& planted : planted_cases) {
            SCOPED_TRACE(::testing::Message()
                         << "noise " << sigma << ", shift " << planted.shift_x << ", " << planted.shift_y);
            const auto object = displaced(field, planted) + noise(height, width, sigma / std::abs(planted.scale), 5);
            const auto found = register_object(object, reference + noise(height, width, sigma, 6), mask);
            EXPECT_NEAR(found.shift_x, planted.shift_x, 4 * sigma / slope(1));
            EXPECT_NEAR(found.shift_y, planted.shift_y, 4 * sigma / slope(0));
            const double ramp_error = 4 * sigma * std::sqrt(12.0 / (88 * 104)) / 88;
            EXPECT_NEAR(found.ramp_x, planted.ramp_x, ramp_error);
            EXPECT_NEAR(found.ramp_y, planted.ramp_y, ramp_error);
        }
    EXPECT_LT(4 * 0.02 / std::min(slope(0), slope(1)), 0.02);
}

TEST(Registration, WorksWithoutMeanTransmission)
{
    // Phases over several turns: no plane wave in the object, nothing for a ramp to be read from before the shift is
    // known.
    const auto turned = [](const at::Tensor& field) {
        return at::polar(at::ones_like(at::real(field)), (at::real(field) - 1) * 5);
    };
    const Field field(3, 0.8, 4);
    const auto reference = turned(field.sample(height, width));
    EXPECT_LT(reference.mean().abs().item<double>(), 0.4);
    const auto object = turned(field.sample(height, width, 6.4, -8.7)) * ramp(height, width, -0.04, 0.06) +
                        noise(height, width, 0.1, 3);
    const auto found = register_object(object, reference, box_mask(height, width, 14, 12, 98, 116));
    EXPECT_NEAR(found.shift_x, 6.4, 0.02);
    EXPECT_NEAR(found.shift_y, -8.7, 0.02);
    EXPECT_NEAR(found.ramp_x, -0.04, 1e-4);
    EXPECT_NEAR(found.ramp_y, 0.06, 1e-4);
}

TEST(Registration, WhatLiesOutsideTheMaskDoesNotCount)
{
    const Field field(4);
    const Planted planted{3.25, -2.6, 0.03, 0.01, {0.7, 0.2}};
    const auto mask = box_mask(height, width, 30, 26, 84, 100);
    // Strong noise where a reconstruction has seen nothing, four pixels away from the mask's place in the object.
    const auto seen = box_mask(height, width, 22, 18, 92, 108);
    const auto object = at::where(seen, displaced(field, planted), noise(height, width, 2, 7));
    expect_found(register_object(object, field.sample(height, width), mask), planted, 0.02);
}

TEST(Registration, MaskOverTheWholeFrameLosesOnlyWhatWasMovedOut)
{
    const Field field(5);
    const Planted planted{5.5, -3.25, 0.02, 0, {1, 0}};
    const auto found = register_object(displaced(field, planted), field.sample(height, width), {});
    expect_found(found, planted, 0.02);
    EXPECT_TRUE(found.valid.equal(box_mask(height, width, 0, 6, height - 4, width)));
    EXPECT_EQ(found.aligned.slice(1, 0, 5).abs().max().item<double>(), 0);
}

TEST(Registration, PixelsThatAreNotFiniteAreSurvived)
{
    const Field field(6);
    const Planted planted{-4.3, 2.2, 0.01, -0.02, {0.5, 0.5}};
    auto object = displaced(field, planted).clone(), reference = field.sample(height, width).clone();
    object[50][60].fill_(nan_value);
    object[3][3].fill_(std::numeric_limits<double>::infinity());
    reference[70][40].fill_(nan_value);
    const auto found = register_object(object, reference, box_mask(height, width, 12, 12, 100, 116));
    expect_found(found, planted, 0.02);
    EXPECT_FALSE(found.valid[70][40].item<bool>());
    EXPECT_TRUE(at::isfinite(found.aligned).all().item<bool>());
}

TEST(Registration, NothingAndConstantsStayFinite)
{
    const auto reference = Field(7).sample(40, 48);
    const auto nothing = register_object(at::zeros_like(reference), reference, {});
    EXPECT_EQ(nothing.scale_re, 0);
    EXPECT_EQ(nothing.aligned.abs().max().item<double>(), 0);
    const auto constant = register_object(at::full_like(reference, 3), reference, {});
    EXPECT_TRUE(at::isfinite(constant.aligned).all().item<bool>());
    // Whatever shift a constant is given, its best factor is the mean over the reference.
    EXPECT_LE(normalised_rmse(constant.aligned, reference, constant.valid), 1 + 1e-9);
}

TEST(Registration, WrongShapesAreNamed)
{
    const auto image = Field(8).sample(20, 24);
    const auto expect_shape_error = [&](const at::Tensor& object, const at::Tensor& mask, const std::string& part) {
        try {
            register_object(object, image, mask);
            FAIL() << "expected an error";
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Shape);
            EXPECT_THAT(error.message(), ::testing::HasSubstr(part));
        }
    };
    expect_shape_error(image.t(), {}, "(24, 20), expected (20, 24)");
    expect_shape_error(image.unsqueeze(0), {}, "(1, 20, 24)");
    expect_shape_error(image, at::zeros({20, 24}, at::kBool), "selects none");
    expect_shape_error(image, at::ones({20, 20}, at::kBool), "(20, 20), expected (20, 24)");
}

TEST(Resample, AgreesWithTheFieldOnOtherPixels)
{
    const Field field(9, 0.5, 5);
    const auto fine = field.sample(240, 224, -30, -40);
    // Coarser pixel (r, c) at x = -20.5 + 2 c, y = -33 + 2 r: fine pixel 9.5 + 2 c, 7 + 2 r.
    const auto coarse = resample(fine, 2, 9.5, 7, 110, 100);
    // The field itself has exp(-(5 pi / 2)^2 / 2) = 5e-14 of its height beyond the new Nyquist frequency; the bound is
    // for the ends of the frame.
    EXPECT_LT((coarse - field.sample(110, 100, -20.5, -33, 2)).abs().max().item<double>(), 5e-4);
    const auto finer = resample(fine, 0.4, 20.3, 31.2, 200, 210);
    EXPECT_LT((finer - field.sample(200, 210, -30 + 20.3, -40 + 31.2, 0.4)).abs().max().item<double>(), 5e-4);
}

TEST(Resample, RemovesWhatNewPixelsCannotCarryAndFillsWithNothing)
{
    // A checkerboard around 2: at every second pixel it would read as a constant 3.
    const auto sign = 1 - (at::arange(64).unsqueeze(1) + at::arange(64)).remainder(2) * 2;
    const auto coarse = resample(sign.to(at::kDouble) + 2, 2, 0, 0, 40, 40);
    EXPECT_LT((coarse.slice(0, 0, 32).slice(1, 0, 32) - 2).abs().slice(0, 4, 28).slice(1, 4, 28).max().item<double>(),
              0.02);
    EXPECT_EQ(coarse.slice(0, 32).abs().max().item<double>(), 0);
    EXPECT_EQ(coarse.slice(1, 32).abs().max().item<double>(), 0);
}

TEST(Resample, RefusesWhatMakesNoSense)
{
    const auto image = at::ones({8, 8}, at::kDouble);
    EXPECT_THROW(resample(image, 0, 0, 0, 4, 4), Error);
    EXPECT_THROW(resample(image, nan_value, 0, 0, 4, 4), Error);
    EXPECT_THROW(resample(image, 1, nan_value, 0, 4, 4), Error);
    EXPECT_THROW(resample(image, 1, 0, 0, 0, 4), Error);
    EXPECT_THROW(resample(image * nan_value, 1, 0, 0, 4, 4), Error);
}

} // namespace
} // namespace ptk::evaluation
