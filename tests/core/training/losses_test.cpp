#include "core/golden.h"
#include "core/training/training_testing.h"
#include "training/losses.h"

namespace ptk::training {
namespace {

Loss loss_of(const std::string& name, const std::string& options = "{}")
{
    const config::Settings settings(config::library_schema(), config::Config::from_json(options));
    return builtin_losses().get(name).make.make(settings);
}

/// Those that compare frames.
std::vector<std::string> frame_losses()
{
    std::vector<std::string> names;
    for (const auto* entry : builtin_losses().entries())
        if (entry->make.compared == Compared::Intensities)
            names.push_back(entry->metadata.name);
    return names;
}

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
    // The likelihoods before reduction, of which the reference does not raise the rate; here none is that low.
    const auto mae_rect = [&](const at::Tensor& pred) { return (pred.square() - counts).abs(); };
    expect("poisson_rect", counts_loss);
    golden::expect_close(mae_rect(prediction), golden.at("mae_rect/out"), 1e-5, "what the next line takes a mean of");
    EXPECT_NEAR(mae_intensity_loss(prediction, counts.sqrt(), {}, /*squared_again=*/true).item<double>(),
                (golden.at("mae_rect/out").mean(at::kDouble) / counts.mean(at::kDouble)).item<double>(), 1e-5);
    golden::expect_close(
        gradient_of_sum([&](const at::Tensor& pred) { return mae_intensity_loss(pred, counts.sqrt(), {}, true); },
                        prediction) *
            counts.sum(),
        golden.at("mae_rect/grad_pred_of_sum"), 1e-5, "mae_rect, gradient");
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
    for (const char* name : {"amplitude", "poisson", "mae", "mae_intensity"}) { // others have a scale of their own
        const auto loss = loss_of(name);
        const auto plain = gradient_of_sum([&](const at::Tensor& i) { return loss(i, a, {}); }, intensity);
        const auto scaled =
            gradient_of_sum([&](const at::Tensor& i) { return loss(i * (scale * scale), a * scale, {}); }, intensity);
        EXPECT_LT((plain - scaled).abs().max().item<double>(), 1e-12 * plain.abs().max().item<double>()) << name;
    }
}

class EachLoss : public ::testing::TestWithParam<std::string> {};

TEST_P(EachLoss, IsSmallestAtTheMeasurement)
{
    const auto loss = loss_of(GetParam());
    const auto amplitude = random_amplitude(3).to(at::kDouble);
    const double best = loss(amplitude.square(), amplitude, {}).item<double>();
    for (const double factor : {0.8, 0.99, 1.01, 1.3})
        EXPECT_LT(best, loss(amplitude.square() * factor, amplitude, {}).item<double>()) << factor;
}

TEST_P(EachLoss, HasTheGradientOfFiniteDifferences)
{
    const auto loss = loss_of(GetParam());
    const auto amplitude = random_amplitude(4).to(at::kDouble),
               intensity = random_amplitude(5).to(at::kDouble).square();
    const auto direction = random_amplitude(6).to(at::kDouble) - 2.5;
    const auto gradient = gradient_of_sum([&](const at::Tensor& i) { return loss(i, amplitude, {}); }, intensity);
    const double step = 1e-6;
    const double difference =
        (loss(intensity + step * direction, amplitude, {}) - loss(intensity - step * direction, amplitude, {}))
            .item<double>() /
        (2 * step);
    EXPECT_NEAR((gradient * direction).sum().item<double>(), difference, 1e-6 * std::abs(difference));
}

TEST_P(EachLoss, StaysFiniteWhereNothingIsPredictedOrMeasured)
{
    const auto loss = loss_of(GetParam());
    auto amplitude = random_amplitude(7);
    amplitude.select(3, 0).zero_();
    auto field = random_amplitude(8);
    field.select(2, 0).zero_();
    field.requires_grad_(true);
    const auto value = loss(field.square(), amplitude, {});
    value.backward();
    EXPECT_TRUE(std::isfinite(value.item<double>()));
    EXPECT_TRUE(field.grad().isfinite().all().item<bool>());
}

/// The loss of good pixels, one at a time.
class DirectSum {
public:
    DirectSum(const at::Tensor& intensity, const at::Tensor& amplitude, const at::Tensor& good)
    {
        const auto mask = good.expand_as(intensity).flatten();
        for (std::int64_t i = 0; i < mask.numel(); ++i)
            if (mask[i].item<bool>())
                pixels_.push_back({intensity.flatten()[i].item<double>(), amplitude.flatten()[i].item<double>()});
        groups_ = static_cast<double>(intensity.size(0));
    }

    double of(const std::string& name) const
    {
        const double number = static_cast<double>(pixels_.size());
        const double power = sum([](double, double a) { return a * a; });
        if (name == "amplitude")
            return sum([](double i, double a) { return std::pow(std::sqrt(i) - a, 2); }) / power;
        if (name == "poisson")
            return sum([](double i, double a) { return i - a * a * std::log(i) + std::lgamma(a * a + 1); }) / groups_ /
                   (power / number);
        if (name == "mae")
            return sum([](double i, double a) { return std::abs(std::sqrt(i) - a); }) /
                   sum([](double, double a) { return a; });
        if (name == "mae_intensity")
            return sum([](double i, double a) { return std::abs(i - a * a); }) / power;
        if (name == "gaussian")
            return sum([](double i, double a) { return std::pow(i - a * a, 2) / (a * a + readout) / 2; }) / number;
        if (name == "huber")
            return 2 * sum([](double i, double a) {
                       const double d = std::abs(std::sqrt(i) - a);
                       return d <= delta ? d * d / 2 : delta * (d - delta / 2);
                   }) /
                   power;
        ADD_FAILURE() << "no formula for " << name;
        return 0;
    }

    static constexpr double readout = 2.5, delta = 0.75;

private:
    template <class Function> double sum(const Function& of_pixel) const
    {
        double sum = 0;
        for (const auto& [intensity, amplitude] : pixels_)
            sum += of_pixel(intensity, amplitude);
        return sum;
    }

    std::vector<std::pair<double, double>> pixels_;
    double groups_;
};

constexpr const char* direct_options = R"({"training.readout_variance": 2.5, "training.huber_delta": 0.75})";

TEST_P(EachLoss, IsItsFormulaOverGoodPixels)
{
    const auto loss = loss_of(GetParam(), direct_options);
    const auto amplitude = random_amplitude(9).to(at::kDouble),
               intensity = random_amplitude(10).to(at::kDouble).square();
    const auto all = at::ones({4, 4});
    auto good = all.clone();
    for (const auto& [row, column] : {std::pair{0, 1}, {3, 3}, {2, 0}})
        good[row][column] = 0;
    const double everything = DirectSum(intensity, amplitude, all).of(GetParam());
    EXPECT_NEAR(loss(intensity, amplitude, {}).item<double>(), everything, 1e-12 * everything);
    EXPECT_NEAR(loss(intensity, amplitude, all).item<double>(), everything, 1e-12 * everything);
    const double part = DirectSum(intensity, amplitude, good).of(GetParam());
    EXPECT_NEAR(loss(intensity, amplitude, good).item<double>(), part, 1e-12 * part);
    EXPECT_GT(std::abs(part - everything), 1e-3 * everything) << "the mask tells nothing";
}

TEST_P(EachLoss, DoesNotSeeWhatBadPixelsHold)
{
    const auto loss = loss_of(GetParam());
    const auto amplitude = random_amplitude(11), intensity = random_amplitude(12).square();
    const auto bad = at::zeros({4, 4}, at::kBool);
    bad[1][2] = true;
    bad[0][0] = true;
    const auto good = bad.logical_not().to(at::kFloat);
    const auto value_and_gradient = [&](const at::Tensor& predicted, const at::Tensor& measured) {
        const auto leaf = predicted.clone().requires_grad_(true);
        const auto value = loss(leaf, measured, good);
        value.backward();
        return std::pair{value.item<double>(), leaf.grad()};
    };
    const auto [value, gradient] = value_and_gradient(intensity, amplitude);
    EXPECT_TRUE(std::isfinite(value));
    EXPECT_EQ(gradient.masked_select(bad).abs().max().item<float>(), 0);
    EXPECT_GT(gradient.masked_select(bad.logical_not()).abs().min().item<float>(), 0);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    for (const double wild : {0.0, -7.0, 1e30, infinity, nan}) {
        const auto wild_prediction = value_and_gradient(intensity.masked_fill(bad, wild), amplitude);
        EXPECT_EQ(wild_prediction.first, value) << wild;
        EXPECT_TRUE(at::equal(wild_prediction.second, gradient)) << wild;
        const auto wild_measurement = value_and_gradient(intensity, amplitude.masked_fill(bad, wild));
        EXPECT_EQ(wild_measurement.first, value) << wild;
        EXPECT_TRUE(at::equal(wild_measurement.second, gradient)) << wild;
    }
}

TEST_P(EachLoss, TakesAMaskOfTheFramesShapeOnly)
{
    const auto amplitude = random_amplitude(13);
    const auto [status, message] = testing::error_of([&] {
        loss_of(GetParam())(amplitude.square(), amplitude, at::ones({4, 3}));
    });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, ::testing::HasSubstr("the mask has shape (4, 3)"));
}

INSTANTIATE_TEST_SUITE_P(Losses, EachLoss, ::testing::ValuesIn(frame_losses()),
                         [](const auto& info) { return info.param; });

TEST(Losses, HuberIsTheAmplitudeLossWithoutItsLargeDifferences)
{
    const auto a = random_amplitude(14).to(at::kDouble), intensity = random_amplitude(15).to(at::kDouble).square();
    EXPECT_NEAR(huber_loss(intensity, a, 1e3).item<double>(), amplitude_loss(intensity, a).item<double>(), 1e-12);
    auto outlier = intensity.clone();
    outlier[0][0][0][0] = 1e8; // a difference of 1e4 roots of counts
    outlier.requires_grad_(true);
    huber_loss(outlier, a, 0.5).backward();
    // d/dI of 2 delta |sqrt(I) - A| / sum A^2
    EXPECT_NEAR(outlier.grad()[0][0][0][0].item<double>(), 0.5 / 1e4 / a.square().sum().item<double>(), 1e-12);
}

TEST(Losses, GaussianIsHalfWhereThePredictionIsAsGoodAsTheNoise)
{
    const auto random = at::make_generator<at::CPUGeneratorImpl>(16);
    const auto rate = at::full({4, 4, 64, 64}, 900.0);
    const auto counts = (at::poisson(rate, random) + 3 * at::randn(rate.sizes(), random)).clamp_min(0);
    // 65536 pixels: chi^2 is known to sqrt(2/65536) = 0.6 %; variances by the measured count add 1/900.
    EXPECT_NEAR(gaussian_loss(rate, counts.sqrt(), 9).item<double>(), 0.5, 0.01);
    EXPECT_GT(gaussian_loss(rate * 1.1, counts.sqrt(), 9).item<double>(), 2);
    EXPECT_EQ(testing::error_of([&] { gaussian_loss(rate, counts.sqrt(), 0); }).first, Status::InvalidArgument);
    EXPECT_EQ(testing::error_of([&] { huber_loss(rate, counts.sqrt(), 0.0); }).first, Status::InvalidArgument);
}

TEST(Losses, MatchedNormsLeaveTheShapeOnly)
{
    const auto a = random_amplitude(17).to(at::kDouble);
    auto scaled = a.square();
    scaled = scaled * at::tensor({4.0, 0.25}).view({2, 1, 1, 1});
    EXPECT_LT(mae_loss(scaled, a, {}, /*match_norm=*/true).item<double>(), 1e-9);
    EXPECT_GT(mae_loss(scaled, a).item<double>(), 0.4);
    EXPECT_LT(loss_of("mae", R"({"torch_mae_pred_l2_match_target": true})")(scaled, a, {}).item<double>(), 1e-9);
}

TEST(Losses, OptionsAndCompatReachThem)
{
    const auto a = random_amplitude(18).to(at::kDouble), intensity = random_amplitude(19).to(at::kDouble).square();
    EXPECT_EQ(loss_of("mae_intensity", R"({"compat": "ptychopinn"})")(intensity, a, {}).item<double>(),
              mae_intensity_loss(intensity, a, {}, true).item<double>());
    const auto patches = at::polar(a, at::full_like(a, 3.0)), labels = at::polar(a, at::full_like(a, -3.0));
    EXPECT_NEAR(loss_of("supervised")(patches, labels, {}).item<double>(), 4 * (2 * M_PI - 6), 1e-9);
    EXPECT_NEAR(loss_of("supervised", R"({"compat": "ptychopinn"})")(patches, labels, {}).item<double>(), 24, 1e-9);
}

TEST(Losses, TheSchemaKnowsThoseOfTheRegistry)
{
    const auto* option = config::library_schema().find("training.loss");
    ASSERT_NE(option, nullptr);
    EXPECT_EQ(option->choices, builtin_losses().names());
}

TEST(Losses, WrongNamesAndShapesAreErrors)
{
    const auto [status, message] = testing::error_of([] { builtin_losses().get("poison"); });
    EXPECT_EQ(status, Status::NotFound);
    EXPECT_THAT(message, ::testing::HasSubstr("did you mean 'poisson'"));
    const auto shapes = testing::error_of([] { amplitude_loss(at::ones({1, 2, 4, 4}), at::ones({1, 1, 4, 4})); });
    EXPECT_EQ(shapes.first, Status::Shape);
    EXPECT_THAT(shapes.second, ::testing::HasSubstr("(1, 2, 4, 4)"));
}

} // namespace
} // namespace ptk::training
