// Layers in bfloat16: what computes in it, and what stays exact.
#include "base/error.h"
#include "core/generators/testing.h"
#include "generators/blocks/layers.h"
#include "generators/blocks/spectral_conv.h"
#include "generators/precision.h"

#include <gtest/gtest.h>

namespace ptk::generators {
namespace {

using testing::random_tensor;

at::Generator random_numbers()
{
    return base::torch_generator(4, "layers");
}

TEST(AutocastScope, EndsWhereItBegan)
{
    const auto x = random_tensor({2});
    EXPECT_FALSE(in_bfloat16(x));
    {
        const Autocast half(c10::kCPU, Precision::Bfloat16);
        EXPECT_TRUE(in_bfloat16(x));
        {
            const Autocast full(c10::kCPU, Precision::Float32);
            EXPECT_FALSE(in_bfloat16(x));
        }
        EXPECT_TRUE(in_bfloat16(x));
        EXPECT_FALSE(in_float32(x, [](const at::Tensor& y) { return at::scalar_tensor(in_bfloat16(y)); }).item<bool>());
        EXPECT_THROW(in_float32(x, [](const at::Tensor&) -> at::Tensor { fail(Status::Internal, "work"); }), Error);
        EXPECT_TRUE(in_bfloat16(x));
    }
    EXPECT_FALSE(in_bfloat16(x));
}

TEST(AutocastScope, ConvolutionsTakeAndGiveBfloat16)
{
    const auto x = random_tensor({2, 8, 12, 12}) - 0.5;
    const c10::NoGradGuard no_gradient;
    Conv2d layer(8, 16, 3, random_numbers());
    const auto full = layer(x, Activation::Gelu);
    const Autocast cast(c10::kCPU, Precision::Bfloat16);
    const auto half = layer(x, Activation::Gelu);
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(half.is_contiguous(at::MemoryFormat::ChannelsLast));
    const double error = ((half - full).norm() / full.norm()).item<double>();
    EXPECT_LT(error, 0.01); // 2^-9 for each number, and they are as many above as below
    EXPECT_GT(error, 1e-4);
}

/// The layer of what bfloat16 leaves of x, rounded once more at the end: nothing in between is.
template <class Layer> void expect_exact_inside(Layer& layer, const at::Tensor& x)
{
    const auto rounded = x.to(at::kBFloat16);
    const auto expected = layer(rounded.to(at::kFloat)).to(at::kBFloat16);
    const Autocast cast(c10::kCPU, Precision::Bfloat16);
    const auto found = layer(rounded);
    EXPECT_EQ(found.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::equal(found, expected));
}

TEST(AutocastScope, SpectralConvolutionsStayInFloat32)
{
    const c10::NoGradGuard no_gradient;
    for (const std::int64_t channels : {3, 16}) { // LibTorch's operators, and our kernels
        const auto x = random_tensor({2, channels, 12, 10});
        SpectralConv2d both(channels, channels, 4, random_numbers());
        FactorizedSpectralConv2d each(channels, 4, random_numbers());
        expect_exact_inside(both, x);
        expect_exact_inside(each, x);
        for (auto* layer : std::initializer_list<Module*>{&both, &each})
            for (const auto& [name, tensor] : layer->named_parameters())
                EXPECT_EQ(tensor->scalar_type(), at::kComplexFloat) << name;
    }
}

TEST(AutocastScope, RootMeanSquaresStayInFloat32)
{
    const c10::NoGradGuard no_gradient;
    RmsNorm norm(24);
    expect_exact_inside(norm, random_tensor({5, 24}));
}

TEST(AutocastScope, KeepsNothingOfAPrediction)
{
    Conv2d layer(4, 4, 3, random_numbers());
    const auto x = random_tensor({1, 4, 8, 8});
    {
        const c10::InferenceMode inference;
        const Autocast cast(c10::kCPU, Precision::Bfloat16);
        layer(x);
    }
    const Autocast cast(c10::kCPU, Precision::Bfloat16);
    layer(x).sum().backward(); // a cast that inference had kept could not take part
    const auto gradient = layer.parameters()[0].grad();
    EXPECT_EQ(gradient.scalar_type(), at::kFloat);
    EXPECT_GT(gradient.abs().max().item<double>(), 0);
}

TEST(Precision, IsKnownByName)
{
    EXPECT_EQ(precision_named("float32"), Precision::Float32);
    EXPECT_EQ(precision_named("bfloat16"), Precision::Bfloat16);
    try {
        precision_named("half");
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::InvalidConfig);
        EXPECT_EQ(error.message(), "precision: expected float32 or bfloat16, found 'half'");
    }
}

} // namespace
} // namespace ptk::generators
