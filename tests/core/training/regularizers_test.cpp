// Penalties of predicted patches: direct sums, golden numbers, what they are blind to.
#include "core/golden.h"
#include "core/physics/gradient.h"
#include "core/training/training_testing.h"
#include "training/regularizers.h"

namespace ptk::training {
namespace {

using ptk::testing::expect_gradient;
using ptk::testing::random;

/// Phases over the whole circle, so that many differences go over the jump.
at::Tensor random_patches(std::uint64_t seed)
{
    return random({2, 3, 5, 4}, at::kComplexDouble, seed);
}

double short_turn(double turn)
{
    return std::remainder(turn, 2 * M_PI);
}

/// The penalty of one group (G, H, W), pixel by pixel.
class Direct {
public:
    explicit Direct(const at::Tensor& group) : group_(group) {}

    double total_variation(bool phase, bool circular) const
    {
        double sum = 0;
        for (std::int64_t g = 0; g < group_.size(0); ++g)
            for (std::int64_t row = 0; row < group_.size(1); ++row)
                for (std::int64_t column = 0; column < group_.size(2); ++column) {
                    if (row + 1 < group_.size(1))
                        sum += difference(at(g, row + 1, column, phase), at(g, row, column, phase), circular);
                    if (column + 1 < group_.size(2))
                        sum += difference(at(g, row, column + 1, phase), at(g, row, column, phase), circular);
                }
        return sum;
    }

    double mean_deviation(bool phase, bool circular) const
    {
        double sum = 0;
        for (std::int64_t g = 0; g < group_.size(0); ++g) {
            std::complex<double> phasor = 0;
            double mean = 0;
            const double pixels = static_cast<double>(group_[g].numel());
            each(g, phase, [&](double value) {
                phasor += std::polar(1.0, value);
                mean += value / pixels;
            });
            each(g, phase,
                 [&](double value) { sum += difference(value, circular ? std::arg(phasor) : mean, circular); });
        }
        return sum;
    }

private:
    static double difference(double a, double b, bool circular)
    {
        return std::abs(circular ? short_turn(a - b) : a - b);
    }
    double at(std::int64_t g, std::int64_t row, std::int64_t column, bool phase) const
    {
        const auto value = group_[g][row][column].item<c10::complex<double>>();
        return phase ? std::arg(std::complex<double>(value)) : std::abs(std::complex<double>(value));
    }
    template <class Use> void each(std::int64_t g, bool phase, const Use& use) const
    {
        for (std::int64_t row = 0; row < group_.size(1); ++row)
            for (std::int64_t column = 0; column < group_.size(2); ++column)
                use(at(g, row, column, phase));
    }

    at::Tensor group_;
};

double direct(const std::string& name, const at::Tensor& patches, PenaltyForm form)
{
    double sum = 0;
    const bool phase = name.ends_with("phase"), circular = phase && form == PenaltyForm::Mean;
    for (std::int64_t b = 0; b < patches.size(0); ++b) {
        const Direct group(patches[b]);
        sum += name.starts_with("tv") ? group.total_variation(phase, circular) : group.mean_deviation(phase, circular);
    }
    return sum / static_cast<double>(form == PenaltyForm::Mean ? patches.numel() : patches.size(0));
}

class EachRegularizer : public ::testing::TestWithParam<std::string> {
protected:
    at::Tensor of(const at::Tensor& patches, PenaltyForm form = PenaltyForm::Mean) const
    {
        return builtin_regularizers().get(GetParam()).make(patches, form);
    }
};

TEST_P(EachRegularizer, IsItsFormula)
{
    const auto patches = random_patches(1);
    for (const auto form : {PenaltyForm::Mean, PenaltyForm::Sum}) {
        const double expected = direct(GetParam(), patches, form);
        EXPECT_NEAR(of(patches, form).item<double>(), expected, 1e-12 * expected);
        EXPECT_NEAR(of(patches.to(at::kComplexFloat), form).item<double>(), expected, 1e-5 * expected);
    }
}

TEST_P(EachRegularizer, HasTheGradientOfFiniteDifferences)
{
    for (const auto form : {PenaltyForm::Mean, PenaltyForm::Sum})
        expect_gradient([&](const at::Tensor& patches) { return of(patches, form); }, random_patches(2), GetParam(),
                        1e-6);
}

TEST_P(EachRegularizer, IsZeroForAFlatPatchAndFiniteForAnEmptyOne)
{
    EXPECT_NEAR(of(at::full({1, 2, 6, 6}, c10::complex<double>(0.3, -0.4), at::kComplexDouble)).item<double>(), 0,
                1e-12);
    const auto empty = at::zeros({1, 2, 6, 6}, at::kComplexFloat).requires_grad_(true);
    const auto penalty = of(empty);
    penalty.backward();
    EXPECT_EQ(penalty.item<double>(), 0);
    EXPECT_TRUE(at::view_as_real(empty.grad()).isfinite().all().item<bool>());
}

TEST_P(EachRegularizer, DoesNotSeeHowTheObjectIsTurned)
{
    const auto patches = random_patches(3);
    const auto turned = patches * at::Scalar(c10::complex<double>(std::cos(2.0), std::sin(2.0)));
    EXPECT_NEAR(of(turned).item<double>(), of(patches).item<double>(), 1e-9);
}

TEST_P(EachRegularizer, HasAWeightInTheSchemaThatIsZeroAtFirst)
{
    const auto* option = config::library_schema().find("training.regularizers." + GetParam());
    ASSERT_NE(option, nullptr);
    EXPECT_EQ(option->initial, "0");
    const auto& described = builtin_regularizers().get(GetParam()).metadata.options.options();
    ASSERT_EQ(described.size(), 1U);
    EXPECT_EQ(described[0].name, option->name);
}

INSTANTIATE_TEST_SUITE_P(Regularizers, EachRegularizer, ::testing::ValuesIn(builtin_regularizers().names()),
                         [](const auto& info) { return info.param; });

TEST(Regularizers, EqualPtychoPinnBeforeReduction)
{
    const auto golden = golden::load("loss_primitives.npz");
    const auto expect = [&](const char* name, const auto& function) {
        const auto key = std::string(name);
        const auto field = golden.at("in/field").clone().requires_grad_(true);
        const auto sums = function(field);
        golden::expect_close(sums.to(at::kFloat), golden.at(key + "/out"), 1e-5, key);
        sums.sum().backward();
        golden::expect_close(field.grad(), golden.at(key + "/grad_of_sum"), 1e-5, key);
    };
    expect("total_variation", [](const at::Tensor& field) { return total_variation(field); });
    expect("mean_deviation", [](const at::Tensor& field) { return mean_deviation(field); });
}

TEST(Regularizers, APhaseRampOverTheJumpIsNoEdge)
{
    // Rows of equal phase that grows by 0.5 from column to column: 31 differences of 0.5 in each of 32 rows.
    const auto phase = at::arange(32, at::kDouble).view({1, 1, 1, 32}).expand({1, 1, 32, 32}) * 0.5;
    const auto ramp = at::polar(at::ones_like(phase), phase);
    const auto& tv = builtin_regularizers().get("tv_phase").make;
    EXPECT_NEAR(tv(ramp, PenaltyForm::Mean).item<double>(), 0.5 * 31 / 32, 1e-9);
    EXPECT_GT(tv(ramp, PenaltyForm::Sum).item<double>() / (32 * 32), 0.8) << "as the reference, which sees two edges";
}

TEST(Regularizers, OnlyThoseWithAWeightAreUsed)
{
    const auto used = [](const std::string& json) {
        return penalties_of(config::Settings(config::library_schema(), config::Config::from_json(json)));
    };
    EXPECT_TRUE(used("{}").empty());
    const auto two = used(R"({"training": {"regularizers": {"tv_phase": 0.5, "mean_deviation_amplitude": 2}}})");
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two[0].name, "tv_phase");
    EXPECT_EQ(two[0].weight, 0.5);
    EXPECT_EQ(two[1].name, "mean_deviation_amplitude");
    const auto patches = random_patches(4);
    EXPECT_EQ(two[0].of(patches).item<double>(),
              builtin_regularizers().get("tv_phase").make(patches, PenaltyForm::Mean).item<double>());
    const auto reference = used(R"({"compat": "ptychopinn", "training.regularizers.tv_phase": 1})");
    EXPECT_EQ(reference.at(0).of(patches).item<double>(),
              builtin_regularizers().get("tv_phase").make(patches, PenaltyForm::Sum).item<double>());
    EXPECT_EQ(testing::error_of([&] { used(R"({"training.regularizers.tv_phases": 1})"); }).second,
              "training.regularizers.tv_phases: unknown option; did you mean 'training.regularizers.tv_phase'?");
    EXPECT_EQ(testing::error_of([] { builtin_regularizers().get("tv_phas"); }).second,
              "regularizer 'tv_phas' is not registered; did you mean 'tv_phase'?");
    EXPECT_EQ(testing::error_of([] { total_variation(at::ones({4, 4})); }).first, Status::Shape);
}

} // namespace
} // namespace ptk::training
