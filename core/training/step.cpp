#include "training/step.h"

#include "physics/approach.h"
#include "physics/far_field.h"
#include "physics/patches.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

/// Side of a region around the group's centre that holds all patches: even margins, one pixel for the interpolation.
std::int64_t region_side(const Batch& batch)
{
    const auto reach = static_cast<std::int64_t>(std::ceil(batch.relative.abs().max().item<double>()));
    return batch.amplitude.size(-1) + 2 * (reach + 1);
}

generators::Input input_of(const Batch& batch, const model::Scaling& scaling)
{
    auto input = scaling.input_of(batch.amplitude, batch.experiments);
    if (batch.light.probe.defined())
        input.probe = batch.light.probe.detach();
    input.good = batch.good;
    input.propagator = batch.propagator;
    input.fractions = batch.light.fractions;
    return input;
}

/// Whether agreed_patches() changes anything.
bool merges(const Batch& batch, Subpixel subpixel)
{
    return batch.light.weights.defined() && (batch.amplitude.size(1) > 1 || subpixel == Subpixel::Interpolate);
}

/// Where the next pass starts: what frames agreed on, brought closer to what they measured. Frames that are not merged
/// stay as they are: alone, one is led to a wrong solution.
at::Tensor next_known(const at::Tensor& agreed, const generators::Agreement& agreement, const Batch& batch,
                      const model::Scaling& scaling, Subpixel subpixel)
{
    if (agreement.steps == 0 || !merges(batch, subpixel))
        return agreed.detach();
    const at::NoGradGuard no_gradient;
    const auto input = input_of(batch, scaling);
    return physics::approached(agreed.detach(), agreement.steps, [&](const at::Tensor& from) {
        return agreed_patches(input.imposed(from, agreement.alpha), batch, subpixel);
    });
}

} // namespace

at::Tensor predicted_patches(generators::Generator& generator, const Batch& batch, const model::Scaling& scaling,
                             const at::Tensor& known, generators::Precision precision)
{
    auto input = input_of(batch, scaling);
    if (!generator.needs_probe())
        input.probe = at::Tensor();
    input.known = known;
    return scaling.object_of(generators::predicted(generator, input, precision), input, batch.experiments);
}

at::Tensor agreed_patches(const at::Tensor& patches, const Batch& batch, Subpixel subpixel)
{
    if (!merges(batch, subpixel))
        return patches;
    if (subpixel != Subpixel::Interpolate)
        return physics::merge_and_cut(patches, batch.corners, batch.light.weights);
    const auto relative = batch.relative.to(patches.device());
    const auto merged = physics::merge_weighted(patches, relative, batch.light.weights, region_side(batch),
                                                /*probe_threshold=*/true);
    return physics::extract_patches(merged, relative, patches.size(-1));
}

std::vector<Pass> predicted_passes(generators::Generator& generator, const Batch& batch, const model::Scaling& scaling,
                                   Subpixel subpixel, generators::Precision precision)
{
    std::vector<Pass> passes;
    at::Tensor known;
    for (std::int64_t i = 0; i < generator.passes(); ++i) {
        Pass pass;
        pass.patches = predicted_patches(generator, batch, scaling, known, precision);
        pass.agreed = agreed_patches(pass.patches, batch, subpixel);
        if (i + 1 < generator.passes())
            known = next_known(pass.agreed, generator.agreement(), batch, scaling, subpixel);
        passes.push_back(std::move(pass));
    }
    return passes;
}

at::Tensor predicted_intensity(const at::Tensor& patches, const Batch& batch)
{
    if (batch.propagator)
        return batch.propagator->intensity(patches, batch.light.probe, batch.light.fractions);
    return physics::far_field_intensity(patches, batch.light.probe);
}

} // namespace ptk::training
