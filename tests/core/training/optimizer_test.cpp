#include "core/training/training_testing.h"
#include "generators/blocks/layers.h"
#include "training/optimizer.h"
#include "training/schedule.h"
#include "training/weight_average.h"

#include <ATen/core/grad_mode.h>

#include <complex>

namespace ptk::training {
namespace {

at::Tensor random_numbers(at::IntArrayRef shape, std::int64_t seed, at::ScalarType type)
{
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), type);
}

/// Algorithm 1 of Kingma & Ba, one number at a time.
struct PlainAdam {
    double mean = 0, mean_square = 0;
    int steps = 0;

    double step(double parameter, double gradient, double rate, const Optimizer::Options& options)
    {
        ++steps;
        gradient += options.weight_decay * parameter;
        mean = options.beta1 * mean + (1 - options.beta1) * gradient;
        mean_square = options.beta2 * mean_square + (1 - options.beta2) * gradient * gradient;
        const double corrected_mean = mean / (1 - std::pow(options.beta1, steps));
        const double corrected_square = mean_square / (1 - std::pow(options.beta2, steps));
        return parameter - rate * corrected_mean / (std::sqrt(corrected_square) + options.epsilon);
    }
};

TEST(Adam, EqualsTheAlgorithmInDouble)
{
    const Optimizer::Options options{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.02};
    // Odd sizes: the kernel's vector loop has a tail.
    auto real = random_numbers({3, 7}, 1, at::kDouble).requires_grad_(true);
    auto complex = random_numbers({5}, 2, at::kComplexDouble).requires_grad_(true);
    auto unused = random_numbers({2}, 3, at::kDouble).requires_grad_(true);
    Optimizer adam({{"real", real}, {"complex", complex}, {"unused", unused}}, options);

    auto expected = at::cat({real.detach().flatten(), at::view_as_real(complex.detach()).flatten()}).clone();
    const auto untouched = unused.detach().clone();
    std::vector<PlainAdam> plain(expected.numel());
    for (int k = 0; k < 5; ++k) {
        const auto real_gradient = random_numbers({3, 7}, 10 + k, at::kDouble);
        const auto complex_gradient = random_numbers({5}, 20 + k, at::kComplexDouble);
        const double rate = 0.1 / (1 + k);
        real.mutable_grad() = real_gradient.clone();
        complex.mutable_grad() = complex_gradient.clone();
        adam.step(rate);
        const auto gradient = at::cat({real_gradient.flatten(), at::view_as_real(complex_gradient).flatten()});
        for (std::int64_t i = 0; i < expected.numel(); ++i)
            expected[i] = plain[i].step(expected[i].item<double>(), gradient[i].item<double>(), rate, options);
        const auto actual = at::cat({real.detach().flatten(), at::view_as_real(complex.detach()).flatten()});
        EXPECT_LE((actual - expected).abs().max().item<double>(), 1e-12) << "step " << k;
    }
    EXPECT_TRUE(at::equal(unused, untouched));
}

TEST(Adam, GoesOnFromItsState)
{
    const auto run = [](bool interrupted) {
        auto weight = at::ones({4, 3}).requires_grad_(true);
        auto adam =
            std::make_unique<Optimizer>(std::vector<Optimizer::Parameter>{{"weight", weight}}, Optimizer::Options{});
        for (int k = 0; k < 6; ++k) {
            if (interrupted && k == 3) {
                std::map<std::string, at::Tensor> saved;
                for (const auto& [name, tensor] : adam->state())
                    saved["x." + name] = tensor.clone();
                adam = std::make_unique<Optimizer>(std::vector<Optimizer::Parameter>{{"weight", weight}},
                                                   Optimizer::Options{});
                adam->load_state(saved, "x.");
            }
            weight.mutable_grad() = random_numbers({4, 3}, k, at::kFloat);
            adam->step(0.01);
        }
        return weight.detach();
    };
    EXPECT_TRUE(at::equal(run(true), run(false)));
}

TEST(Adam, StateThatDoesNotFitIsNamed)
{
    auto weight = at::ones({4}).requires_grad_(true);
    Optimizer adam({{"layer.weight", weight}}, {});
    auto state = adam.state();
    state["layer.weight.mean"] = at::zeros({5});
    auto [status, message] = testing::error_of([&] { adam.load_state(state, ""); });
    EXPECT_EQ(status, Status::Format);
    EXPECT_THAT(message, ::testing::HasSubstr("'layer.weight.mean' has shape (5,), expected (4,)"));
    state.erase("layer.weight.mean");
    EXPECT_THAT(testing::error_of([&] { adam.load_state(state, ""); }).second,
                ::testing::HasSubstr("'layer.weight.mean' is missing"));
}

TEST(Adam, ClipsTheNormOfAllGradientsTogether)
{
    auto a = at::zeros({2}).requires_grad_(true), b = at::zeros({1}, at::kComplexFloat).requires_grad_(true);
    Optimizer adam({{"a", a}, {"b", b}}, {});
    const auto set = [&] {
        a.mutable_grad() = at::tensor({3.0f, 0.0f});
        b.mutable_grad() = at::complex(at::tensor({0.0f}), at::tensor({4.0f}));
    };
    set();
    EXPECT_NEAR(adam.clip_gradients(10), 5, 1e-6);
    EXPECT_EQ(a.grad()[0].item<float>(), 3);
    EXPECT_NEAR(adam.clip_gradients(0), 5, 1e-6);
    EXPECT_EQ(a.grad()[0].item<float>(), 3);
    EXPECT_NEAR(adam.clip_gradients(0.5), 5, 1e-6);
    EXPECT_NEAR(a.grad()[0].item<float>(), 0.3, 1e-6);
    EXPECT_NEAR(at::imag(b.grad())[0].item<float>(), 0.4, 1e-6);
    set();
    a.mutable_grad()[1] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(std::isfinite(adam.clip_gradients(0.5)));
}

/// Parameters of a group after five steps by the optimizer, and by @p plain one number at a time.
void expect_steps(
    const Optimizer::Options& options,
    const std::function<double(double parameter, double gradient, double& mean, double& square, int step)>& plain)
{
    auto weight = random_numbers({3, 7}, 1, at::kDouble).requires_grad_(true);
    auto expected = weight.detach().flatten().clone();
    Optimizer optimizer({{"weight", weight}}, options);
    std::vector<double> means(21), squares(21);
    for (int step = 1; step <= 5; ++step) {
        const auto gradient = random_numbers({3, 7}, 10 + step, at::kDouble);
        weight.mutable_grad() = gradient.clone();
        optimizer.step(0.1);
        for (std::int64_t i = 0; i < 21; ++i) {
            const auto k = static_cast<std::size_t>(i);
            expected[i] =
                plain(expected[i].item<double>(), gradient.flatten()[i].item<double>(), means[k], squares[k], step);
        }
        EXPECT_LE((weight.detach().flatten() - expected).abs().max().item<double>(), 1e-12) << "step " << step;
    }
}

TEST(AdamW, DecaysTheWeightsThemselves)
{
    const Optimizer::Options options{
        .method = Optimizer::Method::AdamW, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.3};
    expect_steps(options, [](double p, double g, double& m, double& v, int t) {
        p -= 0.1 * 0.3 * p;
        m = 0.8 * m + 0.2 * g;
        v = 0.95 * v + 0.05 * g * g;
        return p - 0.1 * m / (1 - std::pow(0.8, t)) / (std::sqrt(v / (1 - std::pow(0.95, t))) + 1e-8);
    });
}

TEST(Sgd, HasNesterovsMomentum)
{
    const Optimizer::Options options{.method = Optimizer::Method::Sgd, .momentum = 0.7, .weight_decay = 0.2};
    expect_steps(options, [](double p, double g, double& m, double&, int) {
        g += 0.2 * p;
        m = 0.7 * m + g;
        return p - 0.1 * (g + 0.7 * m);
    });
    Optimizer::Options plain = options;
    plain.momentum = 0;
    expect_steps(plain, [](double p, double g, double&, double&, int) { return p - 0.1 * (g + 0.2 * p); });
}

TEST(Sgd, GoesOnFromItsState)
{
    auto weight = at::ones({2}).requires_grad_(true);
    const std::vector<Optimizer::Parameter> group{{"w", weight}};
    const Optimizer::Options options{.method = Optimizer::Method::Sgd};
    Optimizer one(group, options);
    weight.mutable_grad() = at::ones({2});
    one.step(0.1);
    Optimizer other(group, options);
    other.load_state(one.state(), "");
    other.step(0.1);
    // m = 1 then 1.9; steps of 1.9 and 1 + 0.9 * 1.9
    EXPECT_NEAR(weight.detach()[0].item<float>(), 1 - 0.19 - 0.1 * (1 + 0.9 * 1.9), 1e-6);
}

TEST(Optimizer, PredictionsFollowEveryStep)
{
    // A layer keeps what it made of its weights for as long as their version stays.
    for (const auto method : {Optimizer::Method::Adam, Optimizer::Method::AdamW, Optimizer::Method::Sgd}) {
        SCOPED_TRACE(static_cast<int>(method));
        generators::Conv2d layer(8, 24, 3, at::make_generator<at::CPUGeneratorImpl>(1));
        std::vector<Optimizer::Parameter> parameters;
        for (const auto& [name, tensor] : layer.named_parameters())
            parameters.push_back({name, *tensor});
        Optimizer optimizer(parameters, {.method = method});
        const auto x = random_numbers({2, 8, 10, 12}, 2, at::kFloat);
        const auto predicted = [&] {
            const at::NoGradGuard no_gradient;
            return layer(x);
        };
        auto before = predicted();
        for (int step = 0; step < 2; ++step) {
            optimizer.clear_gradients();
            layer(x).square().sum().backward();
            optimizer.step(1e-2);
            const at::NoGradGuard no_gradient;
            const auto after = predicted();
            EXPECT_FALSE(after.equal(before));
            EXPECT_TRUE(after.equal(generators::convolve(generators::Convolution::Same, x, parameters[0].tensor.clone(),
                                                         parameters[1].tensor)));
            before = after;
        }
    }
}

TEST(GradientLimit, OfEachValueAndOfEachTensor)
{
    auto a = at::tensor({3.0f, 4.0f}).requires_grad_(true), b = at::zeros({1}).requires_grad_(true);
    Optimizer optimizer({{"a", a}, {"b", b}}, {});
    const auto set = [&] {
        a.mutable_grad() = at::tensor({-6.0f, 8.0f});
        b.mutable_grad() = at::tensor({0.5f});
    };
    set();
    EXPECT_NEAR(optimizer.clip_gradients(7, GradientLimit::Value), std::sqrt(100.25), 1e-5) << "the norm before";
    EXPECT_TRUE(a.grad().equal(at::tensor({-6.0f, 7.0f})));
    EXPECT_EQ(b.grad()[0].item<float>(), 0.5f);
    set();
    optimizer.clip_gradients(0.1, GradientLimit::Adaptive);
    EXPECT_NEAR(a.grad().norm().item<float>(), 0.5, 1e-6) << "a tenth of the parameter's norm, 5";
    EXPECT_NEAR(b.grad()[0].item<float>(), 1e-4, 1e-9) << "a parameter of zero counts as 1e-3";
    set();
    optimizer.clip_gradients(10, GradientLimit::Adaptive);
    EXPECT_TRUE(a.grad().equal(at::tensor({-6.0f, 8.0f}))) << "small enough";
    EXPECT_EQ(testing::error_of([] { builtin_gradient_limits().get("norms"); }).second,
              "gradient limit 'norms' is not registered; did you mean 'norm'?");
}

TEST(WeightAverage, FollowsAndComesBack)
{
    auto weight = at::zeros({2}).requires_grad_(true);
    WeightAverage average({{"w", weight}}, 0.5);
    {
        const at::NoGradGuard no_gradient;
        weight.fill_(1);
    }
    average.update(); // decay 1/10 at first
    average.update(); // 2/11
    const double expected = 1 - 0.1 * 2 / 11;
    average.swap();
    EXPECT_NEAR(weight.detach()[0].item<float>(), expected, 1e-6);
    average.swap();
    EXPECT_EQ(weight.detach()[0].item<float>(), 1);

    auto state = average.state();
    EXPECT_EQ(state.at("steps").item<double>(), 2);
    WeightAverage other({{"w", weight}}, 0.5);
    other.load_state(state, "");
    other.swap();
    EXPECT_NEAR(weight.detach()[0].item<float>(), expected, 1e-6);
    state["w"] = at::zeros({3});
    EXPECT_THAT(testing::error_of([&] { other.load_state(state, ""); }).second,
                ::testing::HasSubstr("'w' has shape (3,), expected (2,)"));
}

TEST(Schedule, OneCycleEqualsPyTorch)
{
    // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=...), the learning rate before each step
    struct Row {
        std::int64_t steps, step;
        double rate;
    };
    const Row rows[] = {{10, 0, 0.04},
                        {10, 1, 0.52},
                        {10, 2, 1},
                        {10, 3, 0.950484632},
                        {10, 6, 0.3887419781},
                        {10, 8, 0.04951936799},
                        {10, 9, 4e-06},
                        {7, 1, 0.9805566273},
                        {7, 2, 0.9190443763},
                        {775, 1, 0.04004419797},
                        {775, 100, 0.4181856613},
                        {775, 231, 0.9999889504},
                        {775, 232, 0.9999979041},
                        {775, 400, 0.7802637629},
                        {775, 773, 1.238373067e-05},
                        {3, 0, 0.9944154355},
                        {3, 1, 0.4626371027},
                        {3, 2, 4e-06}};
    for (const auto& row : rows)
        EXPECT_NEAR(one_cycle({.step = row.step, .steps = row.steps}), row.rate, 1e-9 * row.rate + 1e-14)
            << row.step << " of " << row.steps;
    EXPECT_GT(one_cycle({.steps = 1}), 0);
    EXPECT_GT(one_cycle({.steps = 2}), 0);
}

config::Settings settings(const std::string& json)
{
    return {config::library_schema(), config::Config::from_json(json)};
}

TEST(Schedule, FollowsEpochs)
{
    const auto rate = [](const std::string& json, std::int64_t step) {
        return make_schedule(settings(json))({.step = step, .steps = 100, .steps_per_epoch = 10});
    };
    EXPECT_EQ(rate(R"({"training.schedule": "constant"})", 73), 1);
    const std::string exponential = R"({"training.schedule": "exponential", "training.schedule_gamma": 0.5})";
    EXPECT_EQ(rate(exponential, 9), 1);
    EXPECT_EQ(rate(exponential, 39), 0.125);

    const std::string warm =
        R"({"training.schedule": "warmup_cosine", "training.warmup_epochs": 2, "training.smallest_rate": 0.2})";
    EXPECT_NEAR(rate(warm, 0), 0.1, 1e-12);
    EXPECT_NEAR(rate(warm, 10), 0.55, 1e-12);
    EXPECT_NEAR(rate(warm, 20), 1, 1e-12);
    EXPECT_NEAR(rate(warm, 60), 0.6, 1e-12);
    EXPECT_NEAR(rate(warm, 99), 0.2, 1e-3);

    const std::string stages = R"({"training.schedule": "multi_stage", "training.stage_1_epochs": 3,
        "training.stage_2_epochs": 4, "training.smallest_rate": 0.1})";
    EXPECT_EQ(rate(stages, 29), 1);
    EXPECT_NEAR(rate(stages, 50), 0.55, 1e-12);
    EXPECT_EQ(rate(stages, 70), 0.1);
    EXPECT_EQ(rate(stages, 99), 0.1);
}

TEST(Schedule, PlateauWaitsForTheLoss)
{
    const auto schedule = make_schedule(settings(
        R"({"training": {"schedule": "plateau", "plateau_patience": 1, "plateau_threshold": 0.1, "smallest_rate": 0.2}})"));
    std::vector<model::HistoryRow> history;
    const auto after = [&](double validation, double training = 1) {
        history.push_back({.epoch = static_cast<std::int64_t>(history.size() + 1),
                           .training_loss = training,
                           .validation_loss = validation});
        return schedule({.step = 0, .steps = 1, .steps_per_epoch = 1, .history = history});
    };
    EXPECT_EQ(after(1), 1);
    EXPECT_EQ(after(0.95), 1) << "not a tenth lower";
    EXPECT_EQ(after(0.95), 0.5) << "twice";
    EXPECT_EQ(after(0.8), 0.5);
    EXPECT_EQ(after(0.8), 0.5);
    EXPECT_EQ(after(0.8), 0.25);
    EXPECT_EQ(after(0.8), 0.25);
    EXPECT_EQ(after(0.8), 0.2) << "the smallest rate";
    history.clear();
    const auto unknown = std::numeric_limits<double>::quiet_NaN();
    after(unknown, 1);
    after(unknown, 1);
    EXPECT_EQ(after(unknown, 1), 0.5) << "without validation the training loss counts";
}

TEST(Schedule, OthersAreUnknown)
{
    EXPECT_EQ(testing::error_of([] { make_schedule(settings(R"({"training.schedule": "one_cicle"})")); }).first,
              Status::InvalidConfig);
}

} // namespace
} // namespace ptk::training
