#include "core/generators/testing.h"
#include "core/golden.h"
#include "generators/physics_unet.h"
#include "physics/far_field.h"
#include "physics/rpie.h"

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::make;
using ptk::generators::testing::random_probe;
using ptk::generators::testing::random_tensor;

constexpr const char* small = R"({"generator.width": 6, "generator.depth": 2, "generator.alpha": 0.2})";

/// Frames of a random object that the probe really saw.
Input frames(std::int64_t groups, std::int64_t size, std::int64_t modes, std::int64_t side, std::uint64_t seed = 11)
{
    const auto object = at::polar(0.7 + 0.3 * random_tensor({groups, size, side, side}, seed),
                                  random_tensor({groups, size, side, side}, seed + 1));
    const auto probe = random_probe(modes, side).expand({groups, size, modes, side, side}).contiguous();
    const c10::NoGradGuard no_gradient;
    return {physics::far_field_amplitude(object, probe), 0.1, probe};
}

/// The last layer and the second of every pair start at zero; with other weights the whole network shows.
void wake(Generator& generator)
{
    const c10::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : generator.named_parameters())
        if (name.starts_with("output.") || name.find(".pairs.") != std::string::npos)
            tensor->copy_(0.2 * (random_tensor(tensor->sizes(), 21) - 0.5));
}

TEST(PhysicsUnet, BeforeTrainingItIsOneProjection)
{
    const auto net = make("physics_unet", {32, 0}, small);
    const auto input = frames(2, 3, 2, 32);
    const auto flat = at::ones({6, 32, 32}, at::kComplexFloat);
    const auto expected = physics::rpie_step(flat, input.probe.flatten(0, 1), input.amplitude.flatten(0, 1), 0.2, 1);
    const auto patches = net->forward(input);
    ASSERT_EQ(patches.sizes(), input.amplitude.sizes());
    golden::expect_close(patches.flatten(0, 1), expected, 1e-6, "patches");
    EXPECT_GT((expected - 1).abs().max().item<float>(), 0.05F);
}

TEST(PhysicsUnet, ALaterPassStartsFromWhatIsKnown)
{
    const auto net = make("physics_unet", {32, 0}, small);
    auto input = frames(2, 3, 2, 32);
    input.known = at::polar(0.7 + 0.3 * random_tensor({2, 3, 32, 32}, 31), random_tensor({2, 3, 32, 32}, 32));
    const auto expected =
        physics::rpie_step(input.known.flatten(0, 1), input.probe.flatten(0, 1), input.amplitude.flatten(0, 1), 0.2, 1);
    golden::expect_close(net->forward(input).flatten(0, 1), expected, 1e-6, "patches");
    input.known = at::ones_like(input.known);
    const auto flat = net->forward(input);
    input.known = at::Tensor();
    EXPECT_TRUE(at::equal(net->forward(input), flat)) << "nothing known is a flat object";
    input.known = at::ones({2, 3, 16, 16}, at::kComplexFloat);
    EXPECT_THROW(net->forward(input), Error);
    EXPECT_EQ(make("physics_unet", {32, 0}, R"({"generator.passes": 3})")->passes(), 3);
}

TEST(PhysicsUnet, BadPixelsAreNotImposed)
{
    const auto net = make("physics_unet", {32, 0}, small);
    auto input = frames(1, 2, 1, 32);
    const auto whole = net->forward(input);
    input.good = at::ones({32, 32});
    EXPECT_TRUE(at::equal(net->forward(input), whole));
    input.good = (random_tensor({32, 32}, 41) > 0.2).to(at::kFloat);
    // What a flat object would give is what is assumed where nothing was measured.
    const auto flat = physics::far_field_amplitude(at::ones_like(whole), input.probe);
    const auto bad = input.amplitude;
    input.amplitude = at::where(input.good.gt(0), bad, flat);
    const auto expected = physics::rpie_step(at::ones({2, 32, 32}, at::kComplexFloat), input.probe.flatten(0, 1),
                                             input.amplitude.flatten(0, 1), 0.2, 1);
    input.amplitude = bad * input.good;
    golden::expect_close(net->forward(input).flatten(0, 1), expected, 1e-4, "patches");
}

TEST(PhysicsUnet, MoreStepsFitTheFramesBetter)
{
    const auto input = frames(1, 4, 1, 32);
    const auto misfit = [&](const char* options) {
        const auto patches = make("physics_unet", {32, 0}, options)->forward(input);
        return (physics::far_field_amplitude(patches, input.probe) - input.amplitude).square().sum().item<double>();
    };
    EXPECT_LT(misfit(R"({"generator.steps": 5})"), 0.7 * misfit(R"({"generator.steps": 1})"));
}

TEST(PhysicsUnet, TakesAnySideThatFourDivides)
{
    const c10::NoGradGuard no_gradient;
    for (const std::int64_t side : {4, 20, 48, 96}) {
        const auto net = make("physics_unet", {side, 0}, small);
        wake(*net);
        const auto patches = net->forward(frames(1, 2, 3, side));
        EXPECT_EQ(patches.sizes(), at::IntArrayRef({1, 2, side, side}));
        EXPECT_TRUE(at::isfinite(at::view_as_real(patches)).all().item<bool>());
    }
    for (const std::int64_t side : {0, 30, 63}) {
        try {
            make("physics_unet", {side, 0});
            ADD_FAILURE() << side;
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Shape);
        }
    }
}

TEST(PhysicsUnet, EachFrameIsSeenAlone)
{
    const c10::NoGradGuard no_gradient;
    const auto net = make("physics_unet", {32, 0}, small);
    wake(*net);
    const auto input = frames(2, 3, 2, 32);
    const auto together = net->forward(input);
    const auto alone = net->forward(
        {input.amplitude.slice(0, 1, 2).slice(1, 2, 3), input.scale, input.probe.slice(0, 1, 2).slice(1, 2, 3)});
    golden::expect_close(together[1][2], alone[0][0], 1e-5, "frame 2 of group 1");
    EXPECT_FALSE(net->grouped());
}

TEST(PhysicsUnet, SeesTheAmplitudeScaled)
{
    const c10::NoGradGuard no_gradient;
    const auto net = make("physics_unet", {32, 0}, small);
    wake(*net);
    // The same light in other units: scale and probe follow, the object does not change.
    const auto input = frames(1, 2, 1, 32);
    const Input brighter{3 * input.amplitude, input.scale / 3, 3 * input.probe};
    golden::expect_close(net->forward(brighter), net->forward(input), 1e-5, "patches");
}

TEST(PhysicsUnet, GradientsReachEveryWeightAndNotTheProbe)
{
    const auto net = make("physics_unet", {32, 0}, small);
    wake(*net);
    auto input = frames(1, 2, 2, 32);
    input.probe = input.probe.clone().requires_grad_(true);
    at::view_as_real(net->forward(input)).square().sum().backward();
    EXPECT_FALSE(input.probe.grad().defined());
    for (const auto& [name, tensor] : net->named_parameters()) {
        ASSERT_TRUE(tensor->grad().defined()) << name;
        EXPECT_GT(tensor->grad().abs().max().item<float>(), 0) << name;
        EXPECT_TRUE(at::isfinite(tensor->grad()).all().item<bool>()) << name;
    }
}

TEST(PhysicsUnet, StepsAgainstTheGradientLowerTheMisfit)
{
    const auto net = make("physics_unet", {32, 0}, small);
    const auto input = frames(1, 4, 1, 32);
    const auto misfit = [&] {
        return (physics::far_field_amplitude(net->forward(input), input.probe) - input.amplitude).square().sum() /
               input.amplitude.square().sum();
    };
    const auto before = misfit().item<double>();
    auto best = before;
    for (int step = 0; step < 30; ++step) {
        const auto now = misfit();
        best = std::min(best, now.item<double>());
        now.backward();
        const c10::NoGradGuard no_gradient;
        double norm = 0;
        for (const auto& parameter : net->parameters())
            norm += parameter.grad().square().sum().item<double>();
        for (auto& parameter : net->parameters()) {
            parameter.sub_(parameter.grad(), 0.01 / std::sqrt(norm));
            parameter.mutable_grad().zero_();
        }
    }
    EXPECT_LT(best, 0.95 * before);
}

TEST(PhysicsUnet, SaysWhatIsMissing)
{
    const auto net = make("physics_unet", {32, 0}, small);
    const auto input = frames(1, 2, 2, 32);
    const auto status = [&](const Input& given) {
        try {
            net->forward(given);
        } catch (const Error& error) {
            return error.status();
        }
        return Status::Ok;
    };
    EXPECT_EQ(status({input.amplitude, 1, {}}), Status::State);
    EXPECT_EQ(status({input.amplitude.slice(3, 0, 28), 1, input.probe}), Status::Shape);
    EXPECT_EQ(status({input.amplitude, 1, input.probe.slice(1, 0, 1)}), Status::Shape);
    EXPECT_EQ(status({input.amplitude, 1, input.probe[0][0]}), Status::Shape);
}

} // namespace
