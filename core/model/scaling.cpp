#include "model/scaling.h"

#include "model/physics_model.h"

#include <ATen/TensorOperators.h>

namespace ptk::model {

generators::Input Scaling::input_of(const at::Tensor& amplitude) const
{
    generators::Input made{.amplitude = amplitude, .scale = input};
    made.intensity = norm.intensity;
    if (per_group)
        made.scales = data::group_scales(amplitude, norm);
    return made;
}

at::Tensor Scaling::object_of(const at::Tensor& predicted, const generators::Input& made) const
{
    if (object == 0)
        return predicted;
    if (!over_input)
        return physics::scaled_parts(predicted, parts) * object;
    return made.scales.defined() ? predicted * (object / made.scales) : predicted * (object / made.scale);
}

Scaling scaling_of(const Model& model)
{
    Scaling scaling(model.input_scale);
    scaling.object = model.object_scale;
    if (model.settings.schema().options().empty())
        return scaling; // put together by hand
    if (physics_model(model.settings) == PhysicsModel::Rectangular) {
        const auto factor = [&](const char* name) {
            const auto found = model.physics.find(name);
            return found == model.physics.end() ? 1 : found->second.item<double>();
        };
        scaling.over_input = false;
        scaling.parts = {factor("s1"), factor("s2")};
    }
    // A generator that sees each frame alone is not told which frames are a group.
    scaling.per_group = model.settings.text("input.normalize") == "group" && model.generator->grouped();
    scaling.norm = input_norm(model.settings);
    return scaling;
}

data::InputNorm input_norm(const config::Settings& settings)
{
    data::InputNorm norm;
    if (settings.text("input.scaling") == "max")
        norm.kind = data::InputNorm::Kind::Largest;
    norm.half_side = settings.text("input.rms") == "half_side";
    norm.intensity = settings.text("input.images") == "intensity";
    return norm;
}

} // namespace ptk::model
