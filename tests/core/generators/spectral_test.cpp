// Spectral convolutions against direct sums, at other sizes, and their gradients.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/kernels/using_backend.h"
#include "core/physics/gradient.h"
#include "generators/blocks/ffno_stack.h"
#include "generators/blocks/spectral_conv.h"
#include "generators/blocks/truncated_fourier.h"

#include <ATen/Parallel.h>

#include <complex>
#include <numbers>

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::random_tensor;
using Complex = std::complex<double>;

/// In double precision, so that a comparison tells formulas from rounding.
template <class Layer> Layer& in_double(Layer& layer)
{
    for (const auto& [name, tensor] : layer.named_parameters())
        *tensor = tensor->detach().to(tensor->is_complex() ? at::kComplexDouble : at::kDouble).requires_grad_(true);
    return layer;
}

at::Tensor doubles(at::IntArrayRef shape, std::uint64_t seed = 3)
{
    return at::randn(shape, base::torch_generator(seed, "test"), at::kDouble);
}

Complex wave(std::int64_t k, std::int64_t t, std::int64_t n, double sign)
{
    return std::polar(1.0, sign * 2 * std::numbers::pi * static_cast<double>(k * t) / static_cast<double>(n));
}

/// The definition, pixel by pixel: transform, product with the weights, sum over the channels, and back with every
/// column frequency l > 0 (but n/2) standing for -l too.
at::Tensor direct(const at::Tensor& x, const at::Tensor& weights, std::int64_t rows, std::int64_t columns)
{
    const auto channels = x.size(0), height = x.size(1), width = x.size(2), out = weights.size(1);
    const auto w = weights.accessor<c10::complex<double>, 4>();
    const auto in = x.accessor<double, 3>();
    auto result = at::zeros({out, height, width}, at::kDouble);
    auto y = result.accessor<double, 3>();
    for (std::int64_t k = 0; k < rows; ++k)
        for (std::int64_t l = 0; l < columns; ++l)
            for (std::int64_t c = 0; c < channels; ++c) {
                Complex sum = 0;
                for (std::int64_t r = 0; r < height; ++r)
                    for (std::int64_t s = 0; s < width; ++s)
                        sum += in[c][r][s] * wave(k, r, height, -1) * wave(l, s, width, -1);
                const double twice = l == 0 || 2 * l == width ? 1 : 2;
                for (std::int64_t o = 0; o < out; ++o)
                    for (std::int64_t r = 0; r < height; ++r)
                        for (std::int64_t s = 0; s < width; ++s) {
                            const Complex weight(w[c][o][k][l].real(), w[c][o][k][l].imag());
                            y[o][r][s] += twice *
                                          std::real(weight * sum * wave(k, r, height, 1) * wave(l, s, width, 1)) /
                                          static_cast<double>(height * width);
                        }
            }
    return result;
}

TEST(SpectralConv, EqualsTheDirectSum)
{
    struct Case {
        std::int64_t height, width, modes, rows, columns;
    };
    // Fewer modes than frequencies; as many; more, of odd and even sizes.
    for (const auto& [height, width, modes, rows, columns] :
         {Case{6, 7, 3, 3, 3}, Case{5, 8, 5, 5, 5}, Case{6, 6, 9, 6, 4}, Case{3, 9, 4, 3, 4}}) {
        SpectralConv2d layer(2, 3, modes, base::torch_generator(2, "test"));
        in_double(layer);
        const auto x = doubles({1, 2, height, width});
        const c10::NoGradGuard no_gradient;
        golden::expect_close(layer(x)[0], direct(x[0], *layer.named_parameters()[0].tensor, rows, columns), 1e-12,
                             std::to_string(height) + " x " + std::to_string(width));
    }
}

TEST(SpectralConv, FactorizedIsTheSumOverBothAxes)
{
    FactorizedSpectralConv2d layer(2, 3, base::torch_generator(2, "test"));
    in_double(layer);
    const c10::NoGradGuard no_gradient;
    const auto x = doubles({1, 2, 6, 7});
    const auto along = [](const at::Tensor& rows, const at::Tensor& weights) {
        // One row at a time, as an image of one row.
        std::vector<at::Tensor> result;
        for (std::int64_t r = 0; r < rows.size(1); ++r)
            result.push_back(direct(rows.slice(1, r, r + 1).contiguous(), weights.unsqueeze(2).contiguous(), 1, 3));
        return at::cat(result, 1);
    };
    const auto parameters = layer.named_parameters();
    const auto expected =
        along(x[0], *parameters[0].tensor) + along(x[0].transpose(1, 2), *parameters[1].tensor).transpose(1, 2);
    golden::expect_close(layer(x)[0], expected, 1e-12, "both axes");
}

TEST(SpectralConv, SameFunctionAtAnotherResolution)
{
    // A smooth image, sampled twice as finely: every second pixel of the result is the coarse result.
    const auto smooth = [](std::int64_t n) {
        const auto t = at::arange(n, at::kDouble) * (2 * std::numbers::pi / static_cast<double>(n));
        const auto rows = t.unsqueeze(1), columns = t.unsqueeze(0);
        return at::stack({at::cos(2 * rows + columns) + 0.5, at::sin(rows - 3 * columns) + at::cos(3 * columns)})
            .unsqueeze(0);
    };
    SpectralConv2d layer(2, 2, 4, base::torch_generator(2, "test"));
    FactorizedSpectralConv2d factorized(2, 4, base::torch_generator(2, "test"));
    in_double(layer);
    in_double(factorized);
    const c10::NoGradGuard no_gradient;
    const auto every_second = [](const at::Tensor& y) {
        return y.slice(2, 0, at::nullopt, 2).slice(3, 0, at::nullopt, 2);
    };
    golden::expect_close(every_second(layer(smooth(24))), layer(smooth(12)), 1e-12, "spectral");
    golden::expect_close(every_second(factorized(smooth(24))), factorized(smooth(12)), 1e-12, "factorized");
    EXPECT_GT(layer(smooth(12)).abs().max().item<double>(), 0.1);
}

TEST(SpectralConv, GradientsMatchFiniteDifferences)
{
    SpectralConv2d layer(2, 3, 4, base::torch_generator(2, "test"));
    in_double(layer);
    auto& weights = *layer.named_parameters()[0].tensor;
    const auto kept = weights.detach().clone();
    const auto x = doubles({2, 2, 6, 7});
    const auto score = [&](const at::Tensor& y) { return (y * y.sin()).sum(); };
    ptk::testing::expect_gradient([&](const at::Tensor& at) { return score(layer(at)); }, x, "input");
    ptk::testing::expect_gradient(
        [&](const at::Tensor& at) {
            weights = at;
            return score(layer(x));
        },
        kept, "weights");
}

template <class Layer> at::Tensor add_to(Layer& layer, const at::Tensor& sum, const at::Tensor& x)
{
    if constexpr (std::is_same_v<Layer, SpectralConv2d>)
        return layer.add_to(sum, x);
    else
        return sum + layer(x);
}

/// Value and gradients of a layer: by LibTorch in double, or by our kernels.
template <class Layer>
std::vector<at::Tensor> results(Layer& layer, const at::Tensor& image, kernels::Backend backend, bool add)
{
    const kernels::testing::UsingBackend those(backend);
    const auto x = image.detach().requires_grad_(true);
    const auto y = add ? add_to(layer, 2 * layer(x), x) : layer(x);
    (y * y.sin()).sum().backward();
    std::vector<at::Tensor> all{y.detach(), x.grad()};
    for (const auto& [name, tensor] : layer.named_parameters()) {
        all.push_back(tensor->grad().clone());
        tensor->mutable_grad().reset();
    }
    return all;
}

template <class Layer, class... Sizes> void expect_own_equals_aten(const at::Tensor& x, bool add, Sizes... sizes)
{
    Layer ours(sizes..., base::torch_generator(2, "test")), exact(sizes..., base::torch_generator(2, "test"));
    in_double(exact);
    const auto expected = results(exact, x.to(at::kDouble), kernels::Backend::Aten, add);
    for (const auto& images : {x, x.contiguous(at::MemoryFormat::ChannelsLast)}) {
        const auto found = results(ours, images, kernels::Backend::Own, add);
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            ASSERT_EQ(found[i].sizes(), expected[i].sizes());
            const auto wanted = expected[i].is_complex() ? at::view_as_real(expected[i]) : expected[i];
            const auto got = found[i].is_complex() ? at::view_as_real(found[i]) : found[i];
            EXPECT_LT(((got - wanted).norm() / wanted.norm()).template item<double>(), 3e-6) << i;
        }
        const c10::NoGradGuard no_gradient;
        const kernels::testing::UsingBackend own(kernels::Backend::Own);
        const auto predicted = add ? add_to(ours, 2 * ours(images), images) : ours(images);
        EXPECT_LT(((predicted - expected[0]).norm() / expected[0].norm()).template item<double>(), 3e-6)
            << "prediction";
    }
}

TEST(SpectralConv, OurKernelsEqualAtenInDouble)
{
    struct Case {
        std::int64_t in, out, height, width, modes;
    };
    for (const auto& [in, out, height, width, modes] :
         {Case{16, 16, 8, 8, 3}, Case{32, 16, 12, 9, 5}, Case{16, 48, 7, 16, 9}, Case{48, 32, 2, 3, 4},
          Case{32, 32, 64, 64, 12}, Case{16, 16, 1, 5, 2}}) {
        SCOPED_TRACE(::testing::Message() << in << " to " << out << ", " << height << " x " << width << ", " << modes);
        const auto x = doubles({2, in, height, width}).to(at::kFloat);
        expect_own_equals_aten<SpectralConv2d>(x, false, in, out, modes);
        if (in == out) {
            expect_own_equals_aten<SpectralConv2d>(x, true, in, out, modes);
            expect_own_equals_aten<FactorizedSpectralConv2d>(x, false, in, modes);
        }
    }
}

TEST(SpectralConv, OurKernelsHaveTheSameBitsForAnyNumberOfThreads)
{
    SpectralConv2d layer(16, 16, 4, base::torch_generator(2, "test"));
    const auto x = doubles({5, 16, 16, 16}).to(at::kFloat);
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const auto expected = results(layer, x, kernels::Backend::Own, true);
    at::set_num_threads(3);
    const auto found = results(layer, x, kernels::Backend::Own, true);
    at::set_num_threads(before);
    EXPECT_TRUE(at::equal(found[0], expected[0]));
    EXPECT_TRUE(at::equal(found[1], expected[1]));
}

/// What a prediction made and a layer keeps takes part in a gradient by the image.
void expect_gradient_after_prediction(const SpectralConv2d& layer, const at::Tensor& x)
{
    {
        const c10::InferenceMode inference;
        layer(x);
    }
    auto input = x.clone().requires_grad_(true);
    layer(input).sum().backward();
    EXPECT_TRUE(input.grad().defined());
}

TEST(SpectralConv, PredictionBeforeTrainingLeavesNoTraceInTheTables)
{
    // The Fourier matrices are made once; those of inference mode could not take part in a gradient.
    expect_gradient_after_prediction(SpectralConv2d(1, 1, 3, base::torch_generator(2, "test")),
                                     random_tensor({1, 1, 17, 19}));
}

/// What is kept for predictions is that of the weights of now and of the frequencies of this image.
template <class Layer> void expect_predictions_follow(Layer& layer)
{
    const c10::NoGradGuard no_gradient;
    const auto expect_current = [&] {
        for (const auto side : {16, 16, 5, 16}) {
            const auto x = random_tensor({2, 16, side, side});
            const kernels::testing::UsingBackend own(kernels::Backend::Own);
            const auto found = layer(x);
            const kernels::testing::UsingBackend aten(kernels::Backend::Aten);
            const auto expected = layer(x);
            EXPECT_LT(((found - expected).norm() / expected.norm()).template item<float>(), 3e-6) << side;
        }
    };
    expect_current();
    for (const auto& [name, tensor] : layer.named_parameters())
        tensor->mul_(2);
    expect_current();
    for (const auto& [name, tensor] : layer.named_parameters())
        *tensor = at::randn_like(*tensor);
    expect_current();
}

TEST(SpectralConv, PredictionsFollowTheWeights)
{
    SpectralConv2d plane(16, 32, 4, base::torch_generator(2, "test"));
    expect_predictions_follow(plane);
    FactorizedSpectralConv2d lines(16, 4, base::torch_generator(2, "test"));
    expect_predictions_follow(lines);
}

TEST(SpectralConv, FrozenWeightsOfAPredictionTakePartInAGradient)
{
    const kernels::testing::UsingBackend own(kernels::Backend::Own);
    SpectralConv2d layer(16, 16, 3, base::torch_generator(2, "test"));
    for (const auto& [name, tensor] : layer.named_parameters())
        tensor->requires_grad_(false);
    expect_gradient_after_prediction(layer, random_tensor({2, 16, 12, 12}));
}

TEST(FfnoStack, GatesOfUnsharedBlocksAreTrained)
{
    // In the reference they are in no state dict and never move; compat = ptychopinn asks for that.
    const auto own_gates = [](const std::string& options) {
        int count = 0;
        const auto generator = generators::testing::make(
            "hybrid_resnet_ffno_bottleneck", {16, 1},
            R"({"generator.width": 4, "generator.blocks": 3, "generator.modes": 2, "spectral_bottleneck_share_weights": false)" +
                options + "}");
        for (const auto& [name, tensor] : generator->named_parameters())
            count += name.starts_with("resnet.blocks.") && name.ends_with(".gate");
        return count;
    };
    EXPECT_EQ(own_gates(""), 6);
    EXPECT_EQ(own_gates(R"(, "compat": "ptychopinn")"), 0);
}

} // namespace
