#include "generators/channel_generator.h"

#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>

#include <numbers>

namespace ptk::generators {

namespace {

at::Tensor patches_of(const ChannelGenerator::Branches& branches, OutputMode mode)
{
    const auto first = branches.first.contiguous();
    const auto second = branches.second.contiguous();
    switch (mode) {
    case OutputMode::AmpPhase:
        // Not at::polar, whose gradient takes the modulus for its argument: an amplitude may be negative here (SiLU).
        return at::complex(first * second.cos(), first * second.sin());
    case OutputMode::AmpPhaseLogits:
        return at::polar(at::sigmoid(first), std::numbers::pi * at::tanh(second));
    case OutputMode::RealImag:
        break;
    }
    return at::complex(first, second);
}

} // namespace

OutputMode output_mode_by_name(const std::string& name)
{
    if (name == "amp_phase")
        return OutputMode::AmpPhase;
    return name == "amp_phase_logits" ? OutputMode::AmpPhaseLogits : OutputMode::RealImag;
}

at::Tensor ChannelGenerator::forward(const Input& input)
{
    const auto& amplitude = input.amplitude;
    const auto& [name, channels, side, output] = layout_;
    const bool fits = amplitude.dim() == 4 && (channels == 1 || amplitude.size(1) == channels) &&
                      amplitude.size(2) == side && amplitude.size(3) == side;
    require(fits, Status::Shape, "{}: expected amplitudes (B, {}, {}, {}), found {}", name,
            channels == 1 ? "G" : std::to_string(channels), side, side, base::shape_of(amplitude));
    const auto images = branches(input.scaled().reshape({-1, channels, side, side}));
    return patches_of(images, output).view(amplitude.sizes());
}

std::int64_t channels_of(const std::string& name, const Problem& problem, const config::Settings& settings,
                         std::int64_t otherwise)
{
    auto channels = problem.group_size > 0 ? problem.group_size : otherwise;
    if (settings.has("generator.C_model"))
        channels = settings.integer("generator.C_model");
    require(channels == 1 || problem.group_size == 0 || problem.group_size == channels, Status::Shape,
            "{} takes groups of {} frames (generator.C_model), found scan.group_size = {}; make them equal", name,
            channels, problem.group_size);
    return channels;
}

ChannelGenerator::Layout layout_of(const std::string& name, const Problem& problem, const config::Settings& settings,
                                   std::int64_t divisor)
{
    require(problem.side > 0 && problem.side % divisor == 0, Status::Shape,
            "{0} takes frames whose side is a multiple of {2}, found {1} x {1}; crop or pad the frames, or change the "
            "options that make it coarser",
            name, problem.side, divisor);
    return {name, channels_of(name, problem, settings, 1), problem.side,
            output_mode_by_name(settings.text("generator.output_mode"))};
}

} // namespace ptk::generators
