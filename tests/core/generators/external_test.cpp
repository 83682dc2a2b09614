// Networks whose arithmetic is outside: gradients, and everything that such a network can get wrong.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "generators/external.h"

#include <cmath>

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::random_tensor;

/// y = tanh(a x), z = b x^2 + c, with a different a for every channel; counts what is asked of it.
class Toy : public ExternalNetwork {
public:
    struct Faults {
        std::vector<Parameter> parameters{{"a", {2}}, {"bc", {2, 1}}};
        float initial = 0.5F;
        bool trainable = true;
        bool leaves_images = false;
        bool leaves_gradient = false;
        bool fails_forward = false;
        bool fails_vjp = false;
    };
    explicit Toy(Faults faults) : faults_(std::move(faults)) {}

    std::vector<Parameter> parameters() override { return faults_.parameters; }
    void initialise(std::size_t index, std::uint64_t seed, float* values) override
    {
        const auto& shape = faults_.parameters[index].shape;
        std::int64_t count = 1;
        for (const auto length : shape)
            count *= length;
        for (std::int64_t i = 0; i < count; ++i)
            values[i] = faults_.initial + 0.1F * static_cast<float>(i) + static_cast<float>(seed % 7) / 100;
    }
    bool trainable() const override { return faults_.trainable; }

    void forward(const Arrays& parameters, std::int64_t batch, const float* amplitudes, float* images) override
    {
        require(!faults_.fails_forward, Status::Callback, "generator 'toy': forward has no mood");
        for (std::int64_t i = 0; i < batch * 2 * pixels; ++i) {
            const auto c = i / pixels % 2, b = i / pixels / 2, r = i % pixels;
            const auto x = amplitudes[i];
            images[((b * 2 + 0) * 2 + c) * pixels + r] = std::tanh(parameters[0][c] * x);
            images[((b * 2 + 1) * 2 + c) * pixels + r] = parameters[1][0] * x * x + parameters[1][1];
        }
        if (faults_.leaves_images)
            images[7] = std::nanf("");
    }
    void vjp(const Arrays& parameters, std::int64_t batch, const float* amplitudes, const float* grad_images,
             const Targets& grad_parameters) override
    {
        require(!faults_.fails_vjp, Status::Callback, "generator 'toy': vjp has no mood");
        float a[2] = {0, 0}, bc[2] = {0, 0};
        for (std::int64_t i = 0; i < batch * 2 * pixels; ++i) {
            const auto c = i / pixels % 2, b = i / pixels / 2, r = i % pixels;
            const auto x = amplitudes[i], t = std::tanh(parameters[0][c] * x);
            const auto gy = grad_images[((b * 2 + 0) * 2 + c) * pixels + r];
            const auto gz = grad_images[((b * 2 + 1) * 2 + c) * pixels + r];
            a[c] += gy * (1 - t * t) * x;
            bc[0] += gz * x * x;
            bc[1] += gz;
        }
        for (int i = 0; i < 2; ++i) {
            grad_parameters[0][i] = a[i];
            if (!faults_.leaves_gradient)
                grad_parameters[1][i] = bc[i];
        }
    }

    static constexpr std::int64_t side = 4;
    static constexpr std::int64_t pixels = side * side;

private:
    Faults faults_;
};

std::unique_ptr<External> toy(Toy::Faults faults = {}, std::uint64_t seed = 3)
{
    return std::make_unique<External>(ChannelGenerator::Layout{"toy", 2, Toy::side, OutputMode::RealImag},
                                      std::make_unique<Toy>(std::move(faults)), base::torch_generator(seed, "test"));
}

Input input(std::int64_t batch = 3)
{
    return {.amplitude = random_tensor({batch, 2, Toy::side, Toy::side}), .scale = 2};
}

std::pair<Status, std::string> error_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

void expect_error(const std::function<void()>& work, Status status, const char* words)
{
    const auto [found, message] = error_of(work);
    EXPECT_EQ(found, status) << message;
    EXPECT_NE(message.find("'toy'"), std::string::npos) << message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(External, GradientsAreThoseOfAutograd)
{
    const auto generator = toy();
    generator->set_training(true);
    const auto in = input();
    const auto weight = at::complex(random_tensor({3, 2, 4, 4}, 8), random_tensor({3, 2, 4, 4}, 9));
    const auto loss_of = [&](const at::Tensor& patches) { return (patches * weight).abs().square().sum(); };
    loss_of(generator->forward(in)).backward();

    const auto parameters = generator->named_parameters();
    ASSERT_EQ(parameters.size(), 2U);
    EXPECT_EQ(parameters[1].name, "bc");
    const auto a = parameters[0].tensor->detach().clone().requires_grad_(true);
    const auto bc = parameters[1].tensor->detach().clone().requires_grad_(true);
    const auto x = in.amplitude * in.scale;
    const auto expected = at::complex(at::tanh(a.view({1, 2, 1, 1}) * x), bc[0] * x * x + bc[1]);
    {
        const c10::NoGradGuard no_gradient;
        golden::expect_close(generator->forward(in), expected.detach(), 1e-6, "patches");
    }
    loss_of(expected).backward();
    golden::expect_close(parameters[0].tensor->grad(), a.grad(), 1e-5, "gradient of a");
    golden::expect_close(parameters[1].tensor->grad(), bc.grad(), 1e-5, "gradient of b and c");
}

TEST(External, GraphsOutliveTheirGenerator)
{
    auto generator = toy();
    const auto a = *generator->named_parameters()[0].tensor;
    const auto loss = generator->forward(input()).abs().sum();
    generator.reset();
    loss.backward();
    EXPECT_GT(a.grad().abs().min().item<double>(), 0);
}

TEST(External, SeedDecidesInitialValues)
{
    const auto first = toy({}, 1)->parameters(), same = toy({}, 1)->parameters();
    EXPECT_TRUE(at::equal(first[0], same[0]) && at::equal(first[1], same[1]));
}

TEST(External, FailuresComeOutAsTheyAre)
{
    expect_error([] { toy({.fails_forward = true})->forward(input()); }, Status::Callback, "forward has no mood");
    expect_error([] { toy({.fails_vjp = true})->forward(input()).abs().sum().backward(); }, Status::Callback,
                 "vjp has no mood");
}

TEST(External, NumbersThatAreMissingOrNotFiniteAreErrors)
{
    expect_error([] { toy({.initial = INFINITY}); }, Status::NotConverged, "2 of the 2 numbers of the initial 'a'");
    expect_error([] { toy({.leaves_images = true})->forward(input()); }, Status::NotConverged,
                 "1 of the 192 numbers of its images");
    expect_error([] { toy({.leaves_gradient = true})->forward(input()).abs().sum().backward(); }, Status::NotConverged,
                 "2 of the 2 numbers of the gradient of its parameter 1");
}

TEST(External, ImpossibleParametersAreRefused)
{
    const auto refused = [](std::vector<ExternalNetwork::Parameter> parameters, const char* words) {
        expect_error([&] { toy({.parameters = std::move(parameters)}); }, Status::InvalidArgument, words);
    };
    const auto huge = std::int64_t{1} << 40;
    refused({{"a", {huge}}}, "has shape (1099511627776,)");
    refused({{"a", {huge, huge, huge}}}, "at most 1073741824 numbers");
    refused({{"a", {0}}}, "has shape (0,)");
    refused({{"a", {-3}}}, "has shape (-3,)");
    refused({{"a", {1, 1, 1, 1, 1, 1, 1}}}, "7 axes");
    refused({{"a", {2}}, {"a", {2}}}, "two parameters are named 'a'");
    refused({{"a/b", {2}}}, "'a/b'");
    refused({{"..", {2}}}, "'..'");
    refused({{"", {2}}}, "named ''");
    refused({{"a", {1 << 29}}, {"b", {1 << 29}}, {"c", {1}}}, "more than 1073741824 numbers in all");
}

TEST(External, WhatCannotBeTrainedPredicts)
{
    const auto generator = toy({.trainable = false});
    EXPECT_FALSE(generator->forward(input()).requires_grad());
    generator->set_training(true);
    expect_error([&] { generator->forward(input()); }, Status::Unsupported, "no vjp function");
    const c10::NoGradGuard no_gradient;
    generator->forward(input());
}

std::string refused_options(const std::string& json)
{
    return error_of([&] { external_options("toy", json); }).second;
}

TEST(ExternalOptions, AreCheckedLikeOurs)
{
    const auto schema =
        external_options("toy", R"([{"name": "width", "type": "int", "default": 4, "min": 1, "max": 9, "meaning": "m"},
                   {"name": "kind", "type": "string", "default": "a", "choices": ["a", "b"], "meaning": "m"}])");
    ASSERT_EQ(schema.options().size(), 3U);
    EXPECT_EQ(schema.options()[1].name, "generator.width");
    config::Config given;
    given.set("generator.width", 7);
    const config::Settings settings(config::library_schema().with(schema), given);
    EXPECT_EQ(external_values(settings), R"({"kind":"a","width":7})");
    given.set("generator.width", 10);
    EXPECT_NE(error_of([&] { config::Settings(schema, given); }).second.find("out of range"), std::string::npos);

    EXPECT_THAT(refused_options("{"), ::testing::HasSubstr("generator 'toy'"));
    EXPECT_THAT(refused_options("{}"), ::testing::HasSubstr("expected an array"));
    EXPECT_THAT(refused_options(R"([{"name": "a"}])"), ::testing::HasSubstr("'type'"));
    EXPECT_THAT(refused_options(R"([{"name": "file", "type": "string", "default": "", "meaning": ""}])"),
                ::testing::HasSubstr("option 'file'"));
    EXPECT_THAT(refused_options(R"([{"name": "a.b", "type": "int", "default": 1, "meaning": ""}])"),
                ::testing::HasSubstr("option 'a.b'"));
    EXPECT_THAT(refused_options(R"([{"name": "a", "type": "pointer", "default": 1, "meaning": ""}])"),
                ::testing::HasSubstr("type 'pointer'"));
    EXPECT_THAT(refused_options(R"([{"name": "a", "type": "int", "default": "x", "meaning": ""}])"),
                ::testing::HasSubstr("generator.a: expected a whole number"));
    EXPECT_THAT(refused_options(R"([{"name": "a", "type": "int", "default": 1, "meaning": ""},
                                    {"name": "a", "type": "int", "default": 1, "meaning": ""}])"),
                ::testing::HasSubstr("there twice"));
}

} // namespace
