#include "training/coherence.h"

#include "base/error.h"
#include "base/json.h"
#include "training/categories.h"
#include "training/grouping.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ptk::training {

namespace {

using config::Json;

/// What the user asks for, beside what is in effect.
struct Question {
    const config::Settings& settings;
    config::Settings asked;
    const generators::Generator& generator;
    Json values = settings.to_json();

    std::string text(const std::string& option) const { return value(option).dump(); }
    const Json& value(std::string option) const
    {
        std::replace(option.begin(), option.end(), '.', '/');
        return values.at(Json::json_pointer("/" + option));
    }
    /// Given, and not as it would be anyway.
    bool wants(const std::string& option) const
    {
        const auto* row = settings.schema().find(option);
        return asked.given(option) && row != nullptr && value(option) != Json::parse(row->initial);
    }
};

[[noreturn]] void refuse_unread(const Question& q, const std::string& option, const std::string& chooser,
                                const std::vector<std::string>& readers, const std::string& chosen)
{
    fail(Status::InvalidConfig,
         "{0} = {1} would be ignored: it is read with {2} = {3} only, and that is {4}; choose one of these, or leave "
         "{0} out",
         option, q.text(option), chooser, fmt::join(readers, ", "), chosen);
}

// ---- options that one entry of a registry reads ----

/// All values that an option has in the course of a training.
std::vector<std::string> chosen_over_stages(const Question& q, const std::string& chooser)
{
    std::vector<std::string> chosen{q.settings.text(chooser)};
    const auto stages = base::parse_json(q.settings.text("training.stages"));
    const auto key = chooser.substr(chooser.rfind('.') + 1);
    if (stages.is_array())
        for (const auto& stage : stages)
            if (stage.is_object() && stage.contains(key) && stage[key].is_string())
                chosen.push_back(stage[key].get<std::string>());
    return chosen;
}

void check_category(const Question& q, const std::string& chooser, const std::string& category)
{
    static const generators::GeneratorRegistry none("generator");
    std::map<std::string, std::vector<std::string>> readers;
    for (const auto* entry : categories().get(category).make.entries(none))
        for (const auto& option : entry->options.options())
            readers[option.name].push_back(entry->name);
    const auto chosen = chosen_over_stages(q, chooser);
    for (const auto& [option, names] : readers) {
        const bool read = std::any_of(chosen.begin(), chosen.end(), [&names = names](const std::string& name) {
            return std::find(names.begin(), names.end(), name) != names.end();
        });
        if (!read && q.wants(option))
            refuse_unread(q, option, chooser, names, fmt::format("{}", fmt::join(chosen, ", ")));
    }
}

// ---- options that a switch or a grouping turns on ----

struct Switched {
    const char* option;
    const char* chooser;
    std::vector<Json> values; ///< of the chooser, with which the option is read
};

const std::vector<Switched>& switched()
{
    static const std::vector<Json> near_field{"fresnel", "angular_spectrum"};
    static const std::vector<Switched> all{
        {"probe.learning_rate", "probe.trainable", {true}},
        {"probe.start_step", "probe.trainable", {true}},
        {"probe.mask_diameter", "probe.mask", {true}},
        {"probe.mask_sigma", "probe.mask", {true}},
        {"probe.scale", "physics.object_scale", {"ptychopinn"}},
        {"input.rms", "input.scaling", {"parseval"}},
        {"physics.distance_m", "physics.propagator", near_field},
        {"physics.wavelength_m", "physics.propagator", near_field},
        {"physics.pixel_m", "physics.propagator", near_field},
    };
    return all;
}

void check_switches(const Question& q)
{
    for (const auto& [option, chooser, values] : switched()) {
        if (!q.wants(option) || std::find(values.begin(), values.end(), q.value(chooser)) != values.end())
            continue;
        std::vector<std::string> words;
        for (const auto& value : values)
            words.push_back(value.dump());
        refuse_unread(q, option, chooser, words, q.text(chooser));
    }
}

void check_grouping(const Question& q)
{
    using Kind = Grouping::Kind;
    static const std::vector<std::pair<Kind, std::string>> names{
        {Kind::Tile, "tile"},           {Kind::Nearest, "nearest"},
        {Kind::Single, "single"},       {Kind::MinDistance, "min_dist"},
        {Kind::Quadrant, "4_quadrant"}, {Kind::RawData, "raw_data"}};
    static const std::map<std::string, std::vector<std::string>> readers{
        {"scan.neighbours", {"nearest", "min_dist", "raw_data"}},
        {"scan.samples", {"nearest", "min_dist", "4_quadrant"}},
        {"scan.min_distance", {"min_dist", "4_quadrant"}},
        {"scan.max_distance", {"min_dist", "4_quadrant"}},
        {"scan.quadrant_neighbours", {"4_quadrant"}},
        {"scan.pattern", {"4_quadrant"}},
        {"scan.groups", {"raw_data"}},
        {"scan.sequential", {"raw_data"}},
        {"scan.oversampling", {"raw_data"}},
        {"scan.pool", {"raw_data"}},
    };
    const auto kind = resolve_grouping(q.settings, q.generator).kind;
    const auto chosen = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == kind; });
    for (const auto& [option, kinds] : readers)
        if (q.wants(option) && std::find(kinds.begin(), kinds.end(), chosen->second) == kinds.end())
            refuse_unread(q, option, "scan.grouping", kinds, chosen->second);
}

// ---- what contradicts itself ----

void check_contradictions(const Question& q)
{
    const auto& s = q.settings;
    const auto given = [&](const char* option) { return q.asked.given(option); };
    const bool staged = !s.text("training.stages").empty();
    require(!staged || !given("training.epochs"), Status::InvalidConfig,
            "training.epochs and training.stages: a training has as many epochs as its stages together; leave "
            "training.epochs out");
    require(s.text("training.find_rate") != "use" || !given("training.learning_rate"), Status::InvalidConfig,
            "training.find_rate = use takes the place of training.learning_rate; leave one of them out");
    require(s.integer("training.fine_tune_epochs") > 0 || !q.wants("training.fine_tune_rate"), Status::InvalidConfig,
            "training.fine_tune_rate would be ignored: training.fine_tune_epochs is 0");
    require(s.number("training.gradient_clip") > 0 || !q.wants("training.gradient_clip_by"), Status::InvalidConfig,
            "training.gradient_clip_by = {} would be ignored: training.gradient_clip is 0, which limits nothing",
            q.text("training.gradient_clip_by"));
    const bool min_and_max = s.has("scan.max_distance") && (given("scan.min_distance") || given("scan.max_distance"));
    require(!min_and_max || s.number("scan.min_distance") < s.number("scan.max_distance"), Status::InvalidConfig,
            "scan.min_distance = {} and scan.max_distance = {}: nothing lies between them", q.text("scan.min_distance"),
            q.text("scan.max_distance"));
    const auto& schedule = s.text("training.schedule");
    require(schedule != "warmup_cosine" || staged || s.integer("training.warmup_epochs") < s.integer("training.epochs"),
            Status::InvalidConfig,
            "training.warmup_epochs = {} and training.epochs = {}: the rate would never reach its largest value; lower "
            "the former",
            q.text("training.warmup_epochs"), q.text("training.epochs"));
    require(schedule != "multi_stage" ||
                s.integer("training.stage_1_epochs") + s.integer("training.stage_2_epochs") > 0,
            Status::InvalidConfig,
            "training.schedule = multi_stage with no epochs in training.stage_1_epochs and training.stage_2_epochs is "
            "the smallest rate from the beginning; give them, or training.schedule = constant");
}

} // namespace

void check_near_field(const config::Settings& settings)
{
    const auto& propagator = settings.text("physics.propagator");
    if (propagator == "auto" || propagator == "far_field")
        return;
    const auto refuse = [&](const char* option, const std::string& value, const char* instead) {
        fail(Status::InvalidConfig,
             "physics.propagator = {0} and {1} = {2}: that computes in the far field only; take {1} = {3}, or "
             "physics.propagator = far_field",
             propagator, option, value, instead);
    };
    for (const auto& [option, only] : {std::pair{"physics.model", "tiles"}, std::pair{"physics.object_scale", "one"}})
        if (settings.text(option) != only)
            refuse(option, settings.text(option), only);
    if (settings.flag("reconstruction.varpro"))
        refuse("reconstruction.varpro", "true", "false");
}

void check_coherence(const config::Settings& settings, const config::Config& given,
                     const generators::Generator& generator)
{
    const Question q{settings, config::Settings(settings.schema(), given), generator};
    check_contradictions(q);
    check_near_field(settings);
    if (settings.text("compat") == "ptychopinn")
        return;
    check_category(q, "training.loss", "losses");
    check_category(q, "training.optimizer", "optimizers");
    check_category(q, "training.schedule", "schedules");
    check_switches(q);
    check_grouping(q);
}

} // namespace ptk::training
