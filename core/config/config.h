#pragma once
#include "config/schema.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace ptk::config {

/// Values that a user gave, by dotted key, unchecked until they are resolved against a schema.
class Config {
public:
    Config();
    ~Config();
    Config(const Config&);
    Config& operator=(const Config&);
    Config(Config&&) noexcept;
    Config& operator=(Config&&) noexcept;

    /// A JSON object, nested ({"training": {"epochs": 3}}) or with dotted keys. @throws Error(InvalidConfig) with line
    /// and column
    static Config from_json(const std::string& text, const std::string& origin = "configuration");
    /// The same in YAML.
    static Config from_yaml(const std::string& text, const std::string& origin = "configuration");
    /// A .json, .yaml or .yml file.
    static Config load(const std::string& path);

    void set(const std::string& key, Json value);
    /// @p value as the schema's type reads it: "3", "true", "0.1,0.9" (for the command line).
    void set_text(const std::string& key, const std::string& value);
    /// Values of @p other win.
    void merge(const Config& other);
    const std::map<std::string, Json>& values() const noexcept;

private:
    std::unique_ptr<std::map<std::string, Json>> values_;
};

/// Effective values: every option of a schema with a value that fits it.
class Settings {
public:
    Settings() = default;
    /// @throws Error(InvalidConfig) for an unknown key (naming the nearest), a wrong type or a value out of bounds
    Settings(Schema schema, const Config& given);

    /// The same schema, with values of @p given in place.
    Settings with(const Config& given) const;

    bool flag(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    double number(std::string_view name) const;
    const std::string& text(std::string_view name) const;
    std::pair<double, double> pair(std::string_view name) const;
    /// False for an optional value that is null.
    bool has(std::string_view name) const;
    /// True when the user gave it, false for a default.
    bool given(std::string_view name) const;

    /// Nested object of all values.
    Json to_json() const;
    const Schema& schema() const noexcept { return schema_; }

private:
    const Json& value(std::string_view name) const;
    void apply(const Config& given);

    Schema schema_;
    std::shared_ptr<const std::map<std::string, Json, std::less<>>> values_;
    std::shared_ptr<const std::map<std::string, bool, std::less<>>> given_;
};

} // namespace ptk::config
