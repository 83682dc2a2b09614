#include "model/scaling.h"

#include "model/physics_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

namespace ptk::model {

namespace {

at::Tensor column(const std::vector<Experiment>& experiments, double Experiment::*member)
{
    auto numbers = at::empty({static_cast<std::int64_t>(experiments.size())}, at::kFloat);
    for (std::size_t i = 0; i < experiments.size(); ++i)
        numbers[static_cast<std::int64_t>(i)] = experiments[i].*member;
    return numbers;
}

} // namespace

at::Tensor of_groups(const at::Tensor& numbers, const at::Tensor& experiments, const at::Tensor& like)
{
    return numbers.index_select(0, experiments).to(like.device()).view({-1, 1, 1, 1});
}

generators::Input Scaling::input_of(const at::Tensor& amplitude, const at::Tensor& experiments) const
{
    generators::Input made{.amplitude = amplitude, .scale = input};
    made.intensity = norm.intensity;
    if (inputs.defined() && experiments.defined())
        made.scales = of_groups(inputs, experiments, amplitude);
    if (per_group)
        made.scales = data::group_scales(amplitude, norm);
    return made;
}

at::Tensor Scaling::object_of(const at::Tensor& predicted, const generators::Input& made,
                              const at::Tensor& experiments) const
{
    if (object != 0 && objects.defined() && experiments.defined())
        return predicted * (of_groups(objects, experiments, made.amplitude) / made.scales);
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
    if (!model.experiments.empty()) {
        scaling.inputs = column(model.experiments, &Experiment::input_scale);
        scaling.objects = column(model.experiments, &Experiment::object_scale);
    }
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
