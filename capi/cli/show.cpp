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

void list(Session& session, const std::string& category, bool json)
{
    const auto list = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_registry_list(session.context(), category.c_str(), buf, capacity, needed);
    });
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

void describe(Session& session, const std::string& category, const std::string& name, bool json)
{
    const auto about = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_registry_describe(session.context(), category.c_str(), name.c_str(), buf, capacity, needed);
    });
    if (json) {
        std::printf("%s\n", about.dump(2).c_str());
        return;
    }
    for (const auto& [key, value] : about.items())
        if (key != "options" && key != "cost" && !(value.is_array() && value.empty()))
            std::printf("%-14s %s\n", key.c_str(), plain(value).c_str());
    for (const auto& cost : about.value("cost", Json::array()))
        std::printf("%-14s %s parameters, %s million operations a frame (N = %s, C = %s)\n", "cost",
                    plain(cost["parameters"]).c_str(), number(cost["flops_per_frame"].get<double>() / 1e6, 4).c_str(),
                    plain(cost["N"]).c_str(), plain(cost["C"]).c_str());
    if (!about["options"].empty())
        std::printf("\n");
    for (const auto& option : about["options"])
        print_option(option);
}

void version()
{
    print_tree(Json::parse(ptk_build_info()), 0);
}

} // namespace cli
