#include "base/random.h"
#include "core/golden.h"
#include "reconstruction/canvas.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

namespace ptk::reconstruction {
namespace {

using testing::HasSubstr;

at::Tensor random_patches(std::int64_t count, std::int64_t side, std::uint64_t seed)
{
    return at::randn({count, side, side}, base::torch_generator(seed, "patches"), at::kComplexFloat);
}

at::Tensor random_weights(at::IntArrayRef shape, std::uint64_t seed)
{
    return at::rand(shape, base::torch_generator(seed, "weights"), at::kFloat);
}

/// Positions at which patches of @p side lie well inside a canvas of @p height x @p width.
at::Tensor inner_positions(std::int64_t count, std::int64_t side, std::int64_t height, std::int64_t width,
                           std::uint64_t seed)
{
    const auto room =
        at::tensor({static_cast<double>(width - side - 2), static_cast<double>(height - side - 2)}, at::kDouble);
    return at::rand({count, 2}, base::torch_generator(seed, "positions"), at::kDouble) * room +
           static_cast<double>(side / 2);
}

at::Tensor one_position(double x, double y)
{
    return at::tensor({x, y}, at::kDouble).view({1, 2});
}

struct Thread {
    explicit Thread(int count) : before(at::get_num_threads()) { at::set_num_threads(count); }
    ~Thread() { at::set_num_threads(before); }
    int before;
};

TEST(Canvas, SinglePixelLandsAtItsPosition)
{
    struct Example {
        std::int64_t side;
        double x, y; // of the patch; odd and even sides, x and y differ, near all edges
    };
    // Canvas of 30 rows and 40 columns from (x, y) = (-3, 5).
    for (const auto& [side, x, y] :
         {Example{8, 10, 20}, Example{8, 10.25, 20.5}, Example{7, 12.75, 17.125}, Example{8, 1, 9},
          Example{8, 1.5, 9.25}, Example{8, 32.875, 30.5}, Example{8, 33, 31}, Example{7, 0.0, 8.5}}) {
        Canvas canvas(30, 40, -3, 5);
        auto patches = at::zeros({1, side, side}, at::kComplexFloat);
        patches[0][side / 2][side / 2] = c10::complex<double>(2, -1); // the pixel at the position itself
        auto weights = at::zeros({side, side});
        weights[side / 2][side / 2] = 4;
        canvas.add(patches, one_position(x, y), weights);
        ASSERT_EQ(canvas.added(), 1) << x << ", " << y;

        // All the weight, its centre of mass at the position, and the value where the weight is.
        const auto weight = canvas.weights().to(at::kDouble);
        const double total = weight.sum().item<double>();
        EXPECT_NEAR(total, 4, 1e-6);
        EXPECT_NEAR((weight.sum(0) * at::arange(40)).sum().item<double>() / total - 3, x, 1e-6);
        EXPECT_NEAR((weight.sum(1) * at::arange(30)).sum().item<double>() / total + 5, y, 1e-6);
        const auto object = canvas.object(0, 0);
        const auto expected = at::where(weight > 0, at::full({}, c10::complex<double>(2, -1), at::kComplexDouble),
                                        at::zeros({}, at::kComplexDouble));
        golden::expect_close(at::view_as_real(object), at::view_as_real(expected.to(at::kComplexFloat)), 1e-6,
                             "object");
        EXPECT_LE((weight > 0).sum().item<std::int64_t>(), 4);
    }
}

TEST(Canvas, WholePixelsAreCopiedExactly)
{
    const auto patches = random_patches(1, 16, 1);
    const auto weights = random_weights({16, 16}, 2) + 0.5;
    Canvas canvas(20, 24, 0, 0);
    canvas.add(patches, one_position(12, 9), weights);
    const auto object = canvas.object(0, 0);
    EXPECT_TRUE(at::equal(at::view_as_real(object.narrow(0, 1, 16).narrow(1, 4, 16)), at::view_as_real(patches[0])));
    EXPECT_TRUE(at::equal(canvas.weights().narrow(0, 1, 16).narrow(1, 4, 16), weights));
    EXPECT_EQ(canvas.covered().sum().item<std::int64_t>(), 256);
}

TEST(Canvas, AConstantStaysConstantWhateverFractionsAndWeights)
{
    const auto positions = inner_positions(60, 16, 70, 60, 4);
    const auto weights = random_weights({60, 16, 16}, 5);
    auto canvas = Canvas::around(positions, 16, 70, 60);
    canvas.add(at::full({60, 16, 16}, c10::complex<double>(0.5, 0.25), at::kComplexFloat), positions, weights);
    const auto covered = canvas.covered(1e-6);
    const auto object = canvas.object(0, 1e-6).masked_select(covered);
    EXPECT_LT((object - c10::complex<double>(0.5, 0.25)).abs().max().item<double>(), 1e-7);
    EXPECT_NEAR(canvas.weights().to(at::kDouble).sum().item<double>(), weights.to(at::kDouble).sum().item<double>(),
                1e-3);
}

TEST(Canvas, SpreadsAsTheFormulaSays)
{
    const std::int64_t side = 9, height = 24, width = 31;
    const auto patches = random_patches(12, side, 7);
    const auto weights = random_weights({12, side, side}, 8);
    const auto positions = inner_positions(12, side, height, width, 9);
    Canvas canvas(height, width, 0, 0);
    canvas.add(patches, positions, weights);

    auto sum = at::zeros({height, width}, at::kComplexDouble);
    auto weight = at::zeros({height, width}, at::kDouble);
    for (std::int64_t i = 0; i < 12; ++i)
        for (std::int64_t y = 0; y < side; ++y)
            for (std::int64_t x = 0; x < side; ++x)
                for (int down = 0; down < 2; ++down)
                    for (int right = 0; right < 2; ++right) {
                        const double left = positions[i][0].item<double>() - 4,
                                     top = positions[i][1].item<double>() - 4; // 9 / 2
                        const double fx = left - std::floor(left), fy = top - std::floor(top);
                        const double share =
                            (right ? fx : 1 - fx) * (down ? fy : 1 - fy) * weights[i][y][x].item<double>();
                        const auto row = static_cast<std::int64_t>(top) + y + down,
                                   column = static_cast<std::int64_t>(left) + x + right;
                        sum[row][column] += share * patches[i][y][x].to(at::kComplexDouble);
                        weight[row][column] += share;
                    }
    golden::expect_close(canvas.weights(), weight.to(at::kFloat), 1e-7, "weights");
    const auto expected = at::where(weight > 0, sum / weight, at::zeros({}, at::kComplexDouble)).to(at::kComplexFloat);
    golden::expect_close(at::view_as_real(canvas.object(0, 0)), at::view_as_real(expected), 1e-6, "object");
}

TEST(Canvas, NeitherBatchesNorThreadsChangeABit)
{
    const std::int64_t count = 150, side = 32;
    const auto patches = random_patches(count, side, 1);
    const auto weights = random_weights({count, side, side}, 2);
    auto positions = inner_positions(count, side, 120, 140, 3);
    positions.slice(0, 0, 50) = positions.slice(0, 0, 50).round(); // both paths
    const auto stitched = [&](std::int64_t batch, int threads) {
        const Thread scope(threads);
        Canvas canvas(120, 140, 0, 0);
        for (std::int64_t begin = 0; begin < count; begin += batch)
            canvas.add(patches.slice(0, begin, begin + batch), positions.slice(0, begin, begin + batch),
                       weights.slice(0, begin, begin + batch));
        EXPECT_EQ(canvas.added(), count);
        return canvas;
    };
    const auto expected = stitched(count, 1);
    for (const std::int64_t batch : {1, 7, 64, 150})
        for (const int threads : {1, 2, 3, 8}) {
            const auto canvas = stitched(batch, threads);
            EXPECT_TRUE(at::equal(at::view_as_real(canvas.object()), at::view_as_real(expected.object())))
                << batch << " patches, " << threads << " threads";
            EXPECT_TRUE(at::equal(canvas.weights(), expected.weights()))
                << batch << " patches, " << threads << " threads";
        }
}

TEST(Canvas, PatchesThatDoNotFitAreDroppedAndCounted)
{
    Canvas canvas(20, 20, 0, 0);
    const auto positions = at::tensor({4.0, 4.0, 16.0, 16.0, 3.99, 8.0, 16.01, 8.0, 8.0, 3.99, 8.0, 16.01, std::nan(""),
                                       8.0, 8.0, HUGE_VAL, -1e300, 8.0},
                                      at::kDouble)
                               .view({9, 2});
    canvas.add(at::ones({9, 8, 8}, at::kComplexFloat), positions, at::ones({8, 8}));
    EXPECT_EQ(canvas.added(), 2);
    EXPECT_EQ(canvas.dropped(), 7);
    EXPECT_EQ(canvas.weights().sum().item<double>(), 2 * 64);
}

TEST(Canvas, AroundHoldsEveryPatchWithOnePixelAround)
{
    const auto positions = at::tensor({-12.5, 100.25, 30.0, 140.5, 7.25, 99.999}, at::kDouble).view({3, 2});
    for (const std::int64_t side : {7, 8}) {
        auto canvas = Canvas::around(positions, side);
        canvas.add(at::ones({3, side, side}, at::kComplexFloat), positions, at::ones({side, side}));
        EXPECT_EQ(canvas.dropped(), 0);
        auto rounded = Canvas::around(positions, side);
        rounded.add(at::ones({3, side, side}, at::kComplexFloat), (positions + 0.5).floor(), at::ones({side, side}));
        EXPECT_EQ(rounded.dropped(), 0);
        const auto weights = rounded.weights();
        for (const auto& edge :
             {weights.select(0, 0), weights.select(0, -1), weights.select(1, 0), weights.select(1, -1)})
            EXPECT_EQ(edge.max().item<double>(), 0);
        for (const auto& inside :
             {weights.select(0, 1), weights.select(0, -2), weights.select(1, 1), weights.select(1, -2)})
            EXPECT_GT(inside.max().item<double>(), 0);
    }
    const auto framed = Canvas::around(positions, 8, 50, 400);
    EXPECT_LT(framed.origin_x(), -12);
    EXPECT_EQ(framed.origin_y(), 0);
    EXPECT_EQ(framed.origin_x() + framed.width(), 400);
    EXPECT_GE(framed.height(), 145);
}

TEST(Canvas, CutsWherePatchesAreAdded)
{
    // A plane is what bilinear interpolation gets right everywhere.
    const auto rows = at::arange(30, at::kFloat).unsqueeze(1), columns = at::arange(40, at::kFloat).unsqueeze(0);
    const auto image = at::complex(rows * 2 - columns, rows + 3 * columns);
    const Canvas canvas(30, 40, -5, 7);
    const auto positions = at::tensor({3.0, 15.0, 6.25, 16.5}, at::kDouble).view({2, 2});
    const auto patches = canvas.cut(image, positions, 8);
    ASSERT_EQ(patches.sizes(), at::IntArrayRef({2, 8, 8}));
    EXPECT_TRUE(at::equal(at::view_as_real(canvas.cut(image, positions.narrow(0, 0, 1), 8)[0]),
                          at::view_as_real(image.narrow(0, 15 - 7 - 4, 8).narrow(1, 3 + 5 - 4, 8).contiguous())));
    const double row = 16.5 - 7 - 4 + 3, column = 6.25 + 5 - 4 + 2;
    const auto value = patches[1][3][2].item<c10::complex<float>>();
    EXPECT_NEAR(value.real(), 2 * row - column, 1e-4);
    EXPECT_NEAR(value.imag(), row + 3 * column, 1e-4);
    EXPECT_TRUE(at::isfinite(at::view_as_real(canvas.cut(image, at::tensor({-5.0, 7.0}, at::kDouble).view({1, 2}), 8)))
                    .all()
                    .item<bool>());
}

TEST(Canvas, UnreachedPixelsAreFilled)
{
    Canvas canvas(12, 12, 0, 0);
    auto weights = at::ones({4, 4});
    weights[0][0] = 1e-4;
    canvas.add(at::full({1, 4, 4}, 3.0, at::kComplexFloat), one_position(6, 6), weights);
    const auto object = canvas.object(7, 1e-3);
    EXPECT_EQ(at::real(object)[5][5].item<double>(), 3);
    EXPECT_EQ(at::real(object)[4][4].item<double>(), 7) << "weight below the coverage";
    EXPECT_EQ(at::real(object)[0][0].item<double>(), 7);
    EXPECT_EQ(canvas.covered(1e-3).sum().item<std::int64_t>(), 15);
    EXPECT_EQ(Canvas(3, 3, 0, 0).covered(0).sum().item<std::int64_t>(), 0) << "an empty canvas";
}

TEST(Canvas, BadInputsAreNamed)
{
    const auto message = [](const std::function<void()>& action) -> std::string {
        try {
            action();
        } catch (const Error& error) {
            return error.message();
        }
        return "no error";
    };
    Canvas canvas(20, 20, 0, 0);
    const auto patches = at::ones({2, 8, 8}, at::kComplexFloat);
    const auto positions = at::full({2, 2}, 10.0, at::kDouble);
    EXPECT_THAT(message([&] {
                    canvas.add(patches, at::zeros({3, 2}, at::kDouble), at::ones({8, 8}));
                }),
                HasSubstr("expected (2, 2), found (3, 2)"));
    EXPECT_THAT(message([&] { canvas.add(patches, positions, at::ones({7, 8})); }), HasSubstr("weights of patches"));
    EXPECT_THAT(message([&] { canvas.add(patches, positions, at::full({8, 8}, -1.0)); }), HasSubstr("not negative"));
    EXPECT_THAT(message([&] {
                    canvas.add(patches, positions, at::full({8, 8}, std::nan("")));
                }),
                HasSubstr("not negative"));
    EXPECT_THAT(message([&] { canvas.add(at::ones({2, 8, 8}), positions, at::ones({8, 8})); }), HasSubstr("complex"));
    EXPECT_THAT(message([&] {
                    Canvas::around(at::tensor({0.0, 0.0, 1e7, 1e7}, at::kDouble).view({2, 2}), 64);
                }),
                HasSubstr("pixels"));
    EXPECT_THAT(message([&] { Canvas(1 << 16, 1 << 16, 0, 0); }), HasSubstr("65536 x 65536"));
    EXPECT_EQ(canvas.added(), 0);
}

// The reference accepts a patch only when one more pixel than it touches lies inside the canvas. Its whole-pixel patch
// that ends at the edge is therefore dropped; on a canvas two pixels smaller ours drops the same ones, and the
// reference's last two rows and columns stay empty.
TEST(Canvas, SplatsAsPtychoPinnsAccumulators)
{
    const auto fixture = golden::load("reasm_accumulators.npz");
    const auto height = fixture.at("in/canvas_shape")[0].item<std::int64_t>() - 2;
    const auto width = fixture.at("in/canvas_shape")[1].item<std::int64_t>() - 2;
    for (const std::string kind : {"probe", "uniform"}) {
        Canvas canvas(height, width, 0, 0);
        const auto weights = kind == "probe" ? fixture.at("in/probe_weight") : at::ones({16, 16});
        canvas.add(fixture.at("in/patches"), fixture.at("in/positions_xy"), weights);
        EXPECT_EQ(canvas.added(), fixture.at(kind + "/accepted_total")[0].item<std::int64_t>());
        EXPECT_EQ(canvas.added() + canvas.dropped(), fixture.at(kind + "/accepted_total")[1].item<std::int64_t>());
        const auto inner = [&](const at::Tensor& image) {
            EXPECT_EQ(image.narrow(0, height, 2).abs().max().item<double>(), 0) << kind;
            EXPECT_EQ(image.narrow(1, width, 2).abs().max().item<double>(), 0) << kind;
            return image.narrow(0, 0, height).narrow(1, 0, width).contiguous();
        };
        const auto reference_weights = inner(fixture.at(kind + "/weights").to(at::kDouble)).to(at::kFloat);
        golden::expect_close(canvas.weights(), reference_weights, 1e-5, kind + " weights");
        const auto sum = canvas.object(0, 0) * canvas.weights();
        golden::expect_close(
            at::view_as_real(sum),
            at::view_as_real(inner(fixture.at(kind + "/canvas").to(at::kComplexDouble)).to(at::kComplexFloat)), 1e-5,
            kind + " sums");
        // Its mean has 1e-12 in the denominator: equal where the weight is not tiny.
        const auto sure = reference_weights > 1e-4;
        const auto object = inner(fixture.at(kind + "/object").to(at::kComplexDouble)).to(at::kComplexFloat);
        golden::expect_close(at::view_as_real(canvas.object(0, 0).masked_select(sure)),
                             at::view_as_real(object.masked_select(sure)), 1e-4, kind + " object");
    }
}

TEST(Canvas, LaysOutTheObjectAsPtychoPinn)
{
    const auto fixture = golden::load("reasm_layout.npz");
    const auto trim = fixture.at("in/middle_trim").item<std::int64_t>();
    const auto first = 20 / 2 - trim / 2;
    const auto crop = [&](const at::Tensor& image) {
        return image.narrow(-2, first, trim).narrow(-1, first, trim).contiguous();
    };
    const auto shape = fixture.at("out/canvas_shape");
    Canvas canvas(shape[0].item<std::int64_t>(), shape[1].item<std::int64_t>(), 0, 0);
    const auto positions = fixture.at("in/coords_global").to(at::kDouble) + fixture.at("out/canvas_origin_offset");
    const auto weights = crop(fixture.at("in/probe")).abs().square().sum(0);
    canvas.add(crop(fixture.at("in/patches")), positions, weights);
    EXPECT_EQ(canvas.dropped(), 0);
    golden::expect_close(canvas.weights(), fixture.at("out/weights"), 1e-5, "weights");
    golden::expect_close(at::view_as_real(canvas.object(0, 0)), at::view_as_real(fixture.at("out/object")), 1e-5,
                         "object");
}

} // namespace
} // namespace ptk::reconstruction
