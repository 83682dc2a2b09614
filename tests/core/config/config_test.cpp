#include "base/error.h"
#include "config/config.h"

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
