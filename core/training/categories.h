#pragma once
#include "generators/all.h"
#include "registry/registry.h"

#include <functional>
#include <string>
#include <vector>

namespace ptk::training {

/// The entries of one category of the library, whatever they make.
struct Category {
    std::function<std::vector<const registry::Metadata*>(const generators::GeneratorRegistry&)> entries;
    /// By name or alias. @throws Error(NotFound) naming the nearest
    std::function<const registry::Metadata&(const generators::GeneratorRegistry&, const std::string& name)> get;
};
using CategoryRegistry = registry::Registry<Category>;

/// generators, initializers, losses, regularizers, optimizers, schedules, presets, gradient_limits; the singular is an
/// alias. Generators are those of the registry that is asked about, the others those of the library. Threads: any.
const CategoryRegistry& categories();

} // namespace ptk::training
