#pragma once
#include "config/config.h"
#include "generators/all.h"
#include "model/model.h"

#include <string>

namespace ptk::model {

/// The generator's name that a configuration gives, under its key or an alias, else the default. The rest is not looked
/// at: the generator's options are needed before it can be checked.
std::string chosen_generator(const config::Config& config);

/// The library's options followed by those of the generator that @p config names (else the default one).
/// @throws Error(NotFound) unknown generator
config::Schema full_schema(const generators::GeneratorRegistry& registry, const config::Config& config);

/// Options of a subject: "library" is full_schema(); "generator:NAME" those of one generator; else a section
/// ("training").
/// @throws Error(NotFound) naming the nearest
config::Schema schema_of(const generators::GeneratorRegistry& registry, const std::string& subject,
                         const config::Config& config);

/// The settings of a model with values of @p config in place. A generator.name in it must be the model's.
/// @throws Error(InvalidConfig)
config::Settings settings_for(const Model& model, const generators::GeneratorRegistry& registry,
                              const config::Config& config);

} // namespace ptk::model
