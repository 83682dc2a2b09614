// Initializers by name: the distributions that their names promise, from the seed.
#include "core/generators/testing.h"
#include "generators/initializers.h"
#include "model/model.h"

namespace ptk::generators {
namespace {

using testing::state_of;

std::unique_ptr<model::Model> made(const std::string& initializer, const std::string& generator = "fno",
                                   const std::string& more = "")
{
    const auto options = R"({"generator.name": ")" + generator + R"(", "generator.initializer": ")" + initializer +
                         "\", \"seed\": 4" + more + "}";
    return model::make_model(builtin_generators(), config::Config::from_json(options), 64, c10::kCPU);
}

/// Root mean square of a parameter.
double rms(model::Model& model, const std::string& name)
{
    return std::sqrt(state_of(*model.generator).at(name)->abs().square().mean().item<double>());
}

constexpr const char* wide = R"(, "generator.width": 64, "generator.modes": 8)";

TEST(Initializers, TheSchemaKnowsThoseOfTheRegistry)
{
    const auto* option = config::library_schema().find("generator.initializer");
    ASSERT_NE(option, nullptr);
    EXPECT_EQ(option->choices, builtin_initializers().names());
    EXPECT_THROW(made("glorott"), Error);
}

TEST(Initializers, Variances)
{
    // lifter.conv2: 64 x 64 x 3 x 3, 36864 draws: the variance is known to sqrt(2/36864) = 0.7 %, its root to half.
    const double fan = 64 * 9;
    EXPECT_NEAR(rms(*made("glorot", "fno", wide), "lifter.conv2.weight") / std::sqrt(2 / (fan + fan)), 1, 0.02);
    EXPECT_NEAR(rms(*made("he", "fno", wide), "lifter.conv2.weight") / std::sqrt(2 / fan), 1, 0.02);
    EXPECT_NEAR(rms(*made("default", "fno", wide), "lifter.conv2.weight") / std::sqrt(1 / (3 * fan)), 1, 0.02);
    // A matrix of 64 x 64 for each of 8 x 8 frequencies.
    EXPECT_NEAR(rms(*made("glorot", "fno", wide), "fno_blocks.0.spectral.weights") / std::sqrt(2.0 / 128), 1, 0.02);
    EXPECT_NEAR(rms(*made("he", "fno", wide), "fno_blocks.0.spectral.weights") / std::sqrt(2.0 / 64), 1, 0.02);
    EXPECT_EQ(rms(*made("he", "fno", wide), "lifter.conv2.bias"), 0);
    EXPECT_GT(rms(*made("default", "fno", wide), "lifter.conv2.bias"), 0);
}

TEST(Initializers, OrthogonalRows)
{
    const auto model = made("orthogonal");
    auto state = state_of(*model->generator);
    const auto rows = state.at("lifter.conv2.weight")->detach().flatten(1);
    EXPECT_TRUE(at::allclose(rows.matmul(rows.t()), at::eye(rows.size(0)), 0, 1e-5));
    const auto spectral = state.at("fno_blocks.1.spectral.weights")->detach().permute({2, 3, 0, 1});
    const auto products = spectral.matmul(spectral.transpose(-2, -1).conj());
    EXPECT_TRUE(at::allclose(products, at::eye(spectral.size(-1), at::kComplexFloat).expand_as(products), 0, 1e-5));
}

TEST(Initializers, TheSeedDecides)
{
    const auto first = made("orthogonal"), again = made("orthogonal"),
               other = made("orthogonal", "fno", ", \"seed\": 5");
    const auto weight = [](model::Model& model) { return *state_of(*model.generator).at("lifter.conv2.weight"); };
    EXPECT_TRUE(at::equal(weight(*first), weight(*again)));
    EXPECT_FALSE(at::equal(weight(*first), weight(*other)));
}

/// Every generator has an output layer, without whose weights all frames give the same patch.
TEST(Initializers, ZeroOutputForgetsTheInput)
{
    for (const auto& name : builtin_generators().names()) {
        if (name == "torchscript")
            continue; // whatever a file holds
        SCOPED_TRACE(name);
        const auto model = made("zero_output", name);
        if (model->generator->needs_probe())
            continue; // its estimate is what stays
        const c10::NoGradGuard no_gradient;
        const auto channels = model->generator->channels();
        const auto one = model->generator->forward({.amplitude = testing::random_tensor({1, channels, 64, 64}, 1)});
        const auto two = model->generator->forward({.amplitude = testing::random_tensor({1, channels, 64, 64}, 2)});
        EXPECT_TRUE(at::equal(one, two));
        EXPECT_GT(one.abs().max().item<double>(), 0) << "a patch of zeros has no gradient";
    }
}

TEST(Initializers, EveryOneLeavesFiniteNumbers)
{
    for (const auto& initializer : builtin_initializers().names())
        for (const char* generator : {"physics_unet", "vit", "neuralop_uno", "ffno", "unet"}) {
            SCOPED_TRACE(initializer + " " + generator);
            const auto model = made(initializer, generator);
            for (const auto& [name, tensor] : state_of(*model->generator))
                EXPECT_TRUE(at::isfinite(*tensor).all().item<bool>()) << name;
        }
}

} // namespace
} // namespace ptk::generators
