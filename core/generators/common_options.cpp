#include "generators/common_options.h"

#include <limits>

namespace ptk::generators::options {

using config::Option;
using config::Type;

config::Schema join(std::initializer_list<std::vector<Option>> lists)
{
    std::vector<Option> all;
    for (const auto& list : lists)
        all.insert(all.end(), list.begin(), list.end());
    return config::Schema(std::move(all));
}

Option channels(const std::string& otherwise)
{
    return {"generator.C_model",
            Type::Int,
            "null",
            "frames of a group, the channels of one input; null = scan.group_size, else " + otherwise,
            1,
            64,
            {},
            {"C_model"},
            true};
}

Option width(int initial)
{
    return {"generator.width",
            Type::Int,
            std::to_string(initial),
            "feature channels at the full size of a frame; memory and time grow with its square",
            1,
            1024,
            {},
            {"hidden_channels", "fno_width"}};
}

Option modes(int initial)
{
    return {"generator.modes",
            Type::Int,
            std::to_string(initial),
            "lowest row and column frequencies that a spectral convolution mixes; more see finer detail",
            1,
            256,
            {},
            {"modes", "fno_modes"}};
}

Option blocks(const std::string& meaning, int initial, int least)
{
    return {"generator.blocks",        Type::Int, std::to_string(initial), meaning, static_cast<double>(least), 64, {},
            {"n_blocks", "fno_blocks"}};
}

Option refiners(const std::string& meaning, int initial)
{
    return {"generator.cnn_blocks",          Type::Int, std::to_string(initial), meaning, 0, 64, {},
            {"cnn_blocks", "fno_cnn_blocks"}};
}

Option max_channels()
{
    return {"generator.max_hidden_channels",
            Type::Int,
            "null",
            "most feature channels at the coarse sizes, which double from size to size; null = 512, or no limit with "
            "compat = ptychopinn",
            1,
            65536,
            {},
            {"max_hidden_channels"},
            true};
}

std::int64_t most_channels(const config::Settings& settings)
{
    constexpr std::int64_t otherwise = 512;
    if (settings.has("generator.max_hidden_channels"))
        return settings.integer("generator.max_hidden_channels");
    return settings.text("compat") == "ptychopinn" ? std::numeric_limits<std::int64_t>::max() : otherwise;
}

Option output_mode()
{
    return {
        "generator.output_mode",
        Type::String,
        "\"real_imag\"",
        "what the network predicts: real and imaginary part (no bounds); amplitude in (0, 1) and phase in (-pi, pi); "
        "or the same two from unbounded logits",
        {},
        {},
        {"real_imag", "amp_phase", "amp_phase_logits"},
        {"output_mode", "generator_output_mode"}};
}

Option input_transform()
{
    return {"generator.input_transform",
            Type::String,
            "\"none\"",
            "what is done to the scaled amplitudes at the input: nothing, square root, log(1 + x), or every frame with "
            "mean 0 and variance 1",
            {},
            {},
            {"none", "sqrt", "log1p", "instancenorm"},
            {"input_transform", "fno_input_transform"}};
}

Option choice(const std::string& name, const std::string& initial, std::string meaning,
              std::vector<std::string> choices)
{
    return {"generator." + name, Type::String, "\"" + initial + "\"", std::move(meaning), {}, {},
            std::move(choices),  {name}};
}

Option count(const std::string& name, int initial, std::string meaning, double largest, double least)
{
    return {"generator." + name, Type::Int, std::to_string(initial), std::move(meaning), least, largest, {}, {name}};
}

Option flag(const std::string& name, bool initial, std::string meaning)
{
    return {"generator." + name, Type::Bool, initial ? "true" : "false", std::move(meaning), {}, {}, {}, {name}};
}

} // namespace ptk::generators::options
