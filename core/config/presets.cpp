// The table of presets: values that differ from the defaults.
#include "config/presets.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ptk::config {

namespace {

/// What both of PtychoPINN's ways have in common: its defaults, as far as there are options for them.
constexpr const char* reference = R"({
    "generator.name": "cnn",
    "data": {"x_bounds": [0.1, 0.9], "y_bounds": [0.1, 0.9]},
    "scan": {"grouping": "nearest", "samples": 7},
    "physics": {"patch_weighting": "central_mask", "subpixel": "interpolate"},
    "probe": {"modes": 1, "warm_epochs": 0},
    "training": {"epochs": 50, "batch_size": 16, "loss": "poisson", "learning_rate": 1e-3, "schedule": "constant",
                 "gradient_clip": 0}
})";

constexpr const char* legacy = R"({"physics.object_scale": "ptychopinn"})";

/// physics.object_scale = ptychopinn is for amplitudes only.
constexpr const char* count_intensity =
    R"({"generator.cnn_output_mode": "real_imag", "input.images": "intensity", "input.rms": "half_side"})";

constexpr const char* fast = R"({"generator": {"name": "light", "passes": 2}, "training.epochs": 6})";

constexpr const char* quality = R"({"generator": {"name": "physics_unet", "passes": 3}, "training.epochs": 20})";

Config together(const char* first, const char* second)
{
    auto values = Config::from_json(first);
    values.merge(Config::from_json(second));
    return values;
}

std::vector<Preset> make_presets()
{
    const std::string trials = "trials on the real scan, examples/README.md";
    return {
        {"none", "nothing but the default of each option", "PtychoKit", {}},
        {"ci", "PtychoPINN's count-intensity way: cnn on intensities, real and imaginary part, Poisson",
         "PtychoPINN, profile 'ci'", together(reference, count_intensity)},
        {"legacy", "PtychoPINN's defaults: cnn on amplitudes, groups of four, Poisson, a constant rate",
         "PtychoPINN, DataConfig, ModelConfig and TrainingConfig under legacy_v1", together(reference, legacy)},
        {"fast", "a first look: light with two passes, few epochs", trials, Config::from_json(fast)},
        {"quality", "the network's best picture: physics_unet with three passes, more epochs", trials,
         Config::from_json(quality)},
    };
}

} // namespace

const std::vector<Preset>& presets()
{
    static const std::vector<Preset> all = make_presets();
    return all;
}

const Preset& preset_named(const std::string& name)
{
    const auto found =
        std::find_if(presets().begin(), presets().end(), [&](const Preset& preset) { return preset.name == name; });
    require(found != presets().end(), Status::NotFound, "preset '{}' does not exist", name);
    return *found;
}

} // namespace ptk::config
