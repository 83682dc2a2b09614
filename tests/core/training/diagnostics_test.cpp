// Networks that are made ill, and what is found.
#include "base/atomic_file.h"
#include "core/training/training_testing.h"
#include "model/bundle.h"
#include "training/diagnostics.h"
#include "training/history.h"
#include "training/trainer.h"

#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>

namespace ptk::training {
namespace {

using ::testing::HasSubstr;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;

config::Config cnn(const std::string& more = "{}")
{
    auto config = config::Config::from_json(R"({"generator.name": "cnn", "generator.C_model": 1,
        "generator.n_filters_scale": 1, "scan.group_size": 1, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"epochs": 1, "batch_size": 4, "validation_fraction": 0.3, "learning_rate": 1e-9}})");
    config.merge(config::Config::from_json(more));
    return config;
}

std::shared_ptr<model::Model> made(const std::string& more = "{}")
{
    return make_model(cnn(more), 64);
}

at::Tensor& parameter(model::Model& model, const std::string& wanted)
{
    for (const auto& [name, tensor] : model.generator->named_parameters())
        if (name == wanted)
            return *tensor;
    ADD_FAILURE() << wanted;
    static at::Tensor none;
    return none;
}

void set(model::Model& model, const std::string& name, double value, std::int64_t count = -1)
{
    const c10::NoGradGuard no_gradient;
    auto& tensor = parameter(model, name);
    (count < 0 ? tensor : tensor.narrow(0, 0, count)).fill_(value);
}

Findings find(model::Model& model)
{
    const c10::NoGradGuard no_gradient;
    const generators::ActivationWatch watch;
    for (int batch = 0; batch < 2; ++batch)
        model.generator->forward({.amplitude = at::rand({2, 1, 64, 64})});
    return findings_of(watch, *model.generator);
}

/// A bias that no sum of products can lift above zero.
constexpr double deadly = -1e6;

TEST(Diagnostics, CountUnitsThatNeverFire)
{
    for (const char* more : {"{}", R"({"generator.use_shared_decoder": true})"}) {
        const auto model = made(more);
        const double before = find(*model).numbers.at("dead_units");
        EXPECT_LT(before, 0.5);
        set(*model, "encoder.blocks.1.conv2.bias", deadly, 62); // of 64
        const auto findings = find(*model);
        EXPECT_GT(findings.numbers.at("dead_units"), before);
        ASSERT_EQ(findings.warnings.size(), 1U) << ::testing::PrintToString(findings.warnings);
        const auto& [what, warning] = *findings.warnings.begin();
        EXPECT_EQ(what, "encoder.blocks.1.conv2");
        EXPECT_THAT(warning, ::testing::ContainsRegex("^6[2-4] of 64 units of encoder.blocks.1.conv2 never fire"));
    }
}

TEST(Diagnostics, SeeUnitsBehindBatchNormalisation)
{
    const auto model = made(R"({"generator.batch_norm": true})");
    set(*model, "encoder.blocks.0.bn1.weight", 0);
    set(*model, "encoder.blocks.0.bn1.bias", -1);
    const auto findings = find(*model);
    ASSERT_TRUE(findings.warnings.contains("encoder.blocks.0.conv1"));
    EXPECT_THAT(findings.warnings.at("encoder.blocks.0.conv1"), HasSubstr("32 of 32 units"));
}

TEST(Diagnostics, SeeHeadsAndBordersAtTheEndOfTheirRange)
{
    const auto model = made(R"({"generator.cnn_output_mode": "real_imag"})");
    const auto healthy = find(*model);
    EXPECT_EQ(healthy.numbers.at("saturated_head"), 0);
    EXPECT_EQ(healthy.numbers.at("saturated_border"), 0);
    EXPECT_TRUE(healthy.warnings.empty());
    set(*model, "decoder_amp.amp.conv1.bias", 100);
    set(*model, "decoder_phase.phase.conv2.bias", -100);
    const auto ill = find(*model);
    EXPECT_EQ(ill.numbers.at("saturated_head"), 0.5) << "one of two heads";
    EXPECT_EQ(ill.numbers.at("saturated_border"), 0.5);
    EXPECT_THAT(ill.warnings.at("saturated_head"), HasSubstr("50 % of the values lie at the end"));
    const auto silu = made();
    EXPECT_EQ(find(*silu).numbers.at("saturated_head"), 0) << "of the phase alone: SiLU has no ends";
}

TEST(Diagnostics, AreInTheHistoryAndWarnOnce)
{
    std::vector<std::string> warnings;
    const auto log = std::make_shared<Log>();
    log->set(LogLevel::Warn, [&](LogLevel, const char*, const char* message) { warnings.emplace_back(message); });
    const auto model = made();
    set(*model, "encoder.blocks.0.conv1.bias", deadly);
    const auto folder = scratch("diagnostics").string();
    Trainer(model, cnn(R"({"training.epochs": 2})"), folder, log).fit(simulate(3, 3, 64).scan, {});
    ASSERT_EQ(model->history.size(), 2U);
    const double dead = model->history[1].diagnostics.at("dead_units");
    EXPECT_GT(dead, 0.05);
    EXPECT_EQ(std::count_if(warnings.begin(), warnings.end(),
                            [](const auto& text) { return text.find("encoder.blocks.0.conv1 ") != std::string::npos; }),
              1);
    EXPECT_THAT(warnings.front(), HasSubstr("epoch 1: 32 of 32 units of encoder.blocks.0.conv1 never fire"));
    const auto csv = base::read_text(folder + "/history.csv");
    EXPECT_THAT(csv, HasSubstr("seconds,dead_units,saturated_border,saturated_head\n"));
    const auto json = nlohmann::json::parse(base::read_text(folder + "/history.json"));
    EXPECT_EQ(json["history"][1]["diagnostics"]["dead_units"], dead);
    const auto kept = model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU).model;
    EXPECT_EQ(kept->history[1].diagnostics, model->history[1].diagnostics);
}

TEST(Diagnostics, AreNoneWhereThereIsNothingToSee)
{
    const auto config = config::Config::from_json(
        R"({"generator": {"name": "physics_unet", "width": 4, "depth": 1}, "scan.group_size": 4,
            "probe": {"modes": 2, "warm_epochs": 0}, "training.epochs": 1})");
    const auto model = make_model(config);
    Trainer(model, config, "", nullptr).fit(simulate(6, 6).scan, {});
    EXPECT_TRUE(model->history[0].diagnostics.empty());
}

} // namespace
} // namespace ptk::training
