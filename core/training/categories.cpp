#include "training/categories.h"

#include "config/presets.h"
#include "generators/initializers.h"
#include "training/losses.h"
#include "training/optimizer.h"
#include "training/regularizers.h"
#include "training/schedule.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace ptk::training {

namespace {

template <class Registry> std::vector<const registry::Metadata*> metadata_of(const Registry& registry)
{
    std::vector<const registry::Metadata*> all;
    for (const auto* entry : registry.entries())
        all.push_back(&entry->metadata);
    return all;
}

Category generator_category()
{
    using generators::GeneratorRegistry;
    return {.entries = [](const GeneratorRegistry& registry) { return metadata_of(registry); },
            .get = [](const GeneratorRegistry& registry, const std::string& name) -> const registry::Metadata& {
                return registry.get(name).metadata;
            }};
}

/// Of entries that are the library's, the same for everyone.
template <class Registry> Category category_of(const Registry& (*registry)())
{
    return {.entries = [registry](const auto&) { return metadata_of(registry()); },
            .get = [registry](const auto&, const std::string& name) -> const registry::Metadata& {
                return registry().get(name).metadata;
            }};
}

using PresetRegistry = registry::Registry<const config::Preset*>;

/// The options that a preset sets, each with its value as the default. Those of its network are looked up in the
/// network's own schema.
config::Schema options_of(const config::Preset& preset)
{
    std::vector<config::Option> rows;
    auto schema = config::library_schema();
    if (const auto name = preset.values.values().find("generator.name"); name != preset.values.values().end())
        schema = schema.with(generators::builtin_generators().get(name->second.get<std::string>()).metadata.options);
    for (const auto& [key, value] : preset.values.values()) {
        rows.push_back(schema.only({key}).options().front());
        rows.back().initial = value.dump();
    }
    return config::Schema(std::move(rows));
}

const PresetRegistry& preset_registry()
{
    static const PresetRegistry registry = [] {
        PresetRegistry all("preset");
        for (const auto& preset : config::presets())
            all.add({.name = preset.name,
                     .summary = preset.summary,
                     .source = preset.source,
                     .options = options_of(preset)},
                    &preset);
        return all;
    }();
    return registry;
}

CategoryRegistry make_registry()
{
    CategoryRegistry all("category");
    const auto add = [&](const std::string& name, const std::string& singular, const std::string& summary,
                         Category category) {
        all.add({.name = name, .aliases = {singular}, .summary = summary, .source = "PtychoKit"}, std::move(category));
    };
    add("generators", "generator", "networks, option generator.name", generator_category());
    add("initializers", "initializer", "first weights, option generator.initializer",
        category_of(generators::builtin_initializers));
    add("losses", "loss", "what a training makes small, option training.loss", category_of(builtin_losses));
    add("regularizers", "regularizer", "penalties that are added to it, options training.regularizers.*",
        category_of(builtin_regularizers));
    add("optimizers", "optimizer", "how weights follow gradients, option training.optimizer",
        category_of(builtin_optimizers));
    add("schedules", "schedule", "learning rate over a training, option training.schedule",
        category_of(builtin_schedules));
    add("presets", "preset", "values for a whole job, option preset", category_of(preset_registry));
    add("gradient_limits", "gradient_limit", "how gradients are kept small, option training.gradient_clip_by",
        category_of(builtin_gradient_limits));
    return all;
}

} // namespace

const CategoryRegistry& categories()
{
    static const CategoryRegistry registry = make_registry();
    return registry;
}

} // namespace ptk::training
