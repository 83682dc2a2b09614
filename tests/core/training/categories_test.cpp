// The registry of registries: what every entry has to say, and that the schema offers what is registered.
#include "core/training/training_testing.h"
#include "training/categories.h"
#include "training/optimizer.h"
#include "training/schedule.h"

#include <set>

namespace ptk::training {
namespace {

using testing::registry;

TEST(Categories, AreAllThatIsRegistered)
{
    EXPECT_EQ(categories().names(),
              (std::vector<std::string>{"generators", "initializers", "losses", "regularizers", "optimizers",
                                        "schedules", "presets", "gradient_limits"}));
    EXPECT_EQ(testing::error_of([] { categories().get("loses"); }).second,
              "category 'loses' is not registered; did you mean 'losses'?");
    EXPECT_EQ(&categories().get("loss"), &categories().get("losses"));
}

class EachCategory : public ::testing::TestWithParam<std::string> {};

TEST_P(EachCategory, HasEntriesThatSayWhatTheyAre)
{
    const auto& category = categories().get(GetParam()).make;
    const auto entries = category.entries(registry());
    EXPECT_GE(entries.size(), 3U);
    std::set<std::string> names, summaries;
    for (const auto* entry : entries) {
        EXPECT_TRUE(names.insert(entry->name).second) << entry->name;
        EXPECT_TRUE(summaries.insert(entry->summary).second) << entry->name;
        EXPECT_GT(entry->summary.size(), 10U) << entry->name;
        EXPECT_EQ(entry->summary.find('\n'), std::string::npos) << entry->name;
        EXPECT_FALSE(entry->source.empty()) << entry->name;
        EXPECT_EQ(&category.get(registry(), entry->name), entry);
    }
    const auto& name = entries.front()->name;
    const auto [status, message] = testing::error_of([&] { category.get(registry(), name + "x"); });
    EXPECT_EQ(status, Status::NotFound);
    EXPECT_THAT(message, ::testing::HasSubstr("'" + name + "x' is not registered; did you mean '"));
}

TEST_P(EachCategory, DescribesOptionsThatTheLibraryHas)
{
    if (GetParam() == "generators")
        return; // bring their own
    for (const auto* entry : categories().get(GetParam()).make.entries(registry()))
        for (const auto& option : entry->options.options())
            if (GetParam() != "presets" || !option.name.starts_with("generator.")) // a network's own
                EXPECT_NE(config::library_schema().find(option.name), nullptr) << entry->name << " " << option.name;
}

INSTANTIATE_TEST_SUITE_P(Categories, EachCategory, ::testing::ValuesIn(categories().names()),
                         [](const auto& info) { return info.param; });

TEST(Categories, TheSchemaOffersWhatIsRegistered)
{
    for (const auto& [option, category] : {std::pair{"preset", "presets"},
                                           {"generator.initializer", "initializers"},
                                           {"training.loss", "losses"},
                                           {"training.optimizer", "optimizers"},
                                           {"training.schedule", "schedules"},
                                           {"training.gradient_clip_by", "gradient_limits"}}) {
        std::vector<std::string> names;
        for (const auto* entry : categories().get(category).make.entries(registry()))
            names.push_back(entry->name);
        ASSERT_NE(config::library_schema().find(option), nullptr);
        EXPECT_EQ(config::library_schema().find(option)->choices, names) << option;
    }
    std::vector<std::string> weights;
    for (const auto* entry : categories().get("regularizers").make.entries(registry()))
        weights.push_back("training.regularizers." + entry->name);
    EXPECT_EQ(config::library_schema().section("training.regularizers").names(), weights);
}

TEST(Categories, APresetIsDescribedByTheValuesThatItSets)
{
    const auto& fast = categories().get("preset").make.get(registry(), "fast");
    const auto* passes = fast.options.find("generator.passes");
    ASSERT_NE(passes, nullptr);
    EXPECT_EQ(passes->initial, "2");
    EXPECT_EQ(fast.options.find("training.epochs")->initial, "6");
}

/// An option that a method or schedule of one name alone reads says so at its beginning, "plateau: ...".
TEST(Categories, OptionsOfOneEntryAreDescribedWithIt)
{
    const auto training = config::library_schema().section("training");
    for (const auto* category : {"losses", "optimizers", "schedules"})
        for (const auto* entry : categories().get(category).make.entries(registry()))
            for (const auto& option : training.options()) {
                const auto head = option.meaning.substr(0, option.meaning.find(':'));
                if (head == option.meaning || head.find(entry->name) == std::string::npos)
                    continue;
                const auto words = ", " + head + ",";
                if (words.find(", " + entry->name + ",") != std::string::npos)
                    EXPECT_NE(entry->options.find(option.name), nullptr) << entry->name << " " << option.name;
            }
}

} // namespace
} // namespace ptk::training
