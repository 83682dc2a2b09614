#pragma once
#include "base/random.h"
#include "generators/all.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <map>
#include <string>

namespace ptk::generators::testing {

inline config::Config named(const std::string& name, const std::string& options)
{
    auto config = config::Config::from_json(options);
    config.set("generator.name", name);
    return config;
}

/// Of the library; made once.
inline const GeneratorRegistry& registry()
{
    static const auto all = builtin_generators();
    return all;
}

/// A builtin generator with options from JSON, as make_model() resolves them.
inline std::unique_ptr<Generator> make(const std::string& name, Problem problem, const std::string& options = "{}",
                                       std::uint64_t seed = 1)
{
    const auto& entry = registry().get(name);
    const config::Settings settings(config::library_schema().with(entry.metadata.options), named(name, options));
    return entry.make(problem, settings, base::torch_generator(seed, "initialisation"));
}

/// Parameters and buffers by name.
inline std::map<std::string, at::Tensor*> state_of(Module& module)
{
    std::map<std::string, at::Tensor*> state;
    for (const auto& [name, tensor] : module.named_parameters())
        state[name] = tensor;
    for (const auto& [name, tensor] : module.named_buffers())
        state[name] = tensor;
    return state;
}

inline at::Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed = 3)
{
    return at::rand(shape, base::torch_generator(seed, "test"), at::kFloat);
}

/// A beam of a few modes and its intensity's order of magnitude, (1, 1, M, N, N) for expand().
inline at::Tensor random_probe(std::int64_t modes, std::int64_t side, std::uint64_t seed = 5)
{
    const auto r = at::arange(side, at::kFloat) - side / 2.0;
    const auto disk = at::exp(-(r.square().unsqueeze(0) + r.square().unsqueeze(1)) / (side * side / 20.0));
    const auto wave = at::polar(at::ones({modes, side, side}), 2 * random_tensor({modes, side, side}, seed));
    return (10 * disk * wave).unsqueeze(0).unsqueeze(0);
}

} // namespace ptk::generators::testing
