#include "guard.h"
#include "model/settings.h"
#include "physics/far_field.h"
#include "physics/probe.h"
#include "reconstruction/predict.h"
#include "reconstruction/refine.h"
#include "reconstruction/single.h"
#include "views.h"

using namespace ptk;
using namespace ptk::capi;

namespace {

const std::shared_ptr<model::Model>& required_model(const ReconstructorHandle& handle)
{
    require(handle.model != nullptr, Status::State, "this reconstructor was made without a model; it can only refine");
    return handle.model;
}

config::Settings settings_of(const Context& context, const model::Model* model, const ptk_config* config)
{
    if (model == nullptr)
        return resolved(context, config);
    return model::settings_for(*model, context.registry, merged(context, config));
}

void give_canvas(ptk_canvas** out, const ReconstructorHandle& maker, reconstruction::Result result)
{
    give(out,
         {.context = maker.context, .settings = maker.settings, .sums = std::nullopt, .finished = std::move(result)});
}

} // namespace

ptk_status ptk_reconstructor_create(ptk_reconstructor** out, const ptk_context* ctx, const ptk_model* model,
                                    const ptk_config* config)
{
    return guard("ptk_reconstructor_create", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        const auto* handle = impl(model);
        require(handle == nullptr || handle->context == context, Status::InvalidArgument,
                "model: it was made from another context");
        const auto shared = handle == nullptr ? nullptr : handle->model;
        give(out, {context, shared, settings_of(*context, shared.get(), config)});
    });
}

void ptk_reconstructor_free(ptk_reconstructor* reconstructor)
{
    release(reconstructor);
}

ptk_status ptk_reconstructor_predict(ptk_reconstructor* reconstructor, const ptk_view* patterns,
                                     const ptk_view* positions, ptk_view* patches_out)
{
    return guard("ptk_reconstructor_predict", [&] {
        const auto& handle = required(reconstructor, "reconstructor");
        const Session session(*handle.context);
        auto frames = borrowed(patterns, "patterns", Numbers::Real, {3, 4});
        auto points = borrowed_if(positions, "positions", Numbers::Real, {2, 3});
        target(patches_out, "patches_out", Numbers::Complex, frames.sizes());
        const auto& model = required_model(handle);
        const auto shape = frames.sizes().vec();
        if (frames.dim() == 3)
            frames = frames.unsqueeze(1);
        if (points.defined() && points.dim() == 2)
            points = points.unsqueeze(1);
        const auto measurement =
            reconstruction::measurement_of(handle.settings.text("data.measurement"), frames.scalar_type());
        const auto patches = reconstruction::predict_frames(*model, frames, measurement, points);
        give_array(patches.reshape(shape), patches_out, "patches_out");
    });
}

ptk_status ptk_reconstructor_reconstruct(ptk_canvas** out, ptk_reconstructor* reconstructor, const ptk_dataset* dataset,
                                         const ptk_cancel* cancel, ptk_progress_fn progress, void* user_data)
{
    return guard("ptk_reconstructor_reconstruct", [&] {
        require_out(out);
        const auto& handle = required(reconstructor, "reconstructor");
        const auto& scan = *required(dataset, "dataset").scan;
        const auto& model = required_model(handle);
        const Session session(*handle.context);
        give_canvas(out, handle, Watch(cancel, progress, user_data).run([&](const Monitor& monitor) {
            return reconstruction::reconstruct(*model, scan, handle.settings, monitor, *handle.context->log);
        }));
    });
}

ptk_status ptk_reconstructor_refine(ptk_canvas** out, ptk_reconstructor* reconstructor, const ptk_dataset* dataset,
                                    const ptk_canvas* start, const ptk_cancel* cancel, ptk_progress_fn progress,
                                    void* user_data)
{
    return guard("ptk_reconstructor_refine", [&] {
        require_out(out);
        const auto& handle = required(reconstructor, "reconstructor");
        const auto& scan = *required(dataset, "dataset").scan;
        auto& log = *handle.context->log;
        const Session session(*handle.context);
        give_canvas(out, handle, Watch(cancel, progress, user_data).run([&](const Monitor& monitor) {
            return start == nullptr
                       ? reconstruction::refine_from_scratch(scan, handle.settings, monitor, log)
                       : reconstruction::refine(scan, impl(start)->result(), handle.settings, monitor, log);
        }));
    });
}

ptk_status ptk_forward(const ptk_context* ctx, const ptk_view* patches, const ptk_view* probe, ptk_view* intensity_out)
{
    return guard("ptk_forward", [&] {
        const auto& context = *required(ctx, "ctx").context;
        const Session session(context);
        const auto waves = borrowed(patches, "patches", Numbers::Complex, {3}).to(context.device, at::kComplexFloat);
        require(waves.size(1) == waves.size(2), Status::Shape, "patches: expected [n, N, N], got {} x {}",
                waves.size(1), waves.size(2));
        const auto light = physics::canonical_probe(borrowed(probe, "probe", Numbers::Complex, {2, 3}), waves.size(1));
        target(intensity_out, "intensity_out", Numbers::Real, waves.sizes());
        give_array(physics::far_field_intensity(waves, light.to(context.device)), intensity_out, "intensity_out");
    });
}
