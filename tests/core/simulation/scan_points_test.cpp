#include "core/golden.h"
#include "core/simulation/simulation_testing.h"
#include "data/neighbours.h"
#include "simulation/scan_points.h"

#include <cmath>

namespace ptk::simulation {
namespace {

at::Tensor tensor_of(const std::vector<Point>& points)
{
    auto out = at::empty({static_cast<std::int64_t>(points.size()), 2}, at::kDouble);
    for (std::size_t i = 0; i < points.size(); ++i) {
        out[static_cast<std::int64_t>(i)][0] = points[i].x;
        out[static_cast<std::int64_t>(i)][1] = points[i].y;
    }
    return out;
}

TEST(ScanPoints, JitteredRasterOfPtychoPinnForTheSameDraws)
{
    const auto golden = golden::load("datagen_scan_positions.npz");
    const auto shape = golden.at("object_shape");
    for (const std::int64_t count : {9, 20}) {
        const auto key = "n" + std::to_string(count);
        const auto draws = at::cat({golden.at(key + "/uniform01_x"), golden.at(key + "/uniform01_y")});
        std::int64_t next = 0;
        const auto points = jittered_raster(shape[0].item<std::int64_t>(), shape[1].item<std::int64_t>(), 24, count,
                                            [&] { return draws[next++].item<double>(); });
        ASSERT_EQ(points.size(), static_cast<std::size_t>(count));
        EXPECT_EQ(next, draws.size(0));
        for (std::size_t i = 0; i < points.size(); ++i) {
            // The reference rounds to 1/100 pixel in float32.
            const auto k = static_cast<std::int64_t>(i);
            EXPECT_NEAR(std::round(points[i].x * 100) / 100, golden.at(key + "/x")[k].item<double>(), 1e-5)
                << key << " " << i;
            EXPECT_NEAR(std::round(points[i].y * 100) / 100, golden.at(key + "/y")[k].item<double>(), 1e-5)
                << key << " " << i;
        }
    }
}

TEST(ScanPoints, EveryPatternHasItsCountItsDensityAndItsCentre)
{
    for (const auto& kind : scan_kinds()) {
        auto random = base::random_engine(3, "scan");
        const auto points = tensor_of(scan_points(kind, 400, 4, 0.3, random));
        ASSERT_EQ(points.size(0), 400) << kind;
        const auto low = std::get<0>(points.min(0)), high = std::get<0>(points.max(0));
        EXPECT_LE((low + high).abs().max().item<double>(), 1e-9) << kind;
        // 400 points, one in 16 square pixels: a square of 80 pixels or a disk of the same area, 90 across.
        const auto extent = (high - low).max().item<double>();
        EXPECT_GT(extent, 70) << kind;
        EXPECT_LT(extent, 96) << kind;
    }
}

TEST(ScanPoints, RegularPatternsKeepTheirStep)
{
    for (const std::string kind : {"raster", "concentric", "fermat"}) {
        auto random = base::random_engine(3, "scan");
        const auto points = tensor_of(scan_points(kind, 300, 4, 0.3, random));
        const auto nearest = data::nearest_neighbours(points, 2).select(1, 1);
        const auto distance = (points - points.index_select(0, nearest)).square().sum(1).sqrt();
        // Ring spacing and chord of the rings differ by the rounding of the number of points; the first two points of
        // the spiral are 1/sqrt(pi) apart.
        EXPECT_GT(distance.min().item<double>(), (kind == "fermat" ? 0.56 : 0.85) * 4) << kind;
        EXPECT_LT(distance.max().item<double>(), 1.3 * 4) << kind;
    }
}

TEST(ScanPoints, JitterStaysInItsBounds)
{
    auto random = base::random_engine(5, "scan");
    const auto regular = tensor_of(scan_points("raster", 100, 10, 0, random)),
               jittered = tensor_of(scan_points("grid", 100, 10, 0.25, random));
    const auto shift = jittered - regular;
    // Twice 2.5 pixels: the pattern is centred anew.
    EXPECT_LE(shift.abs().max().item<double>(), 5);
    EXPECT_GT(shift.std().item<double>(), 1);
}

} // namespace
} // namespace ptk::simulation
