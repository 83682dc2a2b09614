#include "reconstruction/single.h"

#include "base/shape.h"
#include "data/scan.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "reconstruction/predict.h"

namespace ptk::reconstruction {

namespace {

void check_frames(const model::Model& model, const at::Tensor& frames, const at::Tensor& positions)
{
    const auto shape = base::shape_of(frames);
    const auto side = model.problem.side;
    require(frames.dim() == 4 && frames.size(2) == side && frames.size(3) == side, Status::Shape,
            "patterns: expected frames of {} x {}, as the model takes, got {}", side, side, shape);
    require(!model.generator->grouped() || frames.size(1) == model.problem.group_size, Status::Shape,
            "patterns: the model takes groups of {} frames, got {}", model.problem.group_size, shape);
    const bool fits = !positions.defined() || (positions.dim() == 3 && positions.size(0) == frames.size(0) &&
                                               positions.size(1) == frames.size(1) && positions.size(2) == 2);
    require(fits, Status::Shape, "positions: expected ({}, {}, 2), got {}", frames.size(0), frames.size(1),
            base::shape_of(positions));
}

/// (B, G, M, N, N), or undefined when the generator has no use for it.
at::Tensor probes_of(const model::Model& model, std::int64_t batch, std::int64_t group, const at::Tensor& positions)
{
    if (!model.generator->needs_probe())
        return {};
    require(model.probe.defined(), Status::State, "the model has no probe, which '{}' needs; train it or set one",
            model.generator_name);
    const auto modes = model.probe.size(0);
    const auto side = model.probe.size(1);
    if (!positions.defined())
        return model.probe.expand({batch, group, modes, side, side});
    const auto fractions = physics::pixel_grid(positions.reshape({-1, 2}), side).fractions;
    return physics::shifted_probe(model.probe, fractions).reshape({batch, group, modes, side, side});
}

} // namespace

data::Measurement measurement_of(const std::string& name, c10::ScalarType frames)
{
    if (name != "auto")
        return data::measurement_from_name(name);
    return c10::isFloatingType(frames) ? data::Measurement::Amplitude : data::Measurement::Counts;
}

at::Tensor predict_frames(model::Model& model, const at::Tensor& frames, data::Measurement measurement,
                          const at::Tensor& positions)
{
    check_frames(model, frames, positions);
    const auto amplitude = data::to_amplitude(frames.to(at::kFloat), measurement);
    at::Tensor fractions;
    if (positions.defined())
        fractions =
            physics::pixel_grid(positions.reshape({-1, 2}), model.problem.side).fractions.view(positions.sizes());
    return predict_patches(model, amplitude, probes_of(model, frames.size(0), frames.size(1), positions), fractions);
}

} // namespace ptk::reconstruction
