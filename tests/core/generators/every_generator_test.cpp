// What holds for every registered generator, with options that make it small.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "generators/cost.h"
#include "generators/initializers.h"
#include "generators/precision.h"
#include "small_networks.h"

#include <c10/core/InferenceMode.h>

#include <set>

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::random_probe;
using ptk::generators::testing::random_tensor;

std::vector<std::string> names()
{
    auto all = builtin_generators().names();
    std::erase(all, "torchscript"); // whatever a file holds; torchscript_test.cpp
    return all;
}

std::int64_t side_of(const std::string& name)
{
    return name == "cnn" ? 64 : 32;
}

/// @param channels  frames of one input
std::unique_ptr<Generator> small(const std::string& name, std::int64_t channels, const char* mode = nullptr)
{
    auto wanted = small_network_options();
    wanted["generator.output_mode"] = mode == nullptr ? "real_imag" : mode;
    auto options = nlohmann::json::object();
    const auto registry = builtin_generators();
    for (const auto& option : registry.get(name).metadata.options.options())
        if (wanted.contains(option.name) && option.initial != "0")
            options[option.name] = wanted[option.name];
    return generators::testing::make(name, {side_of(name), channels}, options.dump());
}

Input input_for(const Generator& generator, const std::string& name, std::int64_t groups, std::int64_t frames)
{
    const auto side = side_of(name);
    Input input{.amplitude = random_tensor({groups, frames, side, side}), .scale = 1.5};
    if (generator.needs_probe())
        input.probe = random_probe(2, side).expand({groups, frames, 2, side, side});
    return input;
}

class EveryGenerator : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryGenerator, GroupsDoNotSeeEachOther)
{
    const auto generator = small(GetParam(), 3);
    auto both = input_for(*generator, GetParam(), 2, 3);
    both.scale = 30; // fresh weights say little about weak signals
    auto second = both;
    second.amplitude = both.amplitude.slice(0, 1);
    if (both.probe.defined())
        second.probe = both.probe.slice(0, 1);
    const c10::NoGradGuard no_gradient;
    const auto patches = generator->forward(both);
    ASSERT_EQ(patches.sizes(), both.amplitude.sizes());
    ASSERT_EQ(patches.scalar_type(), at::kComplexFloat);
    golden::expect_close(patches.slice(0, 1), generator->forward(second), 1e-5, "second group alone");
    EXPECT_GT((patches[0] - patches[1]).abs().max().item<double>(), 1e-6) << "the frames have no effect";
}

TEST_P(EveryGenerator, OneChannelTakesGroupsOfAnySize)
{
    const auto generator = small(GetParam(), 1);
    EXPECT_FALSE(generator->grouped());
    const c10::NoGradGuard no_gradient;
    const auto patches = generator->forward(input_for(*generator, GetParam(), 2, 5));
    EXPECT_EQ(patches.sizes(), at::IntArrayRef({2, 5, side_of(GetParam()), side_of(GetParam())}));
}

TEST_P(EveryGenerator, EveryParameterThatHasAnEffectGetsAGradient)
{
    const auto generator = small(GetParam(), 2);
    generator->set_training(true);
    at::view_as_real(generator->forward(input_for(*generator, GetParam(), 2, 2))).square().sum().backward();
    for (const auto& [name, tensor] : generator->named_parameters()) {
        // The reference makes both heads of these networks and uses one.
        if (name.starts_with("output_") && GetParam().starts_with("spectral_resnet") && !tensor->grad().defined())
            continue;
        ASSERT_TRUE(tensor->grad().defined()) << name;
        EXPECT_TRUE(at::isfinite(tensor->grad()).all().item<bool>()) << name;
    }
}

double relative(const at::Tensor& actual, const at::Tensor& expected)
{
    return (actual - expected).norm().item<double>() / expected.norm().item<double>();
}

/// As small(), with weights that all have an effect.
std::unique_ptr<Generator> alive(const std::string& name)
{
    auto generator = small(name, 2);
    initialize(*generator, "glorot", base::torch_generator(2, "initializer"));
    return generator;
}

TEST_P(EveryGenerator, PredictsInBfloat16WithASmallError)
{
    const auto generator = alive(GetParam());
    const auto input = input_for(*generator, GetParam(), 2, 2);
    const c10::InferenceMode inference;
    const auto full = predicted(*generator, input, Precision::Float32);
    const auto half = predicted(*generator, input, Precision::Bfloat16);
    EXPECT_EQ(half.scalar_type(), at::kComplexFloat);
    const double error = relative(half, full);
    EXPECT_LT(error, 0.02);
    EXPECT_GT(error, 1e-6) << "was in float32";
    EXPECT_TRUE(at::equal(predicted(*generator, input, Precision::Float32), full)) << "the next is in float32 again";
}

TEST_P(EveryGenerator, GradientsInBfloat16AreThoseOfFloat32WithASmallError)
{
    const auto generator = alive(GetParam());
    const auto input = input_for(*generator, GetParam(), 2, 2);
    // A prediction before must not leave anything that a gradient could not go through.
    {
        const c10::InferenceMode inference;
        predicted(*generator, input, Precision::Bfloat16);
    }
    generator->set_training(true);
    const auto gradient = [&](Precision precision) {
        for (const auto& parameter : generator->parameters())
            parameter.mutable_grad() = at::Tensor();
        (at::view_as_real(predicted(*generator, input, precision)) - 0.3).square().sum().backward();
        std::vector<at::Tensor> all;
        for (const auto& [name, tensor] : generator->named_parameters()) {
            if (!tensor->grad().defined())
                continue;
            EXPECT_EQ(tensor->grad().scalar_type(), tensor->scalar_type()) << name;
            const auto& each = tensor->grad();
            all.push_back((each.is_complex() ? at::view_as_real(each) : each).flatten());
        }
        return at::cat(all);
    };
    const auto full = gradient(Precision::Float32), half = gradient(Precision::Bfloat16);
    EXPECT_LT(relative(half, full), 0.1);
}

TEST_P(EveryGenerator, OutputModesSetTheRangeOfPatches)
{
    const auto registry = builtin_generators();
    if (registry.get(GetParam()).metadata.options.find("generator.output_mode") == nullptr)
        GTEST_SKIP() << "has one output only";
    const c10::NoGradGuard no_gradient;
    for (const char* mode : {"amp_phase", "amp_phase_logits"}) {
        const auto generator = small(GetParam(), 2, mode);
        auto input = input_for(*generator, GetParam(), 1, 2);
        input.scale = 300; // far out, where unbounded networks leave every range
        const auto amplitude = generator->forward(input).abs();
        EXPECT_LE(amplitude.max().item<double>(), 1.0001) << mode;
        EXPECT_TRUE(at::isfinite(amplitude).all().item<bool>()) << mode;
    }
}

TEST_P(EveryGenerator, NamesAreUniqueAndSecondNamesToo)
{
    const auto generator = small(GetParam(), 2);
    std::set<std::string> seen;
    for (const auto& list : {generator->named_parameters(), generator->named_buffers(), generator->named_aliases()})
        for (const auto& [name, tensor] : list)
            EXPECT_TRUE(seen.insert(name).second) << name;
}

TEST_P(EveryGenerator, SaysWhichSideItTakes)
{
    try {
        generators::testing::make(GetParam(), {7, 1});
        if (builtin_generators().get(GetParam()).metadata.capabilities[0] != "any N")
            ADD_FAILURE() << "a side of 7";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Shape) << error.message();
        EXPECT_NE(error.message().find("found 7 x 7"), std::string::npos) << error.message();
        EXPECT_EQ(error.message().rfind(GetParam() + " takes", 0), 0U) << error.message();
    }
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryGenerator, ::testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

std::string refusal(const char* name, const char* options, Problem problem = {32, 1})
{
    try {
        generators::testing::make(name, problem, options);
    } catch (const Error& error) {
        return error.message();
    }
    return "nothing";
}

TEST(GeneratorOptions, ThatCannotWorkAreRefused)
{
    const auto says = [](const std::string& message, const char* words) {
        EXPECT_NE(message.find(words), std::string::npos) << message;
    };
    says(refusal("hybrid_resnet", R"({"resnet_width": 30})"), "generator.resnet_width: expected a multiple of 4");
    says(refusal("hybrid_resnet", R"({"bottleneck_layerscale_mode": "fixed"})"), "expected a number");
    says(refusal("hybrid_resnet", R"({"bottleneck_layerscale_value": 0.5})"), "expected nothing");
    says(refusal("hybrid_resnet", R"({"ptychoblock_stage_count": 1})"), "at least hybrid_downsample_steps = 2");
    says(refusal("hybrid_resnet", R"({"fno_blocks": 2})"), "generator.blocks");
    says(refusal("vit", R"({"width": 36, "heads": 4})"),
         "generator.width: expected a multiple of 4 x generator.heads = 16");
    says(refusal("neuralop_uno", R"({"fno_modes": 18})"),
         "generator.modes: expected an even number of at most N/2 = 16");
    says(refusal("hybrid", "{}", {36, 1}), "hybrid takes frames whose side is a multiple of 8, found 36 x 36");
    says(refusal("fno", R"({"C_model": 4})", {32, 9}), "fno takes groups of 4 frames");
    says(refusal("fno_vanilla", R"({"fno_width": 1024, "fno_modes": 256})"),
         "more than 1.07e+09; make the network narrower");
}

TEST(GeneratorOptions, ChannelsStopDoubling)
{
    const auto widest = [](const char* options) {
        std::int64_t channels = 0;
        // Without random numbers, which would take a while here.
        const auto registry = builtin_generators();
        const auto& entry = registry.get("hybrid");
        const config::Settings settings(config::library_schema().with(entry.metadata.options),
                                        config::Config::from_json(options));
        for (const auto& tensor : entry.make({256, 1}, settings, at::Generator())->parameters())
            channels = std::max(channels, tensor.size(0));
        return channels;
    };
    EXPECT_EQ(widest(R"({"fno_blocks": 6, "fno_modes": 1})"), 512);
    EXPECT_EQ(widest(R"({"fno_blocks": 6, "fno_modes": 1, "max_hidden_channels": 48})"), 48);
    EXPECT_EQ(widest(R"({"fno_blocks": 6, "fno_modes": 1, "compat": "ptychopinn"})"), 1024);
}

TEST(Cost, FollowsTheSizeOfTheFrames)
{
    const auto registry = builtin_generators();
    const auto& entry = registry.get("unet");
    const config::Settings settings(config::library_schema().with(entry.metadata.options), {});
    const auto small = cost_of(entry.make, {.side = 32, .group_size = 1}, settings);
    const auto large = cost_of(entry.make, {.side = 64, .group_size = 1}, settings);
    EXPECT_EQ(small.parameters, large.parameters);
    EXPECT_DOUBLE_EQ(large.flops_per_frame, 4 * small.flops_per_frame) << "convolutions cost the same at every pixel";
}

} // namespace
