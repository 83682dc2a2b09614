#include "training/stages.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#include <fmt/ranges.h>
#include <fnmatch.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <set>
#include <utility>

namespace ptk::training {

namespace {

using config::Json;

constexpr const char* option = "training.stages";
constexpr const char* encoder = "encoder";
const std::vector<std::string> keys{"epochs", "learning_rate", "loss", "schedule", "freeze", "blend"};

const std::vector<std::pair<std::string, Blend>>& blends()
{
    static const std::vector<std::pair<std::string, Blend>> all{
        {"linear", Blend::Linear}, {"cosine", Blend::Cosine}, {"exponential", Blend::Exponential}};
    return all;
}

std::vector<std::string> words_of(const std::string& text)
{
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        const auto first = text.find_first_not_of(' ', begin);
        if (first < end)
            words.push_back(text.substr(first, text.find_last_not_of(' ', end - 1) + 1 - first));
        begin = end + 1;
    }
    return words;
}

Goal goal_of(const config::Settings& settings)
{
    const auto& name = settings.text("training.loss");
    const auto& factory = builtin_losses().get(name).make;
    return {name, factory.compared, factory.per, factory.make(settings), factory.relative};
}

Blend blend_named(const std::string& name, const std::string& where)
{
    std::vector<std::string> names;
    for (const auto& [known, blend] : blends()) {
        if (known == name)
            return blend;
        names.push_back(known);
    }
    fail(Status::InvalidConfig, "{}: blend: '{}' is not one of linear, cosine, exponential{}", where, name,
         base::did_you_mean(name, names));
}

/// All names that a pattern could have meant: those of parameters and of what they lie in.
std::vector<std::string> parts_of(const std::vector<std::string>& names)
{
    std::set<std::string> parts;
    for (const auto& name : names) {
        for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
            parts.insert(name.substr(0, dot));
        parts.insert(name);
    }
    return {parts.begin(), parts.end()};
}

std::vector<std::string> names_of(generators::Generator& generator)
{
    std::vector<std::string> names;
    for (const auto& parameter : generator.named_parameters())
        names.push_back(parameter.name);
    return names;
}

/// The first parts of names: what a network consists of.
std::string pieces_of(const std::vector<std::string>& names)
{
    std::vector<std::string> pieces;
    for (const auto& name : names)
        if (const auto piece = name.substr(0, name.find('.')); pieces.empty() || pieces.back() != piece)
            pieces.push_back(piece);
    return fmt::format("{}", fmt::join(pieces, ", "));
}

std::vector<std::string> frozen_by(const std::string& patterns, const std::vector<std::string>& names,
                                   const std::string& where)
{
    std::set<std::string> frozen;
    for (const auto& pattern : words_of(patterns)) {
        const auto found = matching(pattern, names);
        require(!found.empty(), Status::InvalidConfig,
                "{}: no parameter of the network is called '{}'{}; it consists of {}", where, pattern,
                base::did_you_mean(pattern, parts_of(names)), pieces_of(names));
        frozen.insert(found.begin(), found.end());
    }
    require(frozen.size() < names.size() || names.empty(), Status::InvalidConfig,
            "{}: '{}' is the whole network; nothing is left to train", where, patterns);
    return {frozen.begin(), frozen.end()};
}

/// A list of texts, or one text with commas.
std::string freeze_text(const Json& value, const std::string& where)
{
    if (value.is_string())
        return value.get<std::string>();
    const bool list =
        value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
    require(list, Status::InvalidConfig, "{}: freeze: expected names of parameters, found {}", where, value.dump());
    std::string text;
    for (const auto& word : value)
        text += word.get<std::string>() + ",";
    return text;
}

/// The settings with what a stage says in the place of the plain options; bounds and types are theirs.
config::Settings settings_of(const config::Settings& settings, const Json& stage, const std::string& where)
{
    config::Config own;
    for (const auto& [key, value] : stage.items()) {
        require(std::find(keys.begin(), keys.end(), key) != keys.end(), Status::InvalidConfig,
                "{}: unknown key '{}'; expected some of {}{}", where, key, fmt::join(keys, ", "),
                base::did_you_mean(key, keys));
        if (key == "freeze")
            own.set("training.freeze", freeze_text(value, where));
        else if (key != "blend")
            own.set("training." + key, value);
    }
    try {
        return settings.with(own);
    } catch (const Error& error) {
        fail(error.status(), "{}: {}", where, error.message());
    }
}

Json list_of(const std::string& text)
{
    auto list = base::parse_json(text);
    const bool good = list.is_array() && !list.empty() &&
                      std::all_of(list.begin(), list.end(), [](const Json& stage) { return stage.is_object(); });
    require(good, Status::InvalidConfig,
            "{}: expected a list like [{{\"epochs\": 10}}, {{\"epochs\": 5, \"learning_rate\": 2e-4}}], found {}",
            option, text.substr(0, 80));
    return list;
}

Stage plain_stage(const config::Settings& settings, const std::vector<std::string>& names, const std::string& where)
{
    Stage stage;
    stage.epochs = settings.integer("training.epochs");
    stage.learning_rate = settings.number("training.learning_rate");
    stage.schedule = make_schedule(settings);
    stage.goal = goal_of(settings);
    stage.frozen = frozen_by(settings.text("training.freeze"), names, where);
    return stage;
}

void add_blend(Stage& stage, const Json& value, const std::vector<Stage>& before, const std::string& where)
{
    require(value.is_string(), Status::InvalidConfig, "{}: blend: expected linear, cosine or exponential, found {}",
            where, value.dump());
    stage.blend = blend_named(value.get<std::string>(), where);
    require(!before.empty() && before.back().goal.name != stage.goal.name, Status::InvalidConfig,
            "{}: blend: expected another loss than that of the stage before, which it grows out of", where);
    stage.before = before.back().goal;
}

std::vector<Stage> listed_stages(const config::Settings& settings, const std::vector<std::string>& names)
{
    std::vector<Stage> stages;
    for (const auto& entry : list_of(settings.text(option))) {
        const auto where = fmt::format("{}: stage {}", option, stages.size() + 1);
        require(entry.contains("epochs"), Status::InvalidConfig, "{}: 'epochs' is missing", where);
        auto stage = plain_stage(settings_of(settings, entry, where), names, where);
        if (entry.contains("blend"))
            add_blend(stage, entry["blend"], stages, where);
        stages.push_back(std::move(stage));
    }
    return stages;
}

Stage fine_tuning(const config::Settings& settings, const std::vector<std::string>& names)
{
    auto stage = plain_stage(settings, names, "training.freeze");
    stage.epochs = settings.integer("training.fine_tune_epochs");
    stage.learning_rate *= settings.number("training.fine_tune_rate");
    const auto patterns = settings.text("training.freeze") + "," + encoder;
    stage.frozen = frozen_by(patterns, names,
                             "training.fine_tune_epochs, which freezes the encoder (training.stages "
                             "freezes what you like)");
    return stage;
}

} // namespace

double blend_weight(Blend blend, double p)
{
    switch (blend) {
    case Blend::Linear:
        return p;
    case Blend::Cosine:
        return (1 - std::cos(std::numbers::pi * p)) / 2;
    case Blend::Exponential:
        return p * p;
    }
    return p;
}

double Stage::weight(std::int64_t epoch) const
{
    if (!before)
        return 1;
    return blend_weight(blend, static_cast<double>(epoch - first_epoch) / static_cast<double>(epochs));
}

std::vector<std::string> matching(const std::string& pattern, const std::vector<std::string>& names)
{
    std::vector<std::string> found;
    std::copy_if(names.begin(), names.end(), std::back_inserter(found), [&](const std::string& name) {
        return name.starts_with(pattern + ".") || ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
    return found;
}

std::vector<Stage> stages_of(const config::Settings& settings, generators::Generator& generator)
{
    const auto names = names_of(generator);
    auto stages = settings.text(option).empty() ? std::vector<Stage>{plain_stage(settings, names, "training.freeze")}
                                                : listed_stages(settings, names);
    if (settings.integer("training.fine_tune_epochs") > 0)
        stages.push_back(fine_tuning(settings, names));
    for (std::size_t i = 1; i < stages.size(); ++i)
        stages[i].first_epoch = stages[i - 1].end();
    return stages;
}

} // namespace ptk::training
