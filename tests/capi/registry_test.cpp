// Everything that is registered, through the ABI, and what a training does with it.
#include "api.h"

using namespace api;

namespace {

Json listed(const ptk_context* ctx, const std::string& category)
{
    return json([&](auto... a) { return ptk_registry_list(ctx, category.c_str(), a...); });
}

Json described(const ptk_context* ctx, const std::string& category, const std::string& name)
{
    return json([&](auto... a) { return ptk_registry_describe(ctx, category.c_str(), name.c_str(), a...); });
}

TEST(Registry, EveryCategoryListsAndDescribesItsEntries)
{
    const auto ctx = context();
    const auto categories = listed(ctx, "categories");
    EXPECT_EQ(categories.size(), 8U);
    for (const auto& category : categories) {
        const auto name = category["name"].get<std::string>();
        const auto singular = category["aliases"].at(0).get<std::string>();
        const auto entries = listed(ctx, name);
        EXPECT_GE(entries.size(), 3U) << name;
        EXPECT_EQ(listed(ctx, singular), entries);
        for (const auto& entry : entries) {
            auto about = described(ctx, singular, entry["name"].get<std::string>());
            EXPECT_TRUE(about["options"].is_array()) << entry;
            EXPECT_EQ(about.contains("cost"), name == "generators");
            about.erase("options");
            about.erase("cost");
            EXPECT_EQ(about, entry);
        }
    }
}

TEST(Registry, AgreesWithTheCallsOfSingleCategories)
{
    const auto ctx = context();
    EXPECT_EQ(listed(ctx, "generators"), json([&](auto... a) { return ptk_generator_list(ctx, a...); }));
    EXPECT_EQ(listed(ctx, "initializers"), json([&](auto... a) { return ptk_initializer_list(ctx, a...); }));
    EXPECT_EQ(described(ctx, "generators", "uno"),
              json([&](auto... a) { return ptk_generator_describe(ctx, "uno", a...); }));
    const auto gaussian = described(ctx, "loss", "gaussian");
    EXPECT_EQ(gaussian["options"].at(0)["name"], "training.readout_variance");
    EXPECT_EQ(gaussian["options"].at(0)["default"], 1);
}

TEST(Registry, UnknownNamesAreAnsweredWithTheNearest)
{
    const auto ctx = context();
    std::size_t needed = 0;
    expect_error(ptk_registry_list(ctx, "optimisers", nullptr, 0, &needed), PTK_ERR_NOT_FOUND,
                 {"category 'optimisers' is not registered; did you mean 'optimizers'?"});
    expect_error(ptk_registry_describe(ctx, "losses", "poison", nullptr, 0, &needed), PTK_ERR_NOT_FOUND,
                 {"loss 'poison' is not registered; did you mean 'poisson'?"});
    expect_error(ptk_registry_describe(ctx, "categories", "losses", nullptr, 0, &needed), PTK_ERR_NOT_FOUND,
                 {"category 'categories'"});
}

} // namespace
