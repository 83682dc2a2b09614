// Stages, frozen parameters and the range test: what they do to a training, and what cannot be.
#include "base/atomic_file.h"
#include "core/training/training_testing.h"
#include "model/bundle.h"
#include "training/range_test.h"
#include "training/stages.h"
#include "training/trainer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <numbers>

namespace ptk::training {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;

config::Config small_config(const std::string& more = "{}")
{
    auto config = config::Config::from_json(R"({
        "generator": {"name": "physics_unet", "width": 4, "depth": 1, "passes": 1},
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"batch_size": 2, "validation_fraction": 0.1, "checkpoint_epochs": 1, "schedule": "constant"}})");
    config.merge(config::Config::from_json(more));
    return config;
}

std::map<std::string, at::Tensor> copies(model::Model& model)
{
    std::map<std::string, at::Tensor> all;
    for (const auto& [name, tensor] : model.generator->named_parameters())
        all[name] = tensor->detach().clone();
    return all;
}

bool equal(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const auto& x, const auto& y) { return x.first == y.first && at::equal(x.second, y.second); });
}

std::shared_ptr<model::Model> trained(const config::Config& config, const std::string& folder = "",
                                      const Monitor& monitor = {}, LogPtr log = nullptr)
{
    auto model = make_model(config);
    Trainer(model, config, folder, std::move(log)).fit(simulate(6, 6).scan, monitor);
    return model;
}

std::string refusal(const std::string& more)
{
    const auto config = small_config(more);
    const auto model = make_model(config);
    const auto [status, message] = error_of([&] { Trainer(model, config, "", nullptr); });
    EXPECT_EQ(status, Status::InvalidConfig) << more;
    return message;
}

constexpr const char* three_stages = R"({"training.stages": [
    {"epochs": 2, "learning_rate": 4e-3, "loss": "mae"},
    {"epochs": 3, "learning_rate": 1e-3, "loss": "poisson", "blend": "cosine"},
    {"epochs": 2, "learning_rate": 5e-4, "loss": "poisson", "freeze": ["levels", "conv?.bias"]}]})";

TEST(Stages, HaveTheirRateAndTheirLoss)
{
    const auto model = trained(small_config(three_stages));
    ASSERT_EQ(model->history.size(), 7U);
    const std::vector<double> rates{4e-3, 4e-3, 1e-3, 1e-3, 1e-3, 5e-4, 5e-4};
    for (std::size_t i = 0; i < 7; ++i)
        EXPECT_EQ(model->history[i].learning_rate, rates[i]);
    EXPECT_TRUE(model->history[1].terms.empty());
    EXPECT_TRUE(model->history[6].terms.empty());
    for (const std::size_t i : {2, 3, 4}) {
        const auto& terms = model->history[i].terms;
        ASSERT_EQ(terms.size(), 2U);
        EXPECT_NEAR(terms.at("mae") + terms.at("poisson"), model->history[i].training_loss, 1e-9);
    }
    EXPECT_EQ(model->history[2].terms.at("poisson"), 0) << "w = (1 - cos 0) / 2";
    // w = 1/4 and 3/4 in the epochs after it.
    const double first = model->history[3].terms.at("mae"), second = model->history[4].terms.at("mae");
    EXPECT_NEAR(first / 0.75, second / 0.25, 0.2 * first) << "the same loss with another weight";
    EXPECT_GT(model->history[6].training_loss, 3 * model->history[0].training_loss) << "of another loss";
}

TEST(Stages, BlendAsTheFormulasSay)
{
    EXPECT_EQ(blend_weight(Blend::Linear, 0.3), 0.3);
    EXPECT_EQ(blend_weight(Blend::Exponential, 0.3), 0.09);
    EXPECT_NEAR(blend_weight(Blend::Cosine, 0.3), std::pow(std::sin(std::numbers::pi * 0.15), 2), 1e-15);
    for (const auto blend : {Blend::Linear, Blend::Cosine, Blend::Exponential}) {
        EXPECT_EQ(blend_weight(blend, 0), 0);
        EXPECT_NEAR(blend_weight(blend, 1), 1, 1e-15);
    }
}

TEST(Stages, RunTheirSchedulesAnew)
{
    const auto model = trained(small_config(
        R"({"training": {"schedule": "exponential", "schedule_gamma": 0.5, "learning_rate": 1e-3,
                         "stages": [{"epochs": 3}, {"epochs": 2, "learning_rate": 8e-4}]}})"));
    const std::vector<double> rates{1e-3, 5e-4, 2.5e-4, 8e-4, 4e-4};
    for (std::size_t i = 0; i < rates.size(); ++i)
        EXPECT_NEAR(model->history[i].learning_rate, rates[i], 1e-15);
}

TEST(Stages, OneIsThePlainTraining)
{
    const auto plain = trained(small_config(R"({"training": {"epochs": 3, "learning_rate": 1e-3, "loss": "mae"}})"));
    const auto staged =
        trained(small_config(R"({"training.stages": [{"epochs": 3, "learning_rate": 1e-3, "loss": "mae"}]})"));
    EXPECT_TRUE(equal(copies(*plain), copies(*staged)));
}

class InterruptedStages : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(InterruptedStages, GoOnBitForBit)
{
    const auto config = small_config(three_stages);
    const auto folder = scratch("stages").string();
    const auto whole = trained(config, scratch("whole_stages").string());
    const Monitor stop([&](const Progress& progress) { return progress.step < GetParam(); }, nullptr);
    EXPECT_EQ(error_of([&] { trained(config, folder, stop); }).first, Status::Cancelled);
    auto resumed = make_model(config);
    Trainer trainer(resumed, config, folder, nullptr);
    trainer.resume(registry(), folder + "/last.ptk");
    trainer.fit(simulate(6, 6).scan, {});
    EXPECT_TRUE(equal(copies(*resumed), copies(*whole)));
    ASSERT_EQ(resumed->history.size(), 7U);
    for (std::size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(resumed->history[i].training_loss, whole->history[i].training_loss);
        EXPECT_EQ(resumed->history[i].terms, whole->history[i].terms);
    }
}

// 4 steps an epoch: in the first stage, at its end, in the blend, at its end, among the frozen.
INSTANTIATE_TEST_SUITE_P(Steps, InterruptedStages, ::testing::Values(3, 8, 14, 20, 22));

TEST(Stages, BestIsThatOfTheLastLoss)
{
    const auto folder = scratch("best").string();
    const auto model = trained(small_config(three_stages), folder);
    const auto best = nlohmann::json::parse(base::read_text(folder + "/history.json"))["history"];
    double smallest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 2; i < 7; ++i)
        smallest = std::min(smallest, model->history[i].validation_loss);
    EXPECT_LT(model->history[0].validation_loss, smallest) << "else this test shows nothing";
    EXPECT_EQ(model::load_bundle(registry(), folder + "/best.ptk", c10::kCPU).model->history.back().validation_loss,
              smallest);
    EXPECT_EQ(best.size(), 7U);
}

TEST(Freeze, KeepsWhatItNamesAndNothingElse)
{
    const auto config = small_config(R"({"training": {"epochs": 2, "freeze": "levels, conv?.bias"}})");
    auto model = make_model(config);
    const auto before = copies(*model);
    Trainer(model, config, "", nullptr).fit(simulate(6, 6).scan, {});
    std::size_t kept = 0;
    for (const auto& [name, tensor] : copies(*model)) {
        const bool frozen = name.starts_with("levels.") || name == "conv1.bias" || name == "conv2.bias";
        EXPECT_EQ(at::equal(tensor, before.at(name)), frozen) << name;
        kept += frozen ? 1 : 0;
    }
    EXPECT_GT(kept, 4U);
    for (const auto& parameter : model->generator->parameters())
        EXPECT_TRUE(parameter.requires_grad()) << "afterwards it is as any other model";
}

TEST(Freeze, FineTuningFreezesTheEncoder)
{
    const auto config = config::Config::from_json(R"({"generator.name": "cnn", "generator.C_model": 1,
        "generator.n_filters_scale": 1, "scan.group_size": 1, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"epochs": 1, "batch_size": 4, "schedule": "constant", "learning_rate": 1e-3},
        "epochs_fine_tune": 1, "fine_tune_gamma": 0.25})");
    const auto model = make_model(config, 64);
    std::map<std::string, at::Tensor> middle;
    const Monitor look(
        [&](const Progress& progress) {
            if (std::string(progress.phase) == "validate" && progress.epoch == 1)
                middle = copies(*model);
            return true;
        },
        nullptr);
    Trainer(model, config, "", nullptr).fit(simulate(3, 3, 64).scan, look);
    ASSERT_EQ(model->history.size(), 2U);
    EXPECT_EQ(model->history[1].learning_rate, 2.5e-4);
    for (const auto& [name, tensor] : copies(*model))
        if (name.starts_with("encoder."))
            EXPECT_TRUE(at::equal(tensor, middle.at(name))) << name;
    EXPECT_FALSE(equal(copies(*model), middle));
    EXPECT_THAT(refusal(R"({"training": {"epochs": 2, "fine_tune_epochs": 1}})"),
                HasSubstr("training.fine_tune_epochs, which freezes the encoder (training.stages freezes what you "
                          "like): no parameter of the network is called 'encoder'"));
}

TEST(Stages, SayWhatCannotBe)
{
    const std::vector<std::pair<const char*, const char*>> cases{
        {R"({"training.freeze": "convl"})", "training.freeze: no parameter of the network is called 'convl'; did you "
                                            "mean 'conv1'?; it consists of conv1, conv2, levels, output"},
        {R"({"training.freeze": "*"})", "training.freeze: '*' is the whole network; nothing is left to train"},
        {R"({"training.stages": "soon"})", "training.stages: expected a list like [{\"epochs\": 10}"},
        {R"({"training.stages": [{"loss": "mae"}]})", "training.stages: stage 1: 'epochs' is missing"},
        {R"({"training.stages": [{"epochs": 1}, {"epochs": 0}]})",
         "training.stages: stage 2: training.epochs: 0 is out"},
        {R"({"training.stages": [{"epochs": 1, "los": "mae"}]})", "unknown key 'los'; expected some of epochs, "},
        {R"({"training.stages": [{"epochs": 1, "loss": "mea"}]})", "stage 1: training.loss: 'mea' is not one of"},
        {R"({"training.stages": [{"epochs": 1, "blend": "cosine"}]})",
         "stage 1: blend: expected another loss than that"},
        {R"({"training.stages": [{"epochs": 1, "loss": "mae"}, {"epochs": 1, "blend": "cosinus"}]})",
         "stage 2: blend: 'cosinus' is not one of linear, cosine, exponential; did you mean 'cosine'?"},
        {R"({"training.stages": [{"epochs": 1, "freeze": 3}]})",
         "stage 1: freeze: expected names of parameters, found 3"},
        {R"({"training.stages": [{"epochs": 1, "freeze": "outputs"}]})", "did you mean 'output'?"},
    };
    for (const auto& [more, expected] : cases)
        EXPECT_THAT(refusal(more), HasSubstr(expected));
}

TEST(Stages, PatternsMeanNamesAndWhatLiesInThem)
{
    const std::vector<std::string> names{"encoder.a.weight", "encoder.b.bias", "encoder2.weight", "head.weight"};
    EXPECT_EQ(matching("encoder", names), (std::vector<std::string>{names[0], names[1]}));
    EXPECT_EQ(matching("*.weight", names), (std::vector<std::string>{names[0], names[2], names[3]}));
    EXPECT_EQ(matching("head.weigh?", names), (std::vector<std::string>{names[3]}));
    EXPECT_TRUE(matching("code", names).empty());
}

// ---- the range test ----

TEST(RangeTest, SuggestsATenthOfTheBestRate)
{
    RangeTest test;
    double before = 0;
    while (!test.over()) {
        EXPECT_GT(test.rate(), before);
        before = test.rate();
        // A loss that falls until 1e-2 and rises steeply from there.
        test.add(test.rate() < 1e-2 ? 1 - 40 * test.rate() : 0.6 + 1e3 * (test.rate() - 1e-2));
    }
    EXPECT_LT(test.rate(), RangeTest::highest) << "ends when the loss has risen";
    const auto rate = test.suggestion();
    ASSERT_TRUE(rate.has_value());
    EXPECT_GT(*rate, 0.1 * 1e-2 / 1.5);
    EXPECT_LT(*rate, 0.1 * 1e-2 * 2);
}

TEST(RangeTest, SuggestsNothingWhenTheLossNeverFalls)
{
    RangeTest test;
    for (int step = 0; !test.over(); ++step)
        test.add(1 + 0.01 * step);
    EXPECT_FALSE(test.suggestion().has_value());
    RangeTest broken;
    broken.add(std::nan(""));
    EXPECT_TRUE(broken.over());
    EXPECT_FALSE(broken.suggestion().has_value());
}

TEST(RangeTest, ChangesNothingButTheRate)
{
    std::string said;
    const auto log = std::make_shared<Log>();
    log->set(LogLevel::Info, [&](LogLevel, const char*, const char* message) { said += std::string(message) + "\n"; });
    const auto plain = trained(small_config(R"({"training": {"epochs": 2, "learning_rate": 1e-3}})"));
    const auto suggested = trained(
        small_config(R"({"training": {"epochs": 2, "learning_rate": 1e-3, "find_rate": "suggest"}})"), "", {}, log);
    EXPECT_TRUE(equal(copies(*plain), copies(*suggested)));
    EXPECT_EQ(plain->history[1].training_loss, suggested->history[1].training_loss);
    EXPECT_THAT(said, HasSubstr("(not used; now training.learning_rate = 0.001)"));
}

TEST(RangeTest, IsUsedAndKeptByACheckpoint)
{
    const auto config = small_config(R"({"training": {"epochs": 3, "find_rate": "use"}})");
    const auto whole = trained(config);
    const double rate = whole->history[0].learning_rate;
    EXPECT_NE(rate, 2e-3);
    EXPECT_EQ(whole->settings.number("training.learning_rate"), rate);
    auto same = small_config(R"({"training.epochs": 3})");
    same.set("training.learning_rate", rate);
    EXPECT_TRUE(equal(copies(*trained(same)), copies(*whole)));

    const auto folder = scratch("found").string();
    const Monitor stop(
        [](const Progress& progress) { return std::string(progress.phase) != "train" || progress.step < 6; }, nullptr);
    EXPECT_EQ(error_of([&] { trained(config, folder, stop); }).first, Status::Cancelled);
    auto resumed = make_model(config);
    Trainer trainer(resumed, config, folder, nullptr);
    trainer.resume(registry(), folder + "/last.ptk");
    trainer.fit(simulate(6, 6).scan, {});
    EXPECT_TRUE(equal(copies(*resumed), copies(*whole)));
}

TEST(RangeTest, CanBeStopped)
{
    const auto config = small_config(R"({"training": {"epochs": 3, "find_rate": "use"}})");
    auto model = make_model(config);
    const auto before = copies(*model);
    const Monitor stop([](const Progress& progress) { return progress.step < 20; }, nullptr);
    EXPECT_EQ(error_of([&] { Trainer(model, config, "", nullptr).fit(simulate(6, 6).scan, stop); }).first,
              Status::Cancelled);
    EXPECT_TRUE(equal(copies(*model), before));
}

} // namespace
} // namespace ptk::training
