// Patches spread on a canvas on raw pointers, every instruction set of this machine, against the definition.
#include "kernels/cpu/splat.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace ptk::kernels::cpu {
namespace {

class SplatTest : public ::testing::TestWithParam<std::tuple<InstructionSet, std::int64_t>> {};

TEST_P(SplatTest, EqualsTheDefinitionAndStaysInside)
{
    const auto [set, side] = GetParam();
    if (!supported(set))
        GTEST_SKIP() << "this processor has no such instructions";
    at::manual_seed(7);
    const std::int64_t height = side + 6, width = side + 9;
    const std::vector<SplatPlace> places{{0, 0, 0, 0, 0},        {1, 5, 8, 0, 0.25},   {1, 5, 8, 0.5, 0.125},
                                         {2, 2, 3, 0.75, 0.375}, {0, 1, 4, 0.0625, 0}, {2, 4, 1, 0.5, 0.5}};
    const auto values = at::randn({3, side, side, 2}), weights = at::rand({3, side, side});
    const auto shares = weights.to(at::kDouble).unsqueeze(-1);
    const auto numbers = at::cat({values.to(at::kDouble) * shares, shares}, -1); // re, im, weight
    auto expected = at::zeros({height, width, 3}, at::kDouble);
    for (const auto& place : places)
        for (const int down : {0, 1})
            for (const int right : {0, 1}) {
                const double share = (down ? place.fraction_y : 1 - place.fraction_y) *
                                     (right ? place.fraction_x : 1 - place.fraction_x);
                if (share > 0)
                    expected.narrow(0, place.row + down, side).narrow(1, place.column + right, side) +=
                        share * numbers[place.patch];
            }

    // One pixel more than the canvas has, to be left alone.
    auto sum = at::zeros({height * width + 1, 2}, at::kDouble), weight = at::zeros({height * width + 1}, at::kDouble);
    const SplatPatches patches{
        values.const_data_ptr<float>(),          weights.const_data_ptr<float>(), side * side, side, places.data(),
        static_cast<std::int64_t>(places.size())};
    const SplatCanvas canvas{sum.mutable_data_ptr<double>(), weight.mutable_data_ptr<double>(), width};
    splat_rows(patches, canvas, 0, height / 3, set);
    splat_rows(patches, canvas, height / 3, height, set);
    const auto found = at::cat({sum.view({-1, 2}), weight.unsqueeze(-1)}, -1);
    EXPECT_LT((found.slice(0, 0, -1).view({height, width, 3}) - expected).abs().max().item<double>(), 1e-13);
    EXPECT_EQ(found[-1].abs().sum().item<double>(), 0) << "a pixel too many";
}

INSTANTIATE_TEST_SUITE_P(Sets, SplatTest,
                         ::testing::Combine(::testing::Values(InstructionSet::Portable, InstructionSet::Avx2,
                                                              InstructionSet::Avx512),
                                            ::testing::Values(1, 2, 7, 32, 64, 131)));

} // namespace
} // namespace ptk::kernels::cpu
