#include "config/config.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "config/presets.h"
#include "config/ptychopinn.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>

namespace ptk::config {

namespace {

void flatten(const Json& node, const std::string& prefix, std::map<std::string, Json>& values)
{
    for (const auto& [key, value] : node.items()) {
        const std::string name = prefix.empty() ? key : prefix + "." + key;
        if (value.is_object())
            flatten(value, prefix.empty() && is_ptychopinn_section(key) ? "" : name, values);
        else
            values[name] = value;
    }
}

constexpr int most_values = 100000; ///< in a file of options

/// YAML scalars have no type: plain ones are read as JSON where they are JSON, quoted ones are strings.
Json scalar_to_json(const YAML::Node& node)
{
    const auto& text = node.Scalar();
    if (node.Tag() == "!")
        return text;
    auto parsed = base::parse_json(text);
    if (parsed.is_discarded() || parsed.is_structured())
        return text == "~" ? Json() : Json(text);
    return parsed;
}

/// An anchor may be used many times, and what it names hold others: @p left ends what would grow without bounds.
Json yaml_to_json(const YAML::Node& node, int depth, int& left)
{
    require(depth < 16, Status::InvalidConfig, "nested deeper than 16 levels");
    require(--left > 0, Status::InvalidConfig, "holds more than {} values", most_values);
    if (node.IsMap()) {
        Json object = Json::object();
        for (const auto& entry : node)
            object[entry.first.as<std::string>()] = yaml_to_json(entry.second, depth + 1, left);
        return object;
    }
    if (node.IsSequence()) {
        Json array = Json::array();
        for (const auto& entry : node)
            array.push_back(yaml_to_json(entry, depth + 1, left));
        return array;
    }
    return node.IsScalar() ? scalar_to_json(node) : Json();
}

const char* type_name(Type type)
{
    switch (type) {
    case Type::Bool:
        return "true or false";
    case Type::Int:
        return "a whole number";
    case Type::Float:
        return "a number";
    case Type::String:
        return "a text";
    case Type::FloatPair:
        return "two numbers [a, b]";
    }
    return "?";
}

bool has_type(const Json& value, Type type)
{
    switch (type) {
    case Type::Bool:
        return value.is_boolean();
    case Type::Int:
        return value.is_number_integer() ||
               (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()) &&
                std::abs(value.get<double>()) < 9e15);
    case Type::Float:
        return value.is_number() && std::isfinite(value.get<double>());
    case Type::String:
        return value.is_string();
    case Type::FloatPair:
        return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
    }
    return false;
}

std::string range_text(const Option& option)
{
    if (option.low && option.high)
        return fmt::format("{} to {}", *option.low, *option.high);
    return option.low ? fmt::format("{} or more", *option.low) : fmt::format("{} or less", *option.high);
}

void check_bounds(const Option& option, double value)
{
    if ((option.low && value < *option.low) || (option.high && value > *option.high))
        fail(Status::InvalidConfig, "{}: {} is out of range; expected {}", option.name, value, range_text(option));
}

/// The choice that @p value names, in capitals or not: PtychoPINN writes 'Batch' and 'Parseval'.
std::string chosen(const Option& option, const std::string& value)
{
    const auto lower = [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
        return text;
    };
    const auto named = lower(value);
    const auto is = [&](const std::string& word) {
        return std::find_if(option.choices.begin(), option.choices.end(),
                            [&](const auto& choice) { return lower(choice) == word; });
    };
    const auto found = is(named) != option.choices.end() ? is(named) : is(our_word(named));
    if (found == option.choices.end())
        fail(Status::InvalidConfig, "{}: '{}' is not one of {}{}", option.name, value, fmt::join(option.choices, ", "),
             base::did_you_mean(value, option.choices));
    return *found;
}

/// A text may be given as a list: of texts, "a,b", or of objects, which stay JSON.
Json as_text(Json value)
{
    const auto all = [&](auto&& test) { return !value.empty() && std::all_of(value.begin(), value.end(), test); };
    if (all([](const Json& item) { return item.is_object(); }))
        return value.dump();
    if (!all([](const Json& item) { return item.is_string(); }))
        return value;
    return fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
}

Json checked(const Option& option, Json value)
{
    if (value.is_null() && option.optional)
        return value;
    if (option.type == Type::String && option.choices.empty() && value.is_array())
        value = as_text(std::move(value));
    require(has_type(value, option.type), Status::InvalidConfig, "{}: expected {}{}, found {}", option.name,
            type_name(option.type), option.optional ? " or null" : "",
            value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80));
    if (option.type == Type::Int)
        value = value.is_number_integer() ? value : Json(static_cast<std::int64_t>(value.get<double>()));
    if (option.type == Type::Int || option.type == Type::Float)
        check_bounds(option, value.get<double>());
    if (option.type == Type::FloatPair) {
        check_bounds(option, value[0].get<double>());
        check_bounds(option, value[1].get<double>());
        require(value[0].get<double>() <= value[1].get<double>(), Status::InvalidConfig,
                "{}: expected [a, b] with a <= b, found {}", option.name, value.dump());
    }
    return option.choices.empty() ? value : Json(chosen(option, value.get<std::string>()));
}

/// The text that is given for an option of the library, under its name or an alias.
std::optional<std::string> named_by(const Config& given, std::string_view name)
{
    for (const auto& [key, value] : given.values()) {
        const auto* option = library_schema().find(key);
        if (option != nullptr && option->name == name)
            return checked(*option, value).get<std::string>();
    }
    return std::nullopt;
}

/// Values of the preset that @p given names, of options that there are. Those of its network are left out when there
/// is one already, or @p given names another one: options may be called the same and mean something else.
Config preset_of(const Config& given, const Schema& schema, bool network)
{
    Config values;
    const auto preset = named_by(given, "preset");
    if (!preset)
        return values;
    const auto& chosen = preset_named(*preset).values;
    const auto name = named_by(given, "generator.name");
    network = network && (!name || name == named_by(chosen, "generator.name"));
    for (const auto& [key, value] : chosen.values())
        if (schema.find(key) != nullptr && (network || !key.starts_with("generator.")))
            values.set(key, value);
    return values;
}

} // namespace

Config::Config() : values_(std::make_unique<std::map<std::string, Json>>()) {}
Config::~Config() = default;
Config::Config(const Config& other) : values_(std::make_unique<std::map<std::string, Json>>(*other.values_)) {}
Config& Config::operator=(const Config& other)
{
    *values_ = *other.values_;
    return *this;
}
// A moved-from Config stays usable: it is empty.
Config::Config(Config&& other) noexcept : values_(std::make_unique<std::map<std::string, Json>>())
{
    values_.swap(other.values_);
}
Config& Config::operator=(Config&& other) noexcept
{
    values_.swap(other.values_);
    return *this;
}

Config Config::from_json(const std::string& text, const std::string& origin)
{
    Json parsed;
    try {
        parsed = Json::parse(text, base::shallow_json, /*allow_exceptions=*/true, /*ignore_comments=*/true);
    } catch (const Json::exception& error) {
        fail(Status::InvalidConfig, "{}: not JSON: {}", origin, error.what());
    } catch (const Error& error) {
        fail(Status::InvalidConfig, "{}: {}", origin, error.message());
    }
    require(parsed.is_object(), Status::InvalidConfig, "{}: expected a JSON object, found {}", origin,
            parsed.type_name());
    Config config;
    flatten(parsed, "", *config.values_);
    return config;
}

Config Config::from_yaml(const std::string& text, const std::string& origin)
{
    Json parsed;
    try {
        const auto node = YAML::Load(text);
        int left = most_values;
        parsed = node.IsNull() ? Json::object() : yaml_to_json(node, 0, left);
    } catch (const YAML::Exception& error) {
        fail(Status::InvalidConfig, "{}: not YAML: {}", origin, error.what());
    } catch (const Error& error) {
        fail(Status::InvalidConfig, "{}: {}", origin, error.message());
    }
    require(parsed.is_object(), Status::InvalidConfig, "{}: expected 'key: value' lines, found {}", origin,
            parsed.type_name());
    Config config;
    flatten(parsed, "", *config.values_);
    return config;
}

Config Config::load(const std::string& path)
{
    const auto extension = std::filesystem::path(path).extension();
    const auto text = base::read_text(path, std::size_t{1} << 20);
    if (extension == ".json")
        return from_json(text, path);
    require(extension == ".yaml" || extension == ".yml", Status::InvalidArgument,
            "{}: expected a .json, .yaml or .yml file", path);
    return from_yaml(text, path);
}

void Config::set(const std::string& key, Json value)
{
    (*values_)[key] = std::move(value);
}

void Config::set_text(const std::string& key, const std::string& value)
{
    const auto* option = library_schema().find(key);
    if (option != nullptr && option->type == Type::String) {
        set(key, value);
        return;
    }
    auto parsed = base::parse_json(value);
    if (parsed.is_discarded() && value.find(',') != std::string::npos)
        parsed = base::parse_json("[" + value + "]");
    set(key, parsed.is_discarded() ? Json(value) : parsed);
}

void Config::merge(const Config& other)
{
    for (const auto& [key, value] : *other.values_)
        (*values_)[key] = value;
}

const std::map<std::string, Json>& Config::values() const noexcept
{
    return *values_;
}

Settings::Settings(Schema schema, const Config& given) : schema_(std::move(schema))
{
    auto values = std::make_shared<std::map<std::string, Json, std::less<>>>();
    for (const auto& option : schema_.options())
        (*values)[option.name] = Json::parse(option.initial);
    values_ = std::move(values);
    given_ = std::make_shared<std::map<std::string, bool, std::less<>>>();
    const auto nothing = given_;
    apply(preset_of(given, schema_, /*network=*/true));
    given_ = nothing;
    apply(given);
}

Settings Settings::with(const Config& given) const
{
    Settings copy = *this;
    copy.apply(preset_of(given, schema_, /*network=*/false));
    copy.given_ = given_;
    copy.apply(given);
    return copy;
}

void Settings::apply(const Config& config)
{
    auto values = std::make_shared<std::map<std::string, Json, std::less<>>>(*values_);
    auto given = std::make_shared<std::map<std::string, bool, std::less<>>>(*given_);
    const auto own = from_ptychopinn(config, schema_);
    for (const auto& [key, value] : own.values()) {
        const auto* option = schema_.find(key);
        if (option == nullptr)
            fail(Status::InvalidConfig, "{}: unknown option{}", key, base::did_you_mean(key, schema_.names()));
        (*values)[option->name] = checked(*option, value);
        (*given)[option->name] = true;
    }
    values_ = std::move(values);
    given_ = std::move(given);
}

const Json& Settings::value(std::string_view name) const
{
    require(values_ != nullptr, Status::Internal, "option '{}' asked of empty settings", name);
    const auto found = values_->find(name);
    require(found != values_->end(), Status::Internal, "option '{}' is not in the schema", name);
    return found->second;
}

bool Settings::flag(std::string_view name) const
{
    return value(name).get<bool>();
}
std::int64_t Settings::integer(std::string_view name) const
{
    return value(name).get<std::int64_t>();
}
double Settings::number(std::string_view name) const
{
    return value(name).get<double>();
}
const std::string& Settings::text(std::string_view name) const
{
    return value(name).get_ref<const std::string&>();
}
std::pair<double, double> Settings::pair(std::string_view name) const
{
    const auto& both = value(name);
    return {both[0].get<double>(), both[1].get<double>()};
}
bool Settings::has(std::string_view name) const
{
    return !value(name).is_null();
}
bool Settings::given(std::string_view name) const
{
    return given_ && given_->find(name) != given_->end();
}

Json Settings::to_json() const
{
    Json nested = Json::object();
    for (const auto& option : schema_.options()) {
        Json* node = &nested;
        std::size_t begin = 0;
        for (auto dot = option.name.find('.'); dot != std::string::npos; dot = option.name.find('.', begin)) {
            node = &(*node)[option.name.substr(begin, dot - begin)];
            begin = dot + 1;
        }
        (*node)[option.name.substr(begin)] = value(option.name);
    }
    return nested;
}

} // namespace ptk::config
