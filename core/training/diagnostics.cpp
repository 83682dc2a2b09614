#include "training/diagnostics.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <cstdint>

namespace ptk::training {

namespace {

constexpr double too_many_dead = 0.9; ///< fresh weights leave half of a layer dark now and then
constexpr double too_much_saturated = 0.1;

std::string name_of(const at::Tensor& weight, generators::Generator& generator)
{
    for (const auto& [name, tensor] : generator.named_parameters())
        if (tensor->is_same(weight))
            return name.substr(0, name.rfind('.'));
    return "a layer";
}

void find_dead_units(const generators::ActivationWatch& watch, generators::Generator& generator, Findings& findings)
{
    std::int64_t all = 0, all_dead = 0;
    for (const auto& layer : watch.layers()) {
        const auto units = layer.largest.numel();
        const auto dead = units - (layer.largest > 0).sum().item<std::int64_t>();
        all += units;
        all_dead += dead;
        if (static_cast<double>(dead) <= too_many_dead * static_cast<double>(units))
            continue;
        const auto name = name_of(layer.weight, generator);
        findings.warnings[name] =
            fmt::format("{} of {} units of {} never fire on the validation frames and learn no more; a smaller "
                        "training.learning_rate, generator.initializer = he or no generator.cbam_encoder may help",
                        dead, units, name);
    }
    if (all > 0)
        findings.numbers["dead_units"] = static_cast<double>(all_dead) / static_cast<double>(all);
}

void find_saturation(const generators::ActivationWatch& watch, Findings& findings)
{
    for (const auto& [name, share] : watch.shares()) {
        const double part = share.saturated / share.values;
        findings.numbers[name] = part;
        if (part > too_much_saturated)
            findings.warnings[name] = fmt::format(
                "{}: {:.0f} % of the values lie at the end of their activation, where it is flat; a smaller "
                "training.learning_rate may help",
                name, 100 * part);
    }
}

} // namespace

Findings findings_of(const generators::ActivationWatch& watch, generators::Generator& generator)
{
    Findings findings;
    find_dead_units(watch, generator, findings);
    find_saturation(watch, findings);
    return findings;
}

} // namespace ptk::training
