// Searches on cells against the k-d tree's scans of all kinds: which ones get cells, and that cells find the same.
#include "base/random.h"
#include "data/neighbours.h"
#include "data/point_grid.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numbers>

namespace ptk::data {
namespace {

at::Tensor uniform(std::int64_t count, std::uint64_t seed)
{
    return at::rand({count, 2}, base::torch_generator(seed, "point grid"), at::kDouble);
}

std::optional<PointGrid> grid_of(const at::Tensor& positions, double cell)
{
    return PointGrid::made(positions.const_data_ptr<double>(), positions.size(0), cell);
}

std::vector<Neighbour> by_all_points(const at::Tensor& positions, std::int64_t self, std::size_t k)
{
    const auto difference = positions - positions[self];
    const auto distances = difference.square().sum(1).contiguous();
    std::vector<Neighbour> all;
    for (std::int64_t i = 0; i < positions.size(0); ++i)
        all.push_back({distances.const_data_ptr<double>()[i], i});
    std::sort(all.begin(), all.end());
    all.resize(k);
    return all;
}

/// Spiral of Fermat, whose density falls outwards as r^-2 when @p power is 2, and is even when it is 1/2.
at::Tensor spiral(std::int64_t count, double power)
{
    const auto i = at::arange(1, count + 1, at::kDouble);
    const auto angle = i * (std::numbers::pi * (3 - std::sqrt(5.0)));
    const auto radius = i.pow(power);
    return at::stack({radius * angle.cos(), radius * angle.sin()}, 1).contiguous();
}

TEST(PointGrid, FindsWhatAllPointsHave)
{
    const auto jitter = uniform(600, 2);
    const auto row = at::arange(600, at::kDouble);
    const std::vector<std::pair<std::string, at::Tensor>> scans = {
        {"uniform", uniform(700, 1)},
        {"narrow", (uniform(700, 3) * at::tensor({1000.0, 0.01}, at::kDouble)).contiguous()},
        {"tall", (uniform(700, 3) * at::tensor({1e-3, 50.0}, at::kDouble)).contiguous()},
        {"far away", (uniform(700, 4) + 1e7).contiguous()},
        {"tiny", (uniform(700, 4) * 1e-200).contiguous()},
        {"raster", at::stack({row.remainder(30), (row / 30).floor()}, 1).contiguous()},
        {"line", at::stack({row, at::full_like(row, -3)}, 1).contiguous()},
        {"spiral", spiral(700, 0.5)},
        {"denser inside", spiral(700, 0.7)},
        {"a few in the middle of nowhere", at::cat({jitter * 10, at::full({1, 2}, 17.0, at::kDouble)}).contiguous()}};
    for (const auto& [name, positions] : scans)
        for (const std::size_t k : {1, 4, 7, 40}) {
            const auto grid = grid_of(positions, std::max(1.0, static_cast<double>(k) / 3.5));
            ASSERT_TRUE(grid.has_value()) << name;
            Nearest nearest(k, {});
            for (std::int64_t self = 0; self < positions.size(0); self += 7) {
                nearest.begin(self);
                grid->search(self, nearest);
                const auto expected = by_all_points(positions, self, k);
                ASSERT_EQ(nearest.sorted().size(), k) << name;
                for (std::size_t i = 0; i < k; ++i)
                    ASSERT_EQ(nearest.sorted()[i].index, expected[i].index) << name << ", " << self << ", k = " << k;
            }
        }
}

TEST(PointGrid, OrderHoldsEveryPointOnce)
{
    const auto positions = uniform(333, 5);
    auto order = grid_of(positions, 2)->order();
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 333; ++i)
        ASSERT_EQ(order[i], i);
}

TEST(PointGrid, IsNotMadeWhereATreeIsBetter)
{
    const auto clusters =
        (uniform(500, 6) * 1e-3 + at::arange(500, at::kDouble).remainder(3).unsqueeze(1)).contiguous();
    EXPECT_FALSE(grid_of(clusters, 2).has_value());
    EXPECT_FALSE(grid_of(at::cat({uniform(500, 7), at::full({1, 2}, 1e9, at::kDouble)}), 2).has_value()) << "outlier";
    EXPECT_FALSE(grid_of(at::zeros({50, 2}, at::kDouble), 2).has_value()) << "one place";
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        auto positions = uniform(50, 8);
        positions[17][1] = bad;
        EXPECT_FALSE(grid_of(positions, 2).has_value()) << bad;
    }
    EXPECT_FALSE(grid_of((uniform(50, 9) * 1e308 * at::tensor({1.0, -1.0}, at::kDouble)).contiguous(), 2).has_value());
}

} // namespace
} // namespace ptk::data
