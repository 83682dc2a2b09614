// The commands that only show something: info, config, list, describe, version.
#include "commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace cli {

namespace {

using Json = nlohmann::json;

std::string plain(const Json& value)
{
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_number_float())
        return number(value.get<double>(), 6);
    return value.dump();
}

bool is_short_array(const Json& value)
{
    return value.is_array() && value.size() <= 6 &&
           std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_primitive(); });
}

void print_tree(const Json& node, int indent)
{
    const std::string space(static_cast<size_t>(indent), ' ');
    for (const auto& [key, value] : node.items()) {
        if (value.is_primitive() || is_short_array(value)) {
            std::printf("%s%-22s %s\n", space.c_str(), key.c_str(), plain(value).c_str());
        } else if (value.is_object()) {
            std::printf("%s%s\n", space.c_str(), key.c_str());
            print_tree(value, indent + 2);
        } else {
            std::printf("%s%s\n", space.c_str(), key.c_str());
            for (const auto& entry : value) {
                if (entry.is_object() && entry.contains("name")) {
                    std::string rest;
                    for (const auto& [k, v] : entry.items())
                        rest += k == "name" ? "" : "  " + plain(v);
                    std::printf("%s  %-34s%s\n", space.c_str(), plain(entry["name"]).c_str(), rest.c_str());
                } else {
                    std::printf("%s  - %s\n", space.c_str(), plain(entry).c_str());
                }
            }
        }
    }
}

void print_option(const Json& option)
{
    std::string limits;
    if (option.contains("choices")) {
        for (const auto& choice : option["choices"])
            limits += (limits.empty() ? "" : "|") + choice.get<std::string>();
    } else if (option.contains("min") || option.contains("max")) {
        limits = (option.contains("min") ? plain(option["min"]) : "") + ".." +
                 (option.contains("max") ? plain(option["max"]) : "");
    }
    std::printf("%s = %s   (%s%s)\n    %s\n", plain(option["name"]).c_str(), option["default"].dump().c_str(),
                plain(option["type"]).c_str(), limits.empty() ? "" : (", " + limits).c_str(),
                plain(option["meaning"]).c_str());
}

Json registered(Session& session, const std::string& what)
{
    const auto call = what == "generators" ? ptk_generator_list : ptk_initializer_list;
    return json_of(
        [&](char* buf, size_t capacity, size_t* needed) { return call(session.context(), buf, capacity, needed); });
}

} // namespace

void info(Session& session, const std::string& path, bool json)
{
    const auto description = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_file_describe(session.context(), path.c_str(), session.config(), buf, capacity, needed);
    });
    if (json)
        std::printf("%s\n", description.dump(2).c_str());
    else
        print_tree(description, 0);
}

void config_schema(Session& session, const std::string& subject, bool json)
{
    const auto schema = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_config_schema(session.context(), subject.c_str(), buf, capacity, needed);
    });
    if (json) {
        std::printf("%s\n", schema.dump(2).c_str());
        return;
    }
    for (const auto& option : schema)
        print_option(option);
}

void config_defaults(Session& session)
{
    const auto values = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_config_to_json(session.context(), session.config(), "library", buf, capacity, needed);
    });
    std::printf("%s\n", values.dump(2).c_str());
}

void config_check(Session& session)
{
    check(ptk_config_check(session.context(), session.config(), "library"));
    session.say("the configuration is valid");
}

void list(Session& session, const std::string& what, bool json)
{
    const auto list = registered(session, what);
    if (json) {
        std::printf("%s\n", list.dump(2).c_str());
        return;
    }
    std::size_t longest = 0;
    for (const auto& entry : list)
        longest = std::max(longest, entry["name"].get_ref<const std::string&>().size());
    for (const auto& entry : list)
        std::printf("%-*s  %s\n", static_cast<int>(longest), plain(entry["name"]).c_str(),
                    plain(entry["summary"]).c_str());
}

void describe_initializer(Session& session, const std::string& name, bool json)
{
    std::string known;
    for (const auto& entry : registered(session, "initializers")) {
        const auto& aliases = entry["aliases"];
        known += (known.empty() ? "" : ", ") + plain(entry["name"]);
        if (entry["name"] != name && std::find(aliases.begin(), aliases.end(), name) == aliases.end())
            continue;
        if (json)
            std::printf("%s\n", entry.dump(2).c_str());
        else
            print_tree(entry, 0);
        return;
    }
    throw Failure(PTK_ERR_NOT_FOUND, "there is no initializer '" + name + "'; expected one of " + known);
}

void describe_generator(Session& session, const std::string& name, bool json)
{
    const auto generator = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_generator_describe(session.context(), name.c_str(), buf, capacity, needed);
    });
    if (json) {
        std::printf("%s\n", generator.dump(2).c_str());
        return;
    }
    for (const auto& [key, value] : generator.items())
        if (key != "options" && key != "cost")
            std::printf("%-14s %s\n", key.c_str(), plain(value).c_str());
    for (const auto& cost : generator["cost"])
        std::printf("%-14s %s parameters, %s million operations a frame (N = %s, C = %s)\n", "cost",
                    plain(cost["parameters"]).c_str(), number(cost["flops_per_frame"].get<double>() / 1e6, 4).c_str(),
                    plain(cost["N"]).c_str(), plain(cost["C"]).c_str());
    std::printf("\n");
    for (const auto& option : generator["options"])
        print_option(option);
}

void version()
{
    print_tree(Json::parse(ptk_build_info()), 0);
}

} // namespace cli
