#pragma once
#include "generators/generator.h"
#include "generators/torchscript.h"
#include "registry/registry.h"

namespace ptk::generators {

/// Makes a generator for a problem; random numbers for the initial weights come from @p random. Undefined, it leaves
/// random weights zero: to be counted, or filled from a file.
/// @throws Error(InvalidConfig | Shape) when options and problem do not fit (N that it cannot take ...)
using Factory =
    std::function<std::unique_ptr<Generator>(const Problem&, const config::Settings&, at::Generator random)>;
using GeneratorRegistry = registry::Registry<Factory>;

/// A registry with all generators of the library, from one explicit table. More may be added to it.
/// @param programs  those that generator 'torchscript' may run besides the file that its options name
GeneratorRegistry builtin_generators(std::shared_ptr<Programs> programs = std::make_shared<Programs>());

} // namespace ptk::generators
