#include "registry/registry.h"

#include <atomic>
#include <thread>

namespace {

using ptk::Error;
using ptk::Status;
using Numbers = ptk::registry::Registry<int>;

Numbers numbers()
{
    Numbers registry("number");
    registry.add({.name = "one", .aliases = {"uno", "eins"}, .summary = "", .source = ""}, 1);
    registry.add({.name = "seven", .summary = "", .source = ""}, 7);
    return registry;
}

Error error_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "expected an Error";
    return Error(Status::Ok, "");
}

TEST(Registry, FindsByNameAndAlias)
{
    const auto registry = numbers();
    EXPECT_EQ(registry.get("one").make, 1);
    EXPECT_EQ(registry.get("eins").make, 1);
    EXPECT_EQ(registry.get("eins").metadata.name, "one");
    EXPECT_EQ(registry.get("seven").make, 7);
    EXPECT_EQ(registry.names(), (std::vector<std::string>{"one", "seven"}));
}

TEST(Registry, TakesANameOrAliasOnce)
{
    auto registry = numbers();
    for (const char* name : {"one", "uno", "seven"}) {
        const auto error = error_of([&] { registry.add({.name = name, .summary = "", .source = ""}, 2); });
        EXPECT_EQ(error.status(), Status::Exists);
        EXPECT_NE(error.message().find(std::string("number '") + name + "'"), std::string::npos) << error.message();
    }
    EXPECT_EQ(
        error_of([&] { registry.add({.name = "two", .aliases = {"eins"}, .summary = "", .source = ""}, 2); }).status(),
        Status::Exists);
    EXPECT_EQ(registry.entries().size(), 2U);
}

TEST(Registry, AddsAllOrNone)
{
    auto registry = numbers();
    std::vector<Numbers::Entry> entries{{{.name = "two", .summary = "", .source = ""}, 2},
                                        {{.name = "seven", .summary = "", .source = ""}, 3}};
    EXPECT_EQ(error_of([&] { registry.add_all(entries); }).status(), Status::Exists);
    EXPECT_EQ(registry.names(), (std::vector<std::string>{"one", "seven"}));
    entries[1].metadata.name = "two";
    EXPECT_EQ(error_of([&] { registry.add_all(entries); }).message(), "number 'two' is registered already");
    entries[1].metadata.name = "three";
    registry.add_all(entries);
    EXPECT_EQ(registry.get("three").make, 3);
}

TEST(Registry, IsReadWhileOthersAdd)
{
    auto registry = numbers();
    const auto& one = registry.get("one");
    std::atomic<int> refused = 0;
    const auto add = [&](int first) {
        for (int i = first; i < first + 300; ++i)
            try {
                registry.add({.name = std::to_string(i), .summary = "", .source = ""}, i);
            } catch (const Error&) {
                ++refused;
            }
    };
    std::thread low(add, 0), high(add, 100); // 200 names are asked for twice
    while (registry.entries().size() < 402)
        EXPECT_EQ(registry.get("uno").make, 1);
    low.join();
    high.join();
    EXPECT_EQ(refused, 200);
    EXPECT_EQ(registry.entries().size(), 402U);
    EXPECT_EQ(&one, &registry.get("one")) << "entries stay where they are";
}

TEST(Registry, UnknownNameSuggestsTheNearest)
{
    const auto registry = numbers();
    const auto error = error_of([&] { registry.get("sevn"); });
    EXPECT_EQ(error.status(), Status::NotFound);
    EXPECT_EQ(error.message(), "number 'sevn' is not registered; did you mean 'seven'?");
    EXPECT_EQ(error_of([&] { registry.get("xyzzyx"); }).message(), "number 'xyzzyx' is not registered");
}

} // namespace
