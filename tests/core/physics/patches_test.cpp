#include "core/kernels/using_backend.h"
#include "core/physics/gradient.h"
#include "physics/approach.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "physics/rpie.h"

namespace ptk::physics {

namespace {

using testing::expect_gradient;
using testing::random;

/// Patches of side N cut out of one object by plain slices: rows [y - N/2, y + N/2), columns [x - N/2, x + N/2).
at::Tensor cut(const at::Tensor& object, const at::Tensor& corners, std::int64_t side)
{
    std::vector<at::Tensor> patches;
    for (std::int64_t i = 0; i < corners.size(0); ++i)
        patches.push_back(object.narrow(0, corners[i][1].item<std::int64_t>(), side)
                              .narrow(1, corners[i][0].item<std::int64_t>(), side));
    return at::stack(patches);
}

TEST(PixelGrid, SplitsPositionsIntoCornerAndFraction)
{
    const auto grid =
        pixel_grid(at::tensor({40.0, 50.0, 40.5, 49.5, 40.25, -3.75, 7.499, 7.501}, at::kDouble).view({4, 2}), 16);
    EXPECT_TRUE(at::equal(grid.corners, at::tensor({32, 42, 33, 42, 32, -12, -1, 0}, at::kLong).view({4, 2})))
        << grid.corners;
    EXPECT_TRUE(at::allclose(grid.fractions,
                             at::tensor({0.0, 0.0, -0.5, -0.5, 0.25, 0.25, 0.499, -0.499}, at::kDouble).view({4, 2}), 0,
                             1e-12))
        << grid.fractions;
    EXPECT_EQ(pixel_grid(at::tensor({20.0, 30.0}, at::kDouble).unsqueeze(0), 15).corners[0][0].item<std::int64_t>(),
              13);
}

TEST(PixelGrid, SinglePixelLandsAtItsPosition)
{
    // One bright object pixel at row 21, column 34, seen from a position with fractions: on the whole-pixel grid it
    // lies N/2 + (pixel - rounded position) into the patch, and the probe, shifted by the fraction, has its index N/2
    // at the position itself.
    const std::int64_t side = 16;
    auto object = at::zeros({60, 80}, at::kComplexDouble);
    object[21][34] = 1;
    const auto position = at::tensor({32.3, 23.8}, at::kDouble).unsqueeze(0);
    const auto grid = pixel_grid(position, side);
    const auto patch = cut(object, grid.corners, side)[0];
    EXPECT_EQ(patch[8 + 21 - 24][8 + 34 - 32].abs().item<double>(), 1) << "rows follow y, columns x";

    const auto y = at::arange(side, at::kDouble).unsqueeze(1) - 8, x = at::arange(side, at::kDouble) - 8;
    const auto probe = at::exp(-(y / 3).square() - (x / 2).square()).to(at::kComplexDouble).unsqueeze(0);
    const auto exit = patch * shifted_probe(probe, grid.fractions)[0][0];
    const double expected =
        std::exp(-std::pow((21 - 23.8) / 3, 2) - std::pow((34 - 32.3) / 2, 2)); // the probe about (x, y), at the pixel
    EXPECT_NEAR(exit.abs().max().item<double>(), expected, 1e-3);
}

TEST(MergeAndCut, PatchesOfOneObjectComeBackUnchanged)
{
    const std::int64_t side = 12, groups = 3, size = 5;
    const auto object = random({40, 50}, at::kComplexDouble, 1);
    const auto corners =
        at::stack({at::randint(0, 38, {groups, size}, at::kLong), at::randint(0, 28, {groups, size}, at::kLong)}, 2);
    const auto patches = cut(object, corners.view({-1, 2}), side).view({groups, size, side, side});
    const auto weights = random({groups, size, side, side}, at::kDouble, 2).abs() + 0.01;
    EXPECT_LT((merge_and_cut(patches, corners, weights) - patches).abs().max().item<double>(), 1e-12);
    EXPECT_LT((merge_and_cut(patches, corners - 1000, weights) - patches).abs().max().item<double>(), 1e-12)
        << "only differences count";
}

TEST(MergeAndCut, EqualsTheFormulaPixelByPixel)
{
    const std::int64_t side = 4, size = 3;
    const auto patches = random({1, size, side, side}, at::kComplexDouble, 3);
    auto weights = random({1, size, side, side}, at::kDouble, 4).abs();
    weights[0][0][0][0] = 0; // a pixel that no other patch sees
    const auto corners = at::tensor({10, 20, 12, 21, 11, 23}, at::kLong).view({1, size, 2});
    const auto merged = merge_and_cut(patches, corners, weights)[0];
    for (int g = 0; g < size; ++g) {
        for (int r = 0; r < side; ++r) {
            for (int c = 0; c < side; ++c) {
                const auto x = corners[0][g][0].item<std::int64_t>() + c, y = corners[0][g][1].item<std::int64_t>() + r;
                c10::complex<double> sum = 0;
                double weight = 0;
                for (int k = 0; k < size; ++k) {
                    const auto column = x - corners[0][k][0].item<std::int64_t>(),
                               row = y - corners[0][k][1].item<std::int64_t>();
                    if (column < 0 || row < 0 || column >= side || row >= side)
                        continue;
                    const double w = weights[0][k][row][column].item<double>();
                    sum += w * patches[0][k][row][column].item<c10::complex<double>>();
                    weight += w;
                }
                const auto expected = sum / std::max(weight, 1e-12);
                EXPECT_LT(std::abs(std::complex<double>(merged[g][r][c].item<c10::complex<double>>() - expected)),
                          1e-12);
            }
        }
    }
}

TEST(MergeAndCut, GradientMatchesFiniteDifferences)
{
    const auto patches = random({2, 3, 6, 6}, at::kComplexDouble, 5),
               weight = random({2, 3, 6, 6}, at::kComplexDouble, 6);
    const auto weights = random({2, 3, 6, 6}, at::kDouble, 7).abs() + 0.1;
    const auto corners = at::tensor({0, 0, 2, 1, 1, 4, 5, 5, 4, 7, 9, 3}, at::kLong).view({2, 3, 2});
    expect_gradient([&](const at::Tensor& p) { return at::real(merge_and_cut(p, corners, weights) * weight).sum(); },
                    patches, "patches");
    expect_gradient([&](const at::Tensor& w) { return at::real(merge_and_cut(patches, corners, w) * weight).sum(); },
                    weights, "weights");
}

TEST(MergeAndCut, WrongShapesAndScatteredGroupsAreErrors)
{
    const auto patches = random({1, 2, 4, 4}, at::kComplexFloat, 1);
    const auto weights = at::ones({1, 2, 4, 4});
    const auto corners = at::zeros({1, 2, 2}, at::kLong);
    EXPECT_THROW(merge_and_cut(patches[0], corners, weights), Error);
    EXPECT_THROW(merge_and_cut(patches, corners.narrow(1, 0, 1), weights), Error);
    EXPECT_THROW(merge_and_cut(patches, corners, weights.narrow(1, 0, 1)), Error);
    auto far = corners.clone();
    far[0][1][0] = 1000000000;
    far[0][1][1] = 1000000000;
    EXPECT_THROW(merge_and_cut(patches, far, weights), Error);
}

TEST(Translated, MovesContentByTheOffset)
{
    auto image = at::zeros({2, 9, 12}, at::kDouble);
    image.select(1, 4).select(1, 5).fill_(1);
    const auto moved = translated(image, at::tensor({2.0, -1.0, 0.25, 0.5}, at::kDouble).view({2, 2}));
    EXPECT_NEAR(moved[0][3][7].item<double>(), 1, 1e-12);
    EXPECT_NEAR(moved[0].sum().item<double>(), 1, 1e-12);
    EXPECT_NEAR(moved[1][4][5].item<double>(), 0.5 * 0.75, 1e-12);
    EXPECT_NEAR(moved[1][5][6].item<double>(), 0.5 * 0.25, 1e-12);
}

TEST(RpieStep, LeavesTheExactSolutionAndImprovesOthers)
{
    const std::int64_t side = 16;
    const auto truth = random({4, side, side}, at::kComplexDouble, 8);
    const auto probe = random({4, 2, side, side}, at::kComplexDouble, 9);
    const auto amplitude = far_field_amplitude(truth, probe);
    EXPECT_LT((rpie_step(truth, probe, amplitude, 0.1, 1) - truth).abs().max().item<double>(), 1e-9);

    const auto error = [&](const at::Tensor& patches) {
        return ((far_field_amplitude(patches, probe) - amplitude).square().sum() / amplitude.square().sum())
            .sqrt()
            .item<double>();
    };
    auto patches = truth + 0.5 * random({4, side, side}, at::kComplexDouble, 10);
    double before = error(patches);
    for (int i = 0; i < 5; ++i) {
        patches = rpie_step(patches, probe, amplitude, 0.5, 0.5);
        const double after = error(patches);
        EXPECT_LT(after, before);
        before = after;
    }
    const auto swapped = rpie_step(truth, probe, amplitude.transpose(1, 2), 0.5, 1);
    EXPECT_GT((swapped - truth).abs().max().item<double>(), 0.1) << "rows and columns of the frame are told apart";
}

TEST(RpieStep, EqualsTheFormulaAndIsDifferentiable)
{
    const std::int64_t side = 6;
    const auto patches = random({1, side, side}, at::kComplexDouble, 11),
               probe = random({1, 2, side, side}, at::kComplexDouble, 12);
    const auto amplitude = random({1, side, side}, at::kDouble, 13).abs();
    const auto field = at::fft_fft2(patches.unsqueeze(1) * probe, c10::nullopt, {-2, -1}, "ortho");
    const auto target =
        field * (at::roll(amplitude, {-3, -3}, {1, 2}) / field.abs().square().sum(1).sqrt()).unsqueeze(1);
    const auto change = at::fft_ifft2(target - field, c10::nullopt, {-2, -1}, "ortho");
    const auto weight = probe.abs().square().sum(1);
    const auto expected = patches + 0.7 * (probe.conj() * change).sum(1) / (0.75 * weight + 0.25 * weight.max());
    EXPECT_LT((rpie_step(patches, probe, amplitude, 0.25, 0.7) - expected).abs().max().item<double>(), 1e-12);
    const auto direction = random({1, side, side}, at::kComplexDouble, 14);
    expect_gradient(
        [&](const at::Tensor& p) { return at::real(rpie_step(p, probe, amplitude, 0.25, 0.7) * direction).sum(); },
        patches, "patches", 1e-6);
    const auto nothing = rpie_step(at::zeros({1, side, side}, at::kComplexFloat), probe.to(at::kComplexFloat),
                                   amplitude.to(at::kFloat), 0.1, 1);
    EXPECT_TRUE(at::isfinite(at::abs(nothing)).all().item<bool>());
}

TEST(RpieStep, FrameByFrameEqualsThePlainOne)
{
    for (const std::int64_t side : {15, 16, 24}) {
        for (const std::int64_t modes : {1, 3}) {
            const auto patches = random({5, side, side}, at::kComplexDouble, 21),
                       probe = random({5, modes, side, side}, at::kComplexDouble, 22);
            const auto amplitude = random({5, side, side}, at::kDouble, 23).abs();
            const auto good = (random({side, side}, at::kDouble, 24) > -1).to(at::kDouble);
            for (const auto& mask : {at::Tensor(), good}) {
                const auto expected = rpie_step(patches, probe, amplitude, 0.05, 0.7, mask);
                const auto ours = [&](kernels::Backend by) {
                    const kernels::testing::UsingBackend those(by);
                    return rpie_step(patches.to(at::kComplexFloat), probe.to(at::kComplexFloat),
                                     amplitude.to(at::kFloat), 0.05, 0.7, mask.defined() ? mask.to(at::kFloat) : mask);
                };
                const double size = expected.abs().max().item<double>();
                EXPECT_LT((ours(kernels::Backend::Own) - expected).abs().max().item<double>(), 2e-5 * size)
                    << side << ", " << modes << " modes, " << (mask.defined() ? "bad pixels" : "all good");
                EXPECT_FALSE(at::equal(ours(kernels::Backend::Own), ours(kernels::Backend::Aten)))
                    << "the loops were not asked";
            }
        }
    }
    auto wanted = random({1, 16, 16}, at::kComplexFloat, 25).requires_grad_(true);
    const auto step = rpie_step(wanted, random({1, 1, 16, 16}, at::kComplexFloat, 26),
                                random({1, 16, 16}, at::kFloat, 27).abs(), 0.1, 1);
    EXPECT_TRUE(step.requires_grad());
}

TEST(Approached, IsFasterThanItsStepsAlone)
{
    // Steps that leave 0.2 to 0.99 of the error in each direction.
    const auto left = at::linspace(0.2, 0.99, 50, at::kDouble);
    const auto start = at::ones({50}, at::kDouble);
    const auto step = [&](const at::Tensor& x) { return x * left; };
    EXPECT_TRUE(at::equal(approached(start, 0, step), start));
    EXPECT_TRUE(at::equal(approached(start, 1, step), left));
    EXPECT_TRUE(at::allclose(approached(start, 2, step), (left + 0.9 * (left - 1)) * left));
    const double alone = left.pow(40).norm().item<double>();
    EXPECT_LT(approached(start, 40, step).norm().item<double>(), 0.2 * alone);
}

} // namespace

} // namespace ptk::physics
