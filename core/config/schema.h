#pragma once
#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ptk::config {

using Json = nlohmann::json;

enum class Type { Bool, Int, Float, String, FloatPair };

/// One option: its dotted name ("training.epochs"), type, default, bounds and meaning.
struct Option {
    std::string name;
    Type type;
    std::string initial; ///< default, as JSON text
    std::string meaning; ///< one sentence with unit
    std::optional<double> low{};
    std::optional<double> high{};
    std::vector<std::string> choices{}; ///< for strings; empty = free
    std::vector<std::string>
        aliases{};         ///< other names that are accepted: PtychoPINN's field names, as they stand there
    bool optional = false; ///< null is allowed and means "decide from the data"
};

/// An ordered list of options.
class Schema {
public:
    Schema() = default;
    explicit Schema(std::vector<Option> options) : options_(std::move(options)) {}

    const std::vector<Option>& options() const noexcept { return options_; }
    /// By name or alias; nullptr when unknown.
    const Option* find(std::string_view name) const;
    std::vector<std::string> names() const;
    /// Options of this one followed by those of the other.
    Schema with(const Schema& other) const;
    /// Only the options of a section ("training").
    Schema section(std::string_view name) const;
    /// Only these options, in the order of @p names. @throws Error(Internal) for one that is not here
    Schema only(const std::vector<std::string>& names) const;
    /// Array of {name, type, default, meaning, min, max, choices, aliases, optional}.
    Json to_json() const;

private:
    std::vector<Option> options_;
};

/// Every option of the library but those of single generators, which come with their registration under "generator.".
const Schema& library_schema();

} // namespace ptk::config
