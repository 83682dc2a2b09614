#include "core/training/training_testing.h"
#include "training/optimizer.h"
#include "training/schedule.h"

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

    double step(double parameter, double gradient, double rate, const Adam::Options& options)
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
    const Adam::Options options{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.02};
    // Odd sizes: the kernel's vector loop has a tail.
    auto real = random_numbers({3, 7}, 1, at::kDouble).requires_grad_(true);
    auto complex = random_numbers({5}, 2, at::kComplexDouble).requires_grad_(true);
    auto unused = random_numbers({2}, 3, at::kDouble).requires_grad_(true);
    Adam adam({{"real", real}, {"complex", complex}, {"unused", unused}}, options);

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
        auto adam = std::make_unique<Adam>(std::vector<Adam::Parameter>{{"weight", weight}}, Adam::Options{});
        for (int k = 0; k < 6; ++k) {
            if (interrupted && k == 3) {
                std::map<std::string, at::Tensor> saved;
                for (const auto& [name, tensor] : adam->state())
                    saved["x." + name] = tensor.clone();
                adam = std::make_unique<Adam>(std::vector<Adam::Parameter>{{"weight", weight}}, Adam::Options{});
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
    Adam adam({{"layer.weight", weight}}, {});
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
    Adam adam({{"a", a}, {"b", b}}, {});
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
        EXPECT_NEAR(one_cycle(row.step, row.steps), row.rate, 1e-9 * row.rate + 1e-14)
            << row.step << " of " << row.steps;
    EXPECT_GT(one_cycle(0, 1), 0);
    EXPECT_GT(one_cycle(0, 2), 0);
}

TEST(Schedule, ConstantIsAndOthersAreUnknown)
{
    EXPECT_EQ(schedule_by_name("constant")(3, 10), 1);
    EXPECT_EQ(schedule_by_name("one_cycle")(2, 10), one_cycle(2, 10));
    EXPECT_EQ(testing::error_of([] { schedule_by_name("one_cicle"); }).first, Status::NotFound);
}

} // namespace
} // namespace ptk::training
