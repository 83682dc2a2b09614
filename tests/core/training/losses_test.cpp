#include "core/golden.h"
#include "core/training/training_testing.h"
#include "training/losses.h"

namespace ptk::training {
namespace {

at::Tensor random_amplitude(std::int64_t seed)
{
    return at::rand({2, 3, 4, 4}, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat) * 5 + 0.1;
}

/// Gradient of the sum of @p function at @p input.
at::Tensor gradient_of_sum(const std::function<at::Tensor(const at::Tensor&)>& function, const at::Tensor& input)
{
    const auto leaf = input.detach().clone().requires_grad_(true);
    function(leaf).sum().backward();
    return leaf.grad();
}

TEST(Losses, EqualPtychoPinnBeforeReduction)
{
    const auto golden = golden::load("loss_primitives.npz");
    const auto prediction = golden.at("in/pred"), amplitude = golden.at("in/amplitude"),
               counts = golden.at("in/counts");
    const auto counts_loss = [&](const at::Tensor& rate) { return poisson_negative_log_likelihood(rate, counts); };
    const auto amplitude_likelihood = [&](const at::Tensor& pred) {
        return poisson_negative_log_likelihood(pred.square(), amplitude.square());
    };
    const auto mae = [&](const at::Tensor& pred) { return absolute_error(pred.square(), amplitude); };
    const auto expect = [&](const char* name, const auto& function) {
        const auto key = std::string(name);
        golden::expect_close(function(prediction).to(at::kFloat), golden.at(key + "/out"), 1e-5, key);
        golden::expect_close(gradient_of_sum(function, prediction), golden.at(key + "/grad_pred_of_sum"), 1e-5, key);
    };
    expect("poisson_ci", counts_loss);
    expect("poisson_amplitude", amplitude_likelihood);
    expect("mae", mae);
    for (const auto* extreme : {"poisson_ci/clamp", "poisson_ci/large"}) {
        const auto key = std::string(extreme);
        const auto nll = poisson_negative_log_likelihood(golden.at(key + "_in"), golden.at(key + "_counts"));
        const auto expected = golden.at(key + "_out").to(at::kDouble);
        EXPECT_LE(((nll - expected) / expected).abs().max().item<double>(), 1e-6) << extreme;
    }
}

TEST(Losses, AreTheirFormulas)
{
    const auto a = random_amplitude(1).to(at::kDouble), b = random_amplitude(2).to(at::kDouble);
    const auto intensity = b.square();
    const double difference = (b - a).square().sum().item<double>(), power = a.square().sum().item<double>();
    EXPECT_NEAR(amplitude_loss(intensity, a).item<double>(), difference / power, 1e-12);
    EXPECT_NEAR(mae_loss(intensity, a).item<double>(), (b - a).abs().sum().item<double>() / a.sum().item<double>(),
                1e-12);

    double likelihood = 0; // of both groups
    for (std::int64_t i = 0; i < a.numel(); ++i) {
        const double rate = intensity.flatten()[i].item<double>(), count = std::pow(a.flatten()[i].item<double>(), 2);
        likelihood += rate - count * std::log(rate) + std::lgamma(count + 1);
    }
    EXPECT_NEAR(poisson_loss(intensity, a).item<double>(), likelihood / 2 / (power / static_cast<double>(a.numel())),
                1e-9);
}

TEST(Losses, PtychoPinnsPhysicsScaleChangesNoGradient)
{
    // The reference multiplies prediction and measurement with it. A loss over the measurement does not see it, but for
    // a constant.
    const auto a = random_amplitude(1).to(at::kDouble), intensity = random_amplitude(2).to(at::kDouble).square();
    const double scale = 1 / a.sum().item<double>() * 6;
    for (const auto& name : loss_names()) {
        const auto loss = loss_by_name(name);
        const auto plain = gradient_of_sum([&](const at::Tensor& i) { return loss(i, a); }, intensity);
        const auto scaled =
            gradient_of_sum([&](const at::Tensor& i) { return loss(i * (scale * scale), a * scale); }, intensity);
        EXPECT_LT((plain - scaled).abs().max().item<double>(), 1e-12 * plain.abs().max().item<double>()) << name;
    }
}

class EachLoss : public ::testing::TestWithParam<std::string> {};

TEST_P(EachLoss, IsSmallestAtTheMeasurement)
{
    const auto loss = loss_by_name(GetParam());
    const auto amplitude = random_amplitude(3).to(at::kDouble);
    const double best = loss(amplitude.square(), amplitude).item<double>();
    for (const double factor : {0.8, 0.99, 1.01, 1.3})
        EXPECT_LT(best, loss(amplitude.square() * factor, amplitude).item<double>()) << factor;
}

TEST_P(EachLoss, HasTheGradientOfFiniteDifferences)
{
    const auto loss = loss_by_name(GetParam());
    const auto amplitude = random_amplitude(4).to(at::kDouble),
               intensity = random_amplitude(5).to(at::kDouble).square();
    const auto direction = random_amplitude(6).to(at::kDouble) - 2.5;
    const auto gradient = gradient_of_sum([&](const at::Tensor& i) { return loss(i, amplitude); }, intensity);
    const double step = 1e-6;
    const double difference =
        (loss(intensity + step * direction, amplitude) - loss(intensity - step * direction, amplitude)).item<double>() /
        (2 * step);
    EXPECT_NEAR((gradient * direction).sum().item<double>(), difference, 1e-6 * std::abs(difference));
}

TEST_P(EachLoss, StaysFiniteWhereNothingIsPredictedOrMeasured)
{
    const auto loss = loss_by_name(GetParam());
    auto amplitude = random_amplitude(7);
    amplitude.select(3, 0).zero_();
    auto field = random_amplitude(8);
    field.select(2, 0).zero_();
    field.requires_grad_(true);
    const auto value = loss(field.square(), amplitude);
    value.backward();
    EXPECT_TRUE(std::isfinite(value.item<double>()));
    EXPECT_TRUE(field.grad().isfinite().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Losses, EachLoss, ::testing::ValuesIn(loss_names()),
                         [](const auto& info) { return info.param; });

TEST(Losses, WrongNamesAndShapesAreErrors)
{
    const auto [status, message] = testing::error_of([] { loss_by_name("poison"); });
    EXPECT_EQ(status, Status::NotFound);
    EXPECT_THAT(message, ::testing::HasSubstr("did you mean 'poisson'"));
    const auto shapes = testing::error_of([] { amplitude_loss(at::ones({1, 2, 4, 4}), at::ones({1, 1, 4, 4})); });
    EXPECT_EQ(shapes.first, Status::Shape);
    EXPECT_THAT(shapes.second, ::testing::HasSubstr("(1, 2, 4, 4)"));
}

} // namespace
} // namespace ptk::training
