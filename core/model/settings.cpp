#include "model/settings.h"

#include "base/text.h"

#include <nlohmann/json.hpp>

namespace ptk::model {

namespace {

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

} // namespace

std::string chosen_generator(const config::Config& config)
{
    config::Config name;
    for (const auto& [key, value] : config.values()) {
        const auto* option = config::library_schema().find(key);
        if (option != nullptr && (option->name == "generator.name" || option->name == "preset"))
            name.set(option->name, value);
    }
    return config::Settings(config::library_schema(), name).text("generator.name");
}

config::Schema full_schema(const generators::GeneratorRegistry& registry, const config::Config& config)
{
    const auto& entry = registry.get(chosen_generator(config));
    return config::library_schema().with(entry.metadata.options);
}

config::Schema schema_of(const generators::GeneratorRegistry& registry, const std::string& subject,
                         const config::Config& config)
{
    static const std::string prefix = "generator:";
    if (subject == "library")
        return full_schema(registry, config);
    if (subject.starts_with(prefix))
        return registry.get(subject.substr(prefix.size())).metadata.options;
    return section(subject);
}

config::Settings settings_for(const Model& model, const generators::GeneratorRegistry& registry,
                              const config::Config& config)
{
    auto settings = model.settings.with(config);
    const auto& named = settings.text("generator.name");
    if (named == model.generator_name) // which another context may have brought
        return settings;
    require(registry.get(named).metadata.name == model.generator_name, Status::InvalidConfig,
            "generator.name: '{}', but the model is a '{}'", named, model.generator_name);
    return settings;
}

} // namespace ptk::model
