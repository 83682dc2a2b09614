#include "core/golden.h"
#include "data/normalisation.h"
#include "physics/probe.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ptk::data {
namespace {

Scan scan_of(const at::Tensor& frames, Measurement measurement)
{
    Scan scan;
    scan.source = "arrays";
    scan.frames = frames_in_memory(frames);
    scan.measurement = measurement;
    scan.positions = at::zeros({frames.size(0), 2}, at::kDouble);
    return scan;
}

double relative_error(double found, const at::Tensor& expected)
{
    return std::abs(found / expected.item<double>() - 1);
}

TEST(Normalisation, EqualsPtychoPinns)
{
    const auto fixture = golden::load("phys_scale_constants.npz");
    const auto x = fixture.at("X"); // (groups, C, N, N)
    const auto sums = frame_sums(scan_of(x.reshape({-1, 20, 20}), Measurement::Amplitude));
    const InputNorm parseval, largest{.kind = InputNorm::Kind::Largest};
    EXPECT_LT(relative_error(input_scale(sums, 20, parseval), fixture.at("rms/Batch_Parseval")), 1e-5);
    EXPECT_LT(relative_error(input_scale(sums, 20, largest), fixture.at("rms/Batch_Max")), 1e-5);
    EXPECT_LT(relative_error(physics_scale(sums.mean_amplitude), fixture.at("physics/Batch_Parseval")), 1e-5);
    EXPECT_LT(relative_error(intensity_scale(1e6, sums.mean_intensity), fixture.at("derive/4d_nphotons1e6")), 1e-5);
    EXPECT_LT((group_scales(x, parseval) / fixture.at("rms/Group_Parseval") - 1).abs().max().item<double>(), 1e-5);
    EXPECT_LT((group_scales(x, largest) / fixture.at("rms/Group_Max") - 1).abs().max().item<double>(), 1e-5);
    for (std::int64_t group = 0; group < x.size(0); ++group)
        EXPECT_LT(relative_error(physics_scale(frame_sums(scan_of(x[group], Measurement::Amplitude)).mean_amplitude),
                                 fixture.at("physics/Group_Parseval")[group]),
                  1e-5);
}

TEST(Normalisation, OfCountsEqualsPtychoPinns)
{
    const auto fixture = golden::load("phys_scale_constants.npz");
    const auto counts = fixture.at("counts");
    const InputNorm norm{.half_side = true, .intensity = true};
    const auto sums = frame_sums(scan_of(counts.reshape({-1, 20, 20}), Measurement::Counts));
    EXPECT_LT(relative_error(input_scale(sums, 20, norm), fixture.at("ci/rms_input_scale")), 1e-5);
    EXPECT_LT(relative_error(sums.mean_intensity / 400, fixture.at("ci/mean_measured_intensity")), 1e-5);
    EXPECT_LT(relative_error(group_scales(counts.sqrt().reshape({1, -1, 20, 20}), norm).to(at::kDouble).item<double>(),
                             fixture.at("ci/rms_input_scale")),
              1e-5);
    const auto adapted = (fixture.at("X") * 37.5).square();
    golden::expect_close(adapted, fixture.at("ci/adapted_intensity_k37.5"), 1e-5, "normalised amplitudes as counts");
    golden::expect_close(physics::canonical_probe(fixture.at("probe"), 20) * 37.5, fixture.at("ci/adapted_probe_k37.5"),
                         1e-5, "the probe that belongs to them");
}

TEST(Normalisation, OfTheContainerEqualsPtychoPinns)
{
    // sqrt((N/2)^2 / mean over groups and channels of sum X^2) of the frames that were drawn.
    const auto fixture = golden::load("group_container.npz");
    const auto frames = fixture.at("in/diffraction").index_select(0, fixture.at("c4_random/nn_indices").reshape(-1));
    const auto sums = frame_sums(scan_of(frames, Measurement::Amplitude));
    const auto normalised =
        (frames * input_scale(sums, 8, {.half_side = true})).view({20, 4, 8, 8}).permute({0, 2, 3, 1});
    golden::expect_close(normalised, fixture.at("c4_random/X_full"), 1e-6, "X_full");
}

TEST(Normalisation, CountsAndAmplitudesOfThemHaveTheSameSums)
{
    const auto counts = at::randint(0, 50, {7, 6, 6}, at::make_generator<at::CPUGeneratorImpl>(3), at::kFloat);
    auto scan = scan_of(counts, Measurement::Counts);
    scan.bad_pixels = at::zeros({6, 6}, at::kBool);
    scan.bad_pixels[2][3] = true;
    auto cleared = counts.clone();
    cleared.select(1, 2).select(1, 3).zero_();
    const auto a = frame_sums(scan), b = frame_sums(scan_of(cleared.sqrt(), Measurement::Amplitude));
    const auto near = [](double x, double y) { EXPECT_NEAR(x, y, 1e-5 * y); };
    near(a.mean_amplitude, b.mean_amplitude);
    near(a.mean_intensity, b.mean_intensity);
    near(a.mean_squared_intensity, b.mean_squared_intensity);
    near(a.largest_amplitude, b.largest_amplitude);
    near(a.largest_intensity, b.largest_intensity);
    near(a.mean_intensity, cleared.to(at::kDouble).sum().item<double>() / 7);
    near(a.largest_intensity, cleared.sum(at::IntArrayRef({1, 2})).max().item<double>());
}

TEST(Normalisation, WithoutLightIsAnError)
{
    for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL})
        EXPECT_THROW(parseval_scale(bad, 20, false), Error);
    const auto sums = frame_sums(scan_of(at::zeros({3, 4, 4}), Measurement::Counts));
    EXPECT_THROW(input_scale(sums, 4, {.kind = InputNorm::Kind::Largest}), Error);
    EXPECT_THROW(physics_scale(0), Error);
    EXPECT_THROW(intensity_scale(1e6, 0), Error);
    EXPECT_THROW(intensity_scale(-1, 1), Error);
    auto dark = at::ones({2, 3, 4, 4});
    dark[1].zero_();
    EXPECT_THROW(group_scales(dark, {}), Error);
}

} // namespace
} // namespace ptk::data
