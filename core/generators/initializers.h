#pragma once
#include "generators/generator.h"
#include "registry/registry.h"

#include <functional>
#include <string>

namespace ptk::generators {

/// Gives a generator other first weights than those it was made with.
using Initializer = std::function<void(Generator& generator, const at::Generator& random)>;
using InitializerRegistry = registry::Registry<Initializer>;

/// All initializers of the library by name, from one explicit table: default, glorot, he, orthogonal, zero_output.
///
/// Tensors of two axes and more are weights. Of real ones the first axis counts as outputs, the second as inputs and
/// the rest as kernel (torch.nn.init); of complex ones, a matrix for each frequency, the first as inputs and the second
/// as outputs. Biases, factors and norms, of one axis or none, are left alone but where it says so.
const InitializerRegistry& builtin_initializers();

/// Apply one by name. Numbers are drawn in the order of the parameters.
/// @throws Error(NotFound) naming the nearest; Error(Unsupported) when zero_output finds no layer to clear
void initialize(Generator& generator, const std::string& name, const at::Generator& random);

} // namespace ptk::generators
