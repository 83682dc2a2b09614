// Instance norm on raw pointers, every instruction set of this machine, and as a layer, against ATen in double
// precision.
#include "core/kernels/using_backend.h"
#include "generators/blocks/instance_norm.h"
#include "kernels/cpu/instance_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace ptk::kernels::cpu {
namespace {

constexpr double epsilon = 1e-5;

double error(const at::Tensor& found, const at::Tensor& expected)
{
    return ((found.to(at::kDouble) - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item<double>();
}

const float* in(const at::Tensor& tensor)
{
    return tensor.const_data_ptr<float>();
}
float* out(const at::Tensor& tensor)
{
    return tensor.mutable_data_ptr<float>();
}

/// Pixels and channels.
const std::pair<std::int64_t, std::int64_t> table[] = {{2, 1},    {9, 3},     {64, 16},  {65, 17},
                                                       {100, 64}, {333, 130}, {4096, 32}};

TEST(InstanceNormKernels, EqualAtenInDouble)
{
    for (const auto set : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512})
        for (const auto& [pixels, channels] : table) {
            if (!supported(set))
                continue;
            SCOPED_TRACE(::testing::Message()
                         << "set " << static_cast<int>(set) << ", " << pixels << " x " << channels);
            const auto& kernels = instance_norm_kernels(set);
            at::manual_seed(5);
            const auto x = at::randn({pixels, channels}) * 3 + at::randn({channels}) * 5;
            const auto weight = at::randn({channels}), bias = at::randn({channels}), dy = at::randn({pixels, channels});
            auto leaf = x.to(at::kDouble).requires_grad_(true), w = weight.to(at::kDouble).requires_grad_(true),
                 b = bias.to(at::kDouble).requires_grad_(true);
            const auto mean = leaf.mean(0), scale = 1 / (leaf.var(0, false) + epsilon).sqrt();
            const auto expected = (leaf - mean) * scale * w + b;
            (expected * dy.to(at::kDouble)).sum().backward();

            const auto line = [&] { return at::full({channels}, std::nanf(""), at::kFloat); };
            const auto found_mean = line(), found_scale = line(), sum = line(), product = line();
            kernels.statistics(pixels, channels, in(x), epsilon, out(found_mean), out(found_scale));
            EXPECT_LT(error(found_mean, mean), 1e-6);
            EXPECT_LT(error(found_scale, scale), 2e-6);
            const auto y = at::empty_like(x), factor = found_scale * weight;
            kernels.apply(pixels, channels, in(x), in(found_mean), in(factor), in(bias), out(y));
            EXPECT_LT(error(y, expected), 3e-6);
            kernels.sums(pixels, channels, in(x), in(found_mean), in(found_scale), in(dy), out(sum), out(product));
            EXPECT_LT(error(sum, b.grad()), 1e-5);
            EXPECT_LT(error(product, w.grad()), 1e-5);
            const auto by_x = (-1.0 / static_cast<double>(pixels)) * factor * found_scale * product;
            const auto constant = (-1.0 / static_cast<double>(pixels)) * factor * sum;
            const auto dx = at::empty_like(x);
            kernels.gradient(pixels, channels, in(x), in(found_mean), in(dy), in(factor), in(by_x), in(constant),
                             out(dx));
            // With two pixels the gradient is what is left when nearly all cancels.
            EXPECT_LT(error(dx, leaf.grad()), pixels > 2 ? 1e-5 : 1e-1);
        }
}

std::vector<at::Tensor> results(Backend by, at::ScalarType type, const at::Tensor& images)
{
    const testing::UsingBackend those(by);
    at::manual_seed(3);
    const auto channels = images.size(1);
    const auto leaf = [&](const at::Tensor& values) { return values.detach().to(type).requires_grad_(true); };
    const auto x = leaf(images), weight = leaf(at::randn({channels})), bias = leaf(at::randn({channels}));
    const auto y = generators::instance_norm(x, weight, bias, epsilon);
    (y * at::randn(y.sizes()).to(type)).sum().backward();
    return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

TEST(InstanceNorm, EqualsAtensForEveryLayout)
{
    const auto x = at::randn({3, 20, 10, 9}) * 2 + 1;
    const auto expected = results(Backend::Aten, at::kDouble, x);
    for (const auto& images :
         {x, x.contiguous(at::MemoryFormat::ChannelsLast), x.transpose(2, 3).contiguous().transpose(2, 3)}) {
        const auto found = results(Backend::Own, at::kFloat, images);
        for (std::size_t i = 0; i < found.size(); ++i)
            EXPECT_LT(error(found[i], expected[i]), 5e-6) << i;
    }
}

TEST(InstanceNorm, HasTheSameBitsForAnyNumberOfThreadsAndWithoutGradients)
{
    const auto x = at::randn({5, 33, 6, 7});
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const auto expected = results(Backend::Own, at::kFloat, x);
    at::set_num_threads(3);
    const auto found = results(Backend::Own, at::kFloat, x);
    at::set_num_threads(before);
    for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(at::equal(found[i], expected[i])) << i;
    const at::NoGradGuard no_gradient;
    const auto ones = at::ones({33}), zeros = at::zeros({33});
    EXPECT_LT(
        error(generators::instance_norm(x, ones, zeros, epsilon).mean({2, 3}) + 1, at::ones({5, 33}, at::kDouble)),
        1e-6);
}

} // namespace
} // namespace ptk::kernels::cpu
