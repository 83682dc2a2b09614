#include "model/settings.h"

#include "base/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ptk::model {

namespace {

/// The generator's name as given under its key or an alias of it; nothing when it is not given.
std::optional<std::string> named_generator(const config::Config& config)
{
    const auto* option = config::library_schema().find("generator.name");
    for (const auto& [key, value] : config.values())
        if (config::library_schema().find(key) == option && value.is_string())
            return value.get<std::string>();
    return std::nullopt;
}

std::string default_generator()
{
    const auto* option = config::library_schema().find("generator.name");
    return config::Json::parse(option->initial).get<std::string>();
}

config::Schema section(const std::string& name)
{
    auto part = config::library_schema().section(name);
    if (!part.options().empty())
        return part;
    std::vector<std::string> known{"library"};
    for (const auto& option : config::library_schema().names()) {
        const auto dot = option.find('.');
        if (dot != std::string::npos && known.back() != option.substr(0, dot))
            known.push_back(option.substr(0, dot));
    }
    fail(Status::NotFound, "there are no options of '{}'; expected 'library', 'generator:NAME' or a section{}", name,
         base::did_you_mean(name, known));
}

}  // namespace

config::Schema full_schema(const generators::GeneratorRegistry& registry, const config::Config& config)
{
    const auto& entry = registry.get(named_generator(config).value_or(default_generator()));
    return config::library_schema().with(entry.metadata.options);
}

config::Schema schema_of(const generators::GeneratorRegistry& registry, const std::string& subject, const config::Config& config)
{
    static const std::string prefix = "generator:";
    if (subject == "library")
        return full_schema(registry, config);
    if (subject.starts_with(prefix))
        return registry.get(subject.substr(prefix.size())).metadata.options;
    return section(subject);
}

config::Settings settings_for(const Model& model, const generators::GeneratorRegistry& registry, const config::Config& config)
{
    const auto named = named_generator(config);
    if (named && registry.get(*named).metadata.name != registry.get(model.generator_name).metadata.name)
        fail(Status::InvalidConfig, "generator.name: '{}', but the model is a '{}'", *named, model.generator_name);
    return model.settings.with(config);
}

}  // namespace ptk::model
