#include "base/error.h"
#include "config/config.h"
#include "config/presets.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace ptk::config {
namespace {

std::string message_of(const std::function<void()>& action)
{
    try {
        action();
    } catch (const Error& error) {
        return error.message();
    }
    return "";
}

Settings resolve(const std::string& json)
{
    return Settings(library_schema(), Config::from_json(json));
}

TEST(Schema, EveryDefaultFitsItsOwnBoundsAndNamesAreUnique)
{
    std::set<std::string> seen;
    for (const auto& option : library_schema().options()) {
        EXPECT_TRUE(seen.insert(option.name).second) << option.name;
        for (const auto& alias : option.aliases)
            EXPECT_TRUE(seen.insert(alias).second) << alias;
        EXPECT_GT(option.meaning.size(), 8U) << option.name;
        Config config;
        config.set(option.name, Json::parse(option.initial));
        EXPECT_EQ(message_of([&] { Settings(library_schema(), config); }), "") << option.name;
    }
}

TEST(Settings, NestedDottedAndAliasedKeysMeanTheSame)
{
    EXPECT_EQ(resolve(R"({"training": {"epochs": 3}})").integer("training.epochs"), 3);
    EXPECT_EQ(resolve(R"({"training.epochs": 3})").integer("training.epochs"), 3);
    EXPECT_EQ(resolve(R"({"nepochs": 3})").integer("training.epochs"), 3);
    EXPECT_TRUE(resolve(R"({"nepochs": 3})").given("training.epochs"));
    EXPECT_FALSE(resolve("{}").given("training.epochs"));
}

TEST(Settings, MistakesAreNamed)
{
    EXPECT_EQ(message_of([] { resolve(R"({"training": {"epoch": 3}})"); }),
              "training.epoch: unknown option; did you mean 'training.epochs'?");
    EXPECT_EQ(message_of([] { resolve(R"({"training.epochs": 0})"); }),
              "training.epochs: 0 is out of range; expected 1 to 10000000");
    EXPECT_EQ(message_of([] { resolve(R"({"training.epochs": 2.5})"); }),
              "training.epochs: expected a whole number, found 2.5");
    EXPECT_EQ(message_of([] { resolve(R"({"training.loss": "poison"})"); }),
              "training.loss: 'poison' is not one of amplitude, poisson, mae, mae_intensity, gaussian, huber, "
              "supervised; did you mean 'poisson'?");
    EXPECT_EQ(message_of([] { resolve(R"({"data.x_bounds": [0.9, 0.1]})"); }),
              "data.x_bounds: expected [a, b] with a <= b, found [0.9,0.1]");
    EXPECT_NE(message_of([] { resolve(R"({"seed": 1)"); }).find("not JSON"), std::string::npos);
    EXPECT_NE(message_of([] { Config::from_yaml("a: [1, 2"); }).find("not YAML"), std::string::npos);
}

/// What walks a value recurses: hundreds of thousands of levels would leave the stack.
TEST(Settings, EndlessNestingIsAnError)
{
    const auto nested = [](const std::string& open, const std::string& close) {
        std::string text;
        for (int i = 0; i < 200000; ++i)
            text += open;
        return text + "1" + (close.empty() ? "" : std::string(200000, close[0]));
    };
    const auto objects = nested("{\"a\":", "}");
    const auto arrays = nested("[", "]");
    EXPECT_EQ(message_of([&] { Config::from_json(objects, "run.json"); }),
              "run.json: JSON nested deeper than 64 levels");
    EXPECT_EQ(message_of([&] { Config::from_json("{\"seed\":" + arrays + "}", "run.json"); }),
              "run.json: JSON nested deeper than 64 levels");
    EXPECT_NE(message_of([&] { Config::from_yaml(arrays, "run.yaml"); }).find("run.yaml: "), std::string::npos);
    std::string laughs = "a0: &a0 [1, 1]\n";
    for (int i = 1; i < 40; ++i)
        laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
    EXPECT_EQ(message_of([&] { Config::from_yaml(laughs, "run.yaml"); }), "run.yaml: nested deeper than 16 levels");
    laughs = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (int i = 1; i < 10; ++i)
        laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
    EXPECT_EQ(message_of([&] { Config::from_yaml(laughs, "run.yaml"); }), "run.yaml: holds more than 100000 values");
    Config config;
    config.set_text("training.epochs", arrays);
    EXPECT_NE(message_of([&] { Settings(library_schema(), config); }).find("training.epochs: expected a whole number"),
              std::string::npos);
}

TEST(Settings, YamlEqualsJson)
{
    const auto yaml =
        Settings(library_schema(),
                 Config::from_yaml(
                     "training:\n  epochs: 7\n  loss: poisson\ndata: {x_bounds: [0.1, 0.5]}\nscan.group_size: null\n"));
    const auto json = resolve(
        R"({"training": {"epochs": 7, "loss": "poisson"}, "data": {"x_bounds": [0.1, 0.5]}, "scan.group_size": null})");
    EXPECT_EQ(yaml.to_json(), json.to_json());
}

TEST(Settings, RoundTripsThroughJson)
{
    const auto first = resolve(R"({"training.epochs": 3, "data.y_bounds": [0.25, 1]})");
    const auto second = resolve(first.to_json().dump());
    EXPECT_EQ(first.to_json(), second.to_json());
}

TEST(Settings, TakeTheWordsOfPtychoPinn)
{
    const auto settings = resolve(
        R"({"neighbor_function": "Min_dist", "normalize": "Group", "data_scaling": "Max", "scan_pattern": "Rectangular"})");
    EXPECT_EQ(settings.text("scan.grouping"), "min_dist");
    EXPECT_EQ(settings.text("input.normalize"), "group");
    EXPECT_EQ(settings.text("input.scaling"), "max");
    EXPECT_EQ(settings.text("scan.pattern"), "rectangular");
    EXPECT_EQ(message_of([] { resolve(R"({"normalize": "Bach"})"); }),
              "input.normalize: 'Bach' is not one of batch, group, none; did you mean 'batch'?");
}

TEST(Settings, ATextMayBeAListOfTexts)
{
    EXPECT_EQ(resolve(R"({"tracking.tags": ["a=1", "b=2"]})").text("tracking.tags"), "a=1,b=2");
    EXPECT_EQ(message_of([] { resolve(R"({"tracking.tags": [1, 2]})"); }),
              "tracking.tags: expected a text, found [1,2]");
    EXPECT_EQ(message_of([] { resolve(R"({"training.loss": ["mae"]})"); }),
              "training.loss: expected a text, found [\"mae\"]");
}

// ---- presets ----

TEST(Presets, HoldValuesThatDifferFromTheDefaultsAndFit)
{
    for (const auto& preset : presets()) {
        EXPECT_EQ(preset.values.values().empty(), preset.name == "none");
        for (const auto& [key, value] : preset.values.values()) {
            if (key.starts_with("generator.") && key != "generator.name")
                continue; // a network's own
            const auto* option = library_schema().find(key);
            ASSERT_NE(option, nullptr) << preset.name << " " << key;
            EXPECT_EQ(option->name, key) << preset.name << ": an alias";
            EXPECT_TRUE(key == "generator.name" || Json::parse(option->initial) != value) << preset.name << " " << key;
            Config one;
            one.set(key, value);
            EXPECT_EQ(message_of([&] { Settings(library_schema(), one); }), "") << preset.name;
        }
    }
}

TEST(Presets, StandBelowWhatIsGivenUnderAnyName)
{
    const auto legacy = resolve(R"({"preset": "legacy"})");
    EXPECT_EQ(legacy.integer("training.batch_size"), 16);
    EXPECT_EQ(legacy.text("generator.name"), "cnn");
    EXPECT_FALSE(legacy.given("training.batch_size"));
    EXPECT_TRUE(legacy.given("preset"));
    const auto own = resolve(R"({"preset": "Legacy", "batch_size": 2, "training.epochs": 3})");
    EXPECT_EQ(own.integer("training.batch_size"), 2) << "an alias, which sorts before the preset's key";
    EXPECT_EQ(own.integer("training.epochs"), 3);
    EXPECT_EQ(own.number("training.learning_rate"), 1e-3);
    EXPECT_EQ(own.text("preset"), "legacy");
    EXPECT_EQ(message_of([] { resolve(R"({"preset": "legasy"})"); }),
              "preset: 'legasy' is not one of none, ci, legacy, fast, quality; did you mean 'legacy'?");
}

TEST(Presets, OnTopOfSettingsLeaveTheNetworkAlone)
{
    const auto before = resolve(R"({"training.epochs": 99, "training.batch_size": 3, "generator.name": "unet"})");
    const auto after = before.with(Config::from_json(R"({"preset": "legacy", "training.batch_size": 4})"));
    EXPECT_EQ(after.integer("training.epochs"), 50);
    EXPECT_EQ(after.integer("training.batch_size"), 4);
    EXPECT_EQ(after.text("generator.name"), "unet");
    EXPECT_EQ(resolve(after.to_json().dump()).to_json(), after.to_json()) << "as a bundle keeps them";
}

TEST(Settings, TextValuesFromACommandLine)
{
    Config config;
    config.set_text("training.epochs", "4");
    config.set_text("data.x_bounds", "0.1,0.5");
    config.set_text("training.loss", "mae");
    config.set_text("probe.trainable", "true");
    const Settings settings(library_schema(), config);
    EXPECT_EQ(settings.integer("training.epochs"), 4);
    EXPECT_EQ(settings.pair("data.x_bounds").second, 0.5);
    EXPECT_TRUE(settings.flag("probe.trainable"));
}

} // namespace
} // namespace ptk::config
