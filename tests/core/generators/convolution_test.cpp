// The convolution of the networks: same numbers and gradients whoever computes it.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/kernels/using_backend.h"
#include "generators/blocks/layers.h"
#include "generators/cnn.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

namespace {

using namespace ptk;
using namespace ptk::generators;
using kernels::Backend;
using kernels::testing::UsingBackend;
using ptk::generators::testing::make;

struct Results {
    at::Tensor y, dx, dweight, dbias;
};

/// The loss is sum(y direction).
Results run(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
            Activation activation, const at::Tensor& direction)
{
    const auto leaf = [](const at::Tensor& tensor) {
        return tensor.defined() ? tensor.detach().requires_grad_(true) : tensor;
    };
    const auto x1 = leaf(x), weight1 = leaf(weight), bias1 = leaf(bias);
    const auto y = convolve(kind, x1, weight1, bias1, activation);
    y.backward(direction);
    return {y.detach(), x1.grad(), weight1.grad(), bias.defined() ? bias1.grad() : bias};
}

void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance)
{
    ASSERT_EQ(actual.sizes(), expected.sizes());
    EXPECT_LE(((actual.to(at::kDouble) - expected).norm() / expected.norm().clamp_min(1e-30)).item<double>(),
              tolerance);
}

at::Tensor weights(Convolution kind, std::int64_t in, std::int64_t out)
{
    return (kind == Convolution::Up ? at::randn({in, out, 2, 2}) : at::randn({out, in, 3, 3})) / 7;
}

std::vector<std::pair<Convolution, Activation>> all_of_them()
{
    std::vector<std::pair<Convolution, Activation>> all;
    for (const auto kind :
         {Convolution::Same, Convolution::Doubled, Convolution::Mirror, Convolution::Down, Convolution::Up})
        for (const auto activation : {Activation::None, Activation::Relu, Activation::Gelu})
            all.emplace_back(kind, activation);
    return all;
}

/// The same images in different places of memory.
std::vector<at::Tensor> layouts(const at::Tensor& x)
{
    const auto channels = x.size(1);
    const auto wide =
        at::randn({x.size(0), channels + 3, x.size(2), x.size(3)}).contiguous(at::MemoryFormat::ChannelsLast);
    wide.narrow(1, 1, channels).copy_(x);
    return {x.contiguous(), x.contiguous(at::MemoryFormat::ChannelsLast), wide.narrow(1, 1, channels),
            x.transpose(2, 3).contiguous().transpose(2, 3)};
}

TEST(Convolution, GradientsAreThoseOfAtenInDoubleForEveryLayout)
{
    const UsingBackend own(Backend::Own);
    at::manual_seed(3);
    const auto bias = at::randn({6}), x = at::randn({2, 5, 9, 7});
    for (const auto& [kind, activation] : all_of_them()) {
        const auto weight = weights(kind, 5, 6);
        const auto direction = at::randn_like(convolve(kind, x, weight, bias));
        const auto exact = run(kind, x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble), activation,
                               direction.to(at::kDouble));
        for (const auto& images : layouts(x)) {
            for (const auto& upstream : layouts(direction)) {
                const auto actual = run(kind, images, weight, bias, activation, upstream);
                ASSERT_EQ(actual.y.stride(1), 1);
                expect_close(actual.y, exact.y, 1e-6);
                expect_close(actual.dx, exact.dx, 2e-6);
                expect_close(actual.dweight, exact.dweight, 2e-6);
                expect_close(actual.dbias, exact.dbias, 2e-6);
            }
        }
    }
}

TEST(Convolution, OnePixelOneChannelAndNoBias)
{
    const UsingBackend own(Backend::Own);
    at::manual_seed(4);
    for (const auto& shape :
         std::vector<std::vector<std::int64_t>>{{1, 1, 1, 1}, {3, 1, 1, 4}, {2, 1, 6, 1}, {1, 4, 1, 1}}) {
        for (const auto kind : {Convolution::Same, Convolution::Doubled, Convolution::Down, Convolution::Up}) {
            const auto x = at::randn(shape), weight = weights(kind, shape[1], 1);
            const auto direction = at::randn_like(convolve(kind, x, weight, {}));
            const auto exact =
                run(kind, x.to(at::kDouble), weight.to(at::kDouble), {}, Activation::Gelu, direction.to(at::kDouble));
            const auto actual = run(kind, x, weight, {}, Activation::Gelu, direction);
            expect_close(actual.y, exact.y, 2e-6);
            expect_close(actual.dx, exact.dx, 4e-6);
            expect_close(actual.dweight, exact.dweight, 4e-6);
        }
    }
}

TEST(Convolution, MirroredEdgesOfEverySize)
{
    const UsingBackend own(Backend::Own);
    at::manual_seed(4);
    for (const std::int64_t height : {2, 3, 4, 5, 8, 17})
        for (const std::int64_t width : {2, 4, 7, 16}) {
            SCOPED_TRACE(::testing::Message() << height << " x " << width);
            const auto x = at::randn({2, 3, height, width}), weight = weights(Convolution::Mirror, 3, 5);
            const auto bias = at::randn({5}), direction = at::randn({2, 5, height, width});
            const auto exact = run(Convolution::Mirror, x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble),
                                   Activation::Gelu, direction.to(at::kDouble));
            const auto actual = run(Convolution::Mirror, x, weight, bias, Activation::Gelu, direction);
            expect_close(actual.y, exact.y, 2e-6);
            expect_close(actual.dx, exact.dx, 4e-6);
            expect_close(actual.dweight, exact.dweight, 4e-6);
            expect_close(actual.dbias, exact.dbias, 4e-6);
        }
    // An image of one line has nothing to mirror; LibTorch says so.
    EXPECT_THROW(convolve(Convolution::Mirror, at::ones({1, 3, 1, 8}), weights(Convolution::Mirror, 3, 5), {}),
                 std::exception);
}

TEST(Convolution, ExpandedGradientAndFrozenInput)
{
    const UsingBackend own(Backend::Own);
    at::manual_seed(5);
    const auto x = at::randn({2, 3, 8, 8});
    auto weight = at::randn({4, 3, 3, 3}).requires_grad_(true);
    convolve(Convolution::Same, x, weight, {}, Activation::Relu)
        .sum()
        .backward(); // the sum's gradient is one number with strides 0
    const auto actual = weight.grad().clone();
    auto weight64 = weight.detach().to(at::kDouble).requires_grad_(true);
    convolve(Convolution::Same, x.to(at::kDouble), weight64, {}, Activation::Relu).sum().backward();
    expect_close(actual, weight64.grad(), 2e-6);
}

TEST(Convolution, WhatKernelsCannotDoIsLeftToAten)
{
    const UsingBackend own(Backend::Own);
    const auto weight = at::randn({4, 3, 3, 3});
    EXPECT_EQ(convolve(Convolution::Same, at::zeros({0, 3, 8, 8}), weight, {}).sizes(), (at::IntArrayRef{0, 4, 8, 8}));
    EXPECT_EQ(convolve(Convolution::Same, at::zeros({3, 8, 8}), weight, {}).sizes(), (at::IntArrayRef{4, 8, 8}));
    EXPECT_THROW(convolve(Convolution::Same, at::zeros({1, 2, 8, 8}), weight, {}), std::exception);
}

TEST(Convolution, KeptWeightsFollowTheLayer)
{
    const UsingBackend own(Backend::Own);
    const c10::NoGradGuard no_gradient;
    Conv2d layer(8, 24, 3, at::make_generator<at::CPUGeneratorImpl>(1));
    const auto parameters = layer.named_parameters();
    auto &weight = *parameters[0].tensor, &bias = *parameters[1].tensor;
    const auto x = at::randn({2, 8, 10, 12});
    const auto expect_current = [&] {
        for (int again = 0; again < 2; ++again) {
            EXPECT_TRUE(layer(x).equal(convolve(Convolution::Same, x, weight, bias)));
            EXPECT_TRUE(layer.doubled(x).equal(convolve(Convolution::Doubled, x, weight, bias)));
        }
    };
    expect_current();
    weight.mul_(2);
    expect_current();
    {
        const c10::InferenceMode inference;
        expect_current();
        weight.add_(1);
        expect_current();
    }
    weight.copy_(at::randn_like(weight));
    expect_current();
    weight = at::randn_like(weight);
    expect_current();
    weight.set_data(at::randn_like(weight));
    expect_current();
}

TEST(Convolution, FewPixelsOfManyChannelsAreLeftToAten)
{
    at::manual_seed(8);
    const c10::NoGradGuard no_gradient;
    const auto is_atens = [](std::int64_t channels, std::int64_t frames, std::int64_t side) {
        const auto x = at::randn({frames, channels, side, side}).contiguous(at::MemoryFormat::ChannelsLast);
        const auto weight = weights(Convolution::Same, channels, channels);
        const auto by = [&](Backend backend) {
            const UsingBackend those(backend);
            return convolve(Convolution::Same, x, weight, {});
        };
        return by(Backend::Own).equal(by(Backend::Aten)); // the transforms round differently
    };
    EXPECT_TRUE(is_atens(64, 1, 3));
    EXPECT_FALSE(is_atens(64, 1, 4));
    EXPECT_FALSE(is_atens(64, 4, 2));
    EXPECT_TRUE(is_atens(256, 1, 15));
    EXPECT_FALSE(is_atens(256, 1, 16));
    EXPECT_TRUE(is_atens(512, 1, 15));
    EXPECT_FALSE(is_atens(512, 4, 8));
    EXPECT_FALSE(is_atens(16, 1, 1));
    // A layer keeps its transformed weights from one prediction to the next.
    Conv2d layer(256, 256, 3, at::make_generator<at::CPUGeneratorImpl>(1));
    const auto kept_is_atens = [&](std::int64_t side) {
        const auto x = at::randn({1, 256, side, side}).contiguous(at::MemoryFormat::ChannelsLast);
        const auto by = [&](Backend backend) {
            const UsingBackend those(backend);
            return layer(x);
        };
        return by(Backend::Own).equal(by(Backend::Aten));
    };
    EXPECT_TRUE(kept_is_atens(3));
    EXPECT_FALSE(kept_is_atens(4));
}

TEST(Convolution, SecondDerivativeIsAnErrorNotAWrongNumber)
{
    const UsingBackend own(Backend::Own);
    auto x = at::randn({1, 2, 5, 5}).requires_grad_(true);
    const auto y = convolve(Convolution::Same, x, at::randn({2, 2, 3, 3}), {}, Activation::Gelu).square().sum();
    EXPECT_THROW(y.backward({}, false, /*create_graph=*/true), std::exception);
}

TEST(Activation, GeluIsThatOfAtenInDoubleForEveryLayout)
{
    const UsingBackend own(Backend::Own);
    // Where the result is small, its error must be too.
    const auto x = at::cat({at::linspace(-12, 12, 4 * 7 * 11 * 13 - 4), at::full({4}, 1e30)}).view({4, 7, 11, 13});
    for (const auto& values : layouts(x)) {
        auto leaf = values.detach().requires_grad_(true);
        const auto y = activate(leaf, Activation::Gelu);
        y.sum().backward();
        auto exact = x.to(at::kDouble).requires_grad_(true);
        const auto expected = 0.5 * exact * at::erfc(exact * -std::sqrt(0.5));
        expected.sum().backward();
        // The exponent -x^2/2 is rounded.
        EXPECT_TRUE(((y - expected).abs() <= (1e-6 + 1e-7 * exact.square().clamp_max(200)) * expected.abs() + 1e-30)
                        .all()
                        .item<bool>());
        EXPECT_LE((leaf.grad() - exact.grad()).nan_to_num(0, 9, 9).abs().max().item<double>(), 5e-7);
        const c10::NoGradGuard no_gradient;
        EXPECT_TRUE(activate(values, Activation::Gelu).equal(y));
    }
    EXPECT_TRUE(activate(at::full({3}, std::nan("")), Activation::Gelu).isnan().all().item<bool>());
    EXPECT_THROW(
        activate(at::ones({3}).requires_grad_(true), Activation::Gelu).square().sum().backward({}, false, true),
        std::exception);
}

TEST(Convolution, NamesOfTheChoice)
{
    EXPECT_EQ(kernels::backend_named("own"), Backend::Own);
    EXPECT_EQ(kernels::backend_named("aten"), Backend::Aten);
    EXPECT_THROW(kernels::backend_named("mkl"), Error);
}

/// Output and gradients of a network with weights that are all drawn, so that no layer is silent.
std::vector<at::Tensor> network(const char* name, const Problem& problem, const char* options, Backend backend)
{
    const UsingBackend scope(backend);
    const auto generator = make(name, problem, options);
    at::manual_seed(6);
    for (const auto& parameter : generator->named_parameters()) {
        const c10::NoGradGuard no_gradient;
        parameter.tensor->add_(at::randn_like(*parameter.tensor) * 0.03);
    }
    const auto amplitude = at::rand({3, 1, problem.side, problem.side}) * 5;
    const auto probe = at::randn({3, 1, 2, problem.side, problem.side}, at::kComplexFloat);
    const auto patches = generator->forward({amplitude, 0.5, probe});
    // Both parts of the output count: the phase does not change the square.
    const auto values = at::view_as_real(patches);
    values.backward(at::randn_like(values));
    std::vector<at::Tensor> all{at::view_as_real(patches.detach())};
    for (const auto& parameter : generator->parameters())
        if (parameter.grad().defined())
            all.push_back(parameter.grad());
    return all;
}

/// How far the golden network with batch norm is from itself in double precision.
double golden_error(Backend backend, bool training)
{
    const UsingBackend scope(backend);
    const c10::NoGradGuard no_gradient;
    const auto golden = golden::load("gen_cnn_batchnorm_c1.npz");
    const auto outputs = [&](at::ScalarType type) {
        const auto generator =
            make("cnn", {64, 1}, R"({"n_filters_scale": 1, "object_big": false, "batch_norm": true})");
        for (const auto& [name, tensor] : ptk::generators::testing::state_of(*generator)) {
            tensor->copy_(golden.at("param/" + name));
            if (tensor->is_floating_point())
                *tensor = tensor->to(type);
        }
        generator->set_training(training);
        return dynamic_cast<Cnn&>(*generator).branches(golden.at("in/x").to(type)).second.to(at::kDouble);
    };
    return (outputs(at::kFloat) - outputs(at::kDouble)).abs().max().item<double>();
}

TEST(Convolution, NetworkIsAsNearToDoublePrecisionAsWithAten)
{
    for (const bool training : {false, true}) {
        const double own = golden_error(Backend::Own, training), aten = golden_error(Backend::Aten, training);
        RecordProperty(training ? "own_training" : "own", std::to_string(own));
        EXPECT_LE(own, 4 * aten) << (training ? "training" : "prediction");
        std::cout << "[ ERROR    ] own " << own << ", ATen " << aten << "\n";
    }
}

TEST(Convolution, NetworksAreTheSameWithEitherBackend)
{
    const std::vector<std::tuple<const char*, Problem, const char*>> cases{
        {"physics_unet", {32, 1}, R"({"generator.width": 8, "generator.depth": 1})"},
        {"cnn", {64, 1}, R"({"generator.n_filters_scale": 1, "generator.C_model": 1})"},
    };
    for (const auto& [name, problem, options] : cases) {
        const auto own = network(name, problem, options, Backend::Own),
                   aten = network(name, problem, options, Backend::Aten);
        ASSERT_EQ(own.size(), aten.size());
        for (std::size_t i = 0; i < own.size(); ++i) {
            SCOPED_TRACE(std::string(name) + " " + std::to_string(i));
            expect_close(own[i], aten[i].to(at::kDouble), 2e-4); // roundings through a dozen layers
        }
    }
}

} // namespace
