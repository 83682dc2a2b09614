#include "core/golden.h"
#include "core/simulation/simulation_testing.h"
#include "simulation/objects.h"
#include "simulation/raster.h"

#include <cmath>
#include <numbers>

namespace ptk::simulation {
namespace {

constexpr double pi = std::numbers::pi;

std::vector<Leaf> golden_leaves(const at::Tensor& rows)
{
    std::vector<Leaf> leaves;
    const auto a = rows.accessor<double, 2>();
    const std::array<int, 5> angles{0, 1, 2, 3, 4};
    for (std::int64_t i = 0; i < rows.size(0); ++i) {
        Leaf leaf;
        leaf.shape = static_cast<Leaf::Shape>(static_cast<int>(a[i][0]));
        leaf.radius_draw = a[i][1];
        leaf.absorption_draw = a[i][2];
        leaf.ratio = a[i][3];
        leaf.x = static_cast<std::int64_t>(a[i][4]);
        leaf.y = static_cast<std::int64_t>(a[i][5]);
        for (int k = 0; k < angles[static_cast<std::size_t>(leaf.shape)]; ++k)
            leaf.angles.push_back(a[i][6 + k]);
        leaves.push_back(leaf);
    }
    return leaves;
}

double fraction_different(const at::Tensor& actual, const at::Tensor& expected, double tolerance)
{
    return (actual - expected).abs().gt(tolerance).to(at::kDouble).mean().item<double>();
}

TEST(SimulatedObjects, DeadLeavesAreThoseOfPtychoPinnForTheSameDraws)
{
    const auto golden = golden::load("datagen_dead_leaves.npz");
    const auto matter = dead_leaves(96, 96, golden_leaves(golden.at("in/leaves")));
    // The reference's rasteriser differs in single pixels of outlines: 1 % by the case's own tolerance.
    const double outline = 0.01;
    EXPECT_LE(fraction_different(tensor_of(matter.absorption) / 3, golden.at("out/beta").to(at::kDouble), 1e-9),
              outline);
    EXPECT_LE(fraction_different(tensor_of(matter.shift) / 3, golden.at("out/delta").to(at::kDouble), 1e-7), outline);
    // Amplitude and phase from the reference's own matter: one pixel of an outline may hold an end of the range that is
    // stretched.
    const Matter same{field_of(golden.at("out/beta").to(at::kDouble) * 3),
                      field_of(golden.at("out/delta").to(at::kDouble) * 3)};
    const auto object = tensor_of(through(same, {0.6, 1.1}, {-pi, pi}));
    // The reference's exp() is in float32 and its range of 0.003 is stretched to 0.5: 6e-8 * 170, twice.
    golden::expect_close(object.abs(), golden.at("out/amplitude"), 3e-5, "amplitude");
    golden::expect_close(object / object.abs(),
                         at::polar(at::ones({96, 96}, at::kDouble), golden.at("out/phase").to(at::kDouble)), 3e-5,
                         "phase");
}

TEST(SimulatedObjects, BaseMapsBecomeObjectsAsInPtychoPinn)
{
    const auto golden = golden::load("datagen_objects.npz");
    const auto object = [&](const char* base, Range amplitude) {
        return tensor_of(complex_object(field_of(golden.at(base)), amplitude, {-pi, pi}));
    };
    golden::expect_close(object("complex/base", {0.8, 1.2}), golden.at("complex/default"), 1e-5, "default");
    golden::expect_close(object("complex/base", {0.6, 1.1}), golden.at("complex/range_0.6_1.1"), 1e-5, "range");
    golden::expect_close(object("complex/out_of_range_base", {0.8, 1.2}), golden.at("complex/out_of_range"), 1e-5,
                         "clipped");
}

TEST(SimulatedObjects, NormalisedAndBlurredAsInPtychoPinn)
{
    const auto golden = golden::load("datagen_objects.npz");
    auto field = field_of(golden.at("normalize/in"));
    normalise(field);
    golden::expect_close(tensor_of(field), golden.at("normalize/out"), 1e-5, "normalised");
    Field flat(3, 3, 7.0);
    normalise(flat);
    golden::expect_close(tensor_of(flat), golden.at("normalize/flat"), 1e-5, "flat");
    for (const std::string name : {"white_noise", "white_noise_blur"}) {
        const double sigma = name == "white_noise" ? 0 : golden.at(name + "/sigma").item<double>();
        auto base = blurred(field_of(golden.at(name + "/base_uniform")), sigma);
        normalise(base);
        golden::expect_close(tensor_of(complex_object(base, {0.8, 1.2}, {-pi, pi})), golden.at(name + "/object"), 1e-5,
                             name);
    }
}

class EveryObject : public testing::TestWithParam<std::string> {};

TEST_P(EveryObject, FillsItsRangesAndFollowsItsSeed)
{
    ObjectRecipe recipe{.kind = GetParam(),
                        .height = 120,
                        .width = 97,
                        .amplitude = {0.5, 0.9},
                        .phase = {-1, 0.5},
                        .blur = 2,
                        .spokes = 12};
    const auto make = [&](std::uint64_t seed) {
        auto random = base::random_engine(seed, "object");
        return tensor_of(make_object(recipe, random));
    };
    const auto object = make(1);
    EXPECT_EQ(object.sizes(), (std::vector<std::int64_t>{120, 97}));
    EXPECT_NEAR(object.abs().min().item<double>(), 0.5, 1e-9);
    EXPECT_NEAR(object.abs().max().item<double>(), 0.9, 1e-9);
    EXPECT_NEAR(object.angle().min().item<double>(), -1, 1e-9);
    EXPECT_NEAR(object.angle().max().item<double>(), 0.5, 1e-9);
    EXPECT_GT(at::view_as_real(object).var().item<double>(), 1e-3); // there is something to see
    EXPECT_TRUE(object.equal(make(1)));
    if (GetParam() != "siemens_star") {
        EXPECT_FALSE(object.equal(make(2)));
    }
}

INSTANTIATE_TEST_SUITE_P(Simulation, EveryObject, testing::ValuesIn(object_kinds()),
                         [](const auto& info) { return info.param; });

TEST(SimulatedObjects, SiemensStarHasItsSpokesOnEveryRing)
{
    const auto star = siemens_map(200, 220, 9);
    for (const double radius : {40.0, 80.0}) {
        int edges = 0;
        bool before = false;
        for (int i = 0; i <= 3600; ++i) {
            const double angle = 2 * pi * (i + 0.5) / 3600;
            const bool on = star(static_cast<std::int64_t>(100 + radius * std::sin(angle)),
                                 static_cast<std::int64_t>(110 + radius * std::cos(angle))) > 0.5;
            edges += i > 0 && on && !before ? 1 : 0;
            before = on;
        }
        EXPECT_EQ(edges, 9) << "radius " << radius;
    }
}

TEST(SimulatedObjects, PolygonsAreClosedAndStayInside)
{
    Field field(10, 12);
    const auto paint = [&](std::int64_t row, std::int64_t column) { field(row, column) = 1; };
    fill_polygon(10, 12, {{-50, 2}, {50, 2}, {50, 4}, {-50, 4}}, paint);
    EXPECT_EQ(tensor_of(field).sum().item<double>(), 3 * 12);
    fill_polygon(10, 12, {{7, 8}}, paint);
    EXPECT_EQ(field(8, 7), 1);
    fill_disk(10, 12, {100, 100}, 3, paint);
    fill_segment(10, 12, {-5, 9}, {30, 9}, 1, paint);
    EXPECT_EQ(tensor_of(field).sum().item<double>(), 3 * 12 + 1 + 12);
}

} // namespace
} // namespace ptk::simulation
