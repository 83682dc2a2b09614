#include "config/schema.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ptk::config {

namespace {

const char* type_text(Type type)
{
    switch (type) {
    case Type::Bool:
        return "bool";
    case Type::Int:
        return "int";
    case Type::Float:
        return "float";
    case Type::String:
        return "string";
    case Type::FloatPair:
        return "float pair";
    }
    return "?";
}

} // namespace

const Option* Schema::find(std::string_view name) const
{
    const auto named = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
    if (named != options_.end())
        return &*named;
    const auto aliased = std::find_if(options_.begin(), options_.end(), [&](const Option& o) {
        return std::find(o.aliases.begin(), o.aliases.end(), name) != o.aliases.end();
    });
    return aliased == options_.end() ? nullptr : &*aliased;
}

std::vector<std::string> Schema::names() const
{
    std::vector<std::string> names;
    for (const auto& option : options_)
        names.push_back(option.name);
    return names;
}

Schema Schema::with(const Schema& other) const
{
    auto options = options_;
    options.insert(options.end(), other.options_.begin(), other.options_.end());
    return Schema(std::move(options));
}

Schema Schema::section(std::string_view name) const
{
    const std::string prefix = std::string(name) + ".";
    std::vector<Option> options;
    std::copy_if(options_.begin(), options_.end(), std::back_inserter(options),
                 [&](const Option& o) { return o.name.rfind(prefix, 0) == 0; });
    return Schema(std::move(options));
}

Schema Schema::only(const std::vector<std::string>& names) const
{
    std::vector<Option> options;
    for (const auto& name : names) {
        const auto* option = find(name);
        require(option != nullptr, Status::Internal, "option '{}' is not in the schema", name);
        options.push_back(*option);
    }
    return Schema(std::move(options));
}

Json Schema::to_json() const
{
    Json list = Json::array();
    for (const auto& option : options_) {
        Json entry{{"name", option.name},
                   {"type", type_text(option.type)},
                   {"default", Json::parse(option.initial)},
                   {"meaning", option.meaning}};
        if (option.low)
            entry["min"] = *option.low;
        if (option.high)
            entry["max"] = *option.high;
        if (!option.choices.empty())
            entry["choices"] = option.choices;
        if (!option.aliases.empty())
            entry["aliases"] = option.aliases;
        if (option.optional)
            entry["optional"] = true;
        list.push_back(std::move(entry));
    }
    return list;
}

} // namespace ptk::config
