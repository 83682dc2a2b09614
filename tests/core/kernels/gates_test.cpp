// The gates' loops on raw pointers, every instruction set of this machine, against ATen in double precision.
#include "core/kernels/using_backend.h"
#include "generators/blocks/gates.h"
#include "kernels/cpu/gates.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace ptk::kernels::cpu {
namespace {

struct Sizes {
    std::int64_t height, width, channels;
};

const Sizes table[] = {{1, 1, 1},  {2, 2, 1},   {2, 3, 7},   {5, 4, 16},   {3, 9, 17},    {8, 8, 64},
                       {7, 6, 65}, {33, 2, 96}, {1, 131, 3}, {131, 1, 33}, {12, 10, 130}, {16, 16, 300}};

std::vector<InstructionSet> sets()
{
    std::vector<InstructionSet> result;
    for (const auto set : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512})
        if (supported(set))
            result.push_back(set);
    return result;
}

/// Largest deviation from a double-precision result, relative to its largest number.
double error(const at::Tensor& found, const at::Tensor& expected)
{
    const double size = expected.numel() > 0 ? expected.abs().max().item<double>() : 0;
    return expected.numel() > 0 ? (found.to(at::kDouble) - expected).abs().max().item<double>() / (size + 1e-30) : 0;
}

at::Tensor pixels_first(const at::Tensor& x)
{
    return x.squeeze(0).permute({1, 2, 0}).contiguous().to(at::kFloat);
}

at::Tensor channels_first(const at::Tensor& x)
{
    return x.permute({2, 0, 1}).unsqueeze(0);
}

/// One image (1, C, H, W) in double with its gates, all leaves of a graph.
struct Case {
    explicit Case(const Sizes& sizes)
        : shape{sizes.height, sizes.width, sizes.channels},
          x(leaf(at::randn({1, sizes.channels, sizes.height, sizes.width}))), g(leaf(at::rand({1, sizes.channels}))),
          s(leaf(at::rand({1, 1, sizes.height, sizes.width})))
    {
    }
    static at::Tensor leaf(const at::Tensor& values)
    {
        return values.to(at::kFloat).to(at::kDouble).requires_grad_(true);
    }
    at::Tensor gated() const { return x * g.unsqueeze(-1).unsqueeze(-1); }
    at::Tensor empty(at::IntArrayRef sizes) const { return at::full(sizes, std::nanf(""), at::kFloat); }

    ImageShape shape;
    at::Tensor x, g, s;
};

const float* in(const at::Tensor& tensor)
{
    return tensor.const_data_ptr<float>();
}
float* out(const at::Tensor& tensor)
{
    return tensor.mutable_data_ptr<float>();
}

template <class Check> void for_all(Check&& check)
{
    for (const auto set : sets())
        for (const auto& sizes : table) {
            SCOPED_TRACE(::testing::Message() << "set " << static_cast<int>(set) << ", " << sizes.height << " x "
                                              << sizes.width << " x " << sizes.channels);
            at::manual_seed(11);
            check(gate_kernels(set), Case(sizes));
        }
}

TEST(GateKernels, MeanAndMaximumOfChannels)
{
    for_all([](const GateKernels& kernels, const Case& c) {
        const auto channels = c.shape.channels;
        const auto mean = c.x.mean(at::IntArrayRef{2, 3}), maximum = std::get<0>(c.x.flatten(2).max(-1));
        const auto x = pixels_first(c.x);
        const auto found_mean = c.empty({channels}), found_maximum = c.empty({channels});
        const auto where = at::empty({channels}, at::kInt);
        kernels.channels(c.shape, in(x), out(found_mean), out(found_maximum), where.mutable_data_ptr<std::int32_t>());
        EXPECT_LT(error(found_mean, mean[0]), 1e-6);
        EXPECT_EQ(error(found_maximum, maximum[0]), 0);

        const auto dmean = at::randn({channels}), dmaximum = at::randn({channels});
        ((mean * dmean).sum() + (maximum * dmaximum).sum()).backward();
        const auto dx = at::zeros_like(x);
        kernels.channels_backward(c.shape, in(dmean), in(dmaximum), where.const_data_ptr<std::int32_t>(), out(dx));
        EXPECT_LT(error(channels_first(dx), c.x.grad()), 1e-6);
    });
}

TEST(GateKernels, MaximumAndMeanOfPixels)
{
    for_all([](const GateKernels& kernels, const Case& c) {
        const auto maximum = std::get<0>(c.gated().max(1)), mean = c.gated().mean(1);
        const auto x = pixels_first(c.x), g = c.g.to(at::kFloat);
        const std::vector<std::int64_t> image{c.shape.height, c.shape.width};
        const auto found_maximum = c.empty(image), found_mean = c.empty(image);
        const auto where = at::empty(image, at::kInt);
        kernels.pixels(c.shape.pixels(), c.shape.channels, in(x), in(g), out(found_maximum), out(found_mean),
                       where.mutable_data_ptr<std::int32_t>());
        EXPECT_LT(error(found_maximum, maximum[0]), 2e-7);
        EXPECT_LT(error(found_mean, mean[0]), 1e-6);

        const auto dmaximum = at::randn(image), dmean = at::randn(image);
        ((mean * dmean).sum() + (maximum * dmaximum).sum()).backward();
        const auto dx = at::ones_like(x), dg = c.empty({c.shape.channels});
        kernels.pixels_backward(c.shape, in(x), in(g), in(dmaximum), in(dmean), where.const_data_ptr<std::int32_t>(),
                                out(dx), out(dg));
        EXPECT_LT(error(channels_first(dx), c.x.grad() + 1), 1e-6);
        EXPECT_LT(error(dg, c.g.grad()[0]), 1e-5);
    });
}

TEST(GateKernels, MaximumOfSquares)
{
    for_all([](const GateKernels& kernels, const Case& c) {
        const auto rows = c.shape.height / 2, columns = c.shape.width / 2;
        if (rows * columns == 0)
            return;
        const auto expected = at::max_pool2d(c.gated() * c.s, 2);
        const auto x = pixels_first(c.x), g = c.g.to(at::kFloat), s = c.s.to(at::kFloat).contiguous();
        const auto y = c.empty({rows, columns, c.shape.channels});
        kernels.pool(c.shape, in(x), in(g), in(s), 0, rows / 2, out(y));
        kernels.pool(c.shape, in(x), in(g), in(s), rows / 2, rows, out(y));
        EXPECT_LT(error(channels_first(y), expected), 2e-7);

        const auto dy = at::randn(expected.sizes());
        (expected * dy).sum().backward();
        const auto gradient = pixels_first(dy);
        const auto dx = c.empty(x.sizes()), dg = c.empty({c.shape.channels}), ds = c.empty(c.s.sizes());
        kernels.pool_backward(c.shape, in(x), in(g), in(s), in(gradient), out(dx), out(dg), out(ds));
        EXPECT_LT(error(channels_first(dx), c.x.grad()), 1e-6);
        EXPECT_LT(error(dg, c.g.grad()[0]), 1e-5);
        EXPECT_LT(error(ds, c.s.grad()), 1e-5);
    });
}

TEST(GateKernels, NanAndInfinityComeOut)
{
    const ImageShape shape{4, 4, 35};
    for (const auto set : sets()) {
        SCOPED_TRACE(static_cast<int>(set));
        const auto& kernels = gate_kernels(set);
        const auto g = at::ones({35}), s = at::ones({4, 4});
        for (const std::int64_t channel : {0, 18, 34})
            for (const std::int64_t pixel : {0, 6, 15}) {
                auto x = at::rand({16, 35});
                x[pixel][channel] = std::numeric_limits<float>::quiet_NaN();
                x[(pixel + 1) % 16][(channel + 1) % 35] = std::numeric_limits<float>::infinity();
                const auto mean = at::empty({35}), maximum = at::empty({35});
                kernels.channels(shape, in(x), out(mean), out(maximum), nullptr);
                EXPECT_TRUE(at::equal(maximum.isnan(), at::arange(35).eq(channel)));
                EXPECT_TRUE(at::equal(mean.isnan(), at::arange(35).eq(channel)));
                EXPECT_TRUE(maximum[(channel + 1) % 35].isinf().item<bool>());
                const auto most = at::empty({16}), middle = at::empty({16});
                kernels.pixels(16, 35, in(x), in(g), out(most), out(middle), nullptr);
                EXPECT_TRUE(at::equal(most.isnan(), at::arange(16).eq(pixel)));
                EXPECT_TRUE(most[(pixel + 1) % 16].isinf().item<bool>());
                const auto y = at::empty({4, 35});
                kernels.pool(shape, in(x), in(g), in(s), 0, 2, out(y));
                EXPECT_EQ(y.isnan().sum().item<std::int64_t>(), 1);
                EXPECT_TRUE(y[pixel / 8 * 2 + pixel % 4 / 2][channel].isnan().item<bool>());
            }
    }
}

/// What the whole tail of a block gives, and its gradients, with the kernels or with ATen.
/// @param chained  each is given the image that the one before it returned
std::vector<at::Tensor> tail(Backend by, at::ScalarType type, bool plain_layout, bool chained = true)
{
    const testing::UsingBackend those(by);
    at::manual_seed(3);
    const auto leaf = [&](const at::Tensor& values) { return values.to(type).requires_grad_(true); };
    const auto x = leaf(plain_layout ? at::randn({3, 24, 10, 9})
                                     : at::randn({3, 24, 10, 9}).contiguous(at::MemoryFormat::ChannelsLast));
    const auto weight = leaf(at::randn({24, 24}) / 5), mix = leaf(at::randn({1, 2, 1, 1}));
    const auto channels = generators::channel_statistics(x);
    const auto gate = at::sigmoid(channels.mean.matmul(weight) + channels.maximum.matmul(weight));
    const auto pixels = generators::pixel_statistics(chained ? channels.x : x, gate);
    const auto pixel = at::sigmoid((pixels.values * mix).sum(1, true));
    const auto y = generators::gated_maximum(chained ? pixels.x : x, gate, pixel);
    (y * at::randn(y.sizes()).to(type)).sum().backward();
    return {y.detach(), x.grad(), weight.grad(), mix.grad()};
}

TEST(Gates, EqualAtensInValueAndGradient)
{
    const auto expected = tail(Backend::Aten, at::kDouble, true);
    for (const bool plain : {false, true})
        for (const bool chained : {false, true}) {
            const auto found = tail(Backend::Own, at::kFloat, plain, chained);
            for (std::size_t i = 0; i < found.size(); ++i)
                EXPECT_LT(error(found[i], expected[i]), 2e-6) << i;
        }
}

TEST(Gates, HaveTheSameBitsForAnyNumberOfThreads)
{
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const auto expected = tail(Backend::Own, at::kFloat, false);
    at::set_num_threads(3);
    const auto found = tail(Backend::Own, at::kFloat, false);
    at::set_num_threads(before);
    for (const std::size_t i : {0, 1})
        EXPECT_TRUE(at::equal(found[i], expected[i])) << i;
}

} // namespace
} // namespace ptk::kernels::cpu
