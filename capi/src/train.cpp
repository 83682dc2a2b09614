#include "guard.h"
#include "model/settings.h"

using namespace ptk;
using namespace ptk::capi;

ptk_status ptk_trainer_create(ptk_trainer** out, ptk_model* model, const ptk_config* config, const char* run_folder)
{
    return guard("ptk_trainer_create", [&] {
        require_out(out);
        auto& handle = required(model, "model");
        const auto& context = handle.context;
        const Session session(*context);
        const auto options = merged(*context, config);
        model::settings_for(*handle.model, context->registry,
                            options); // mistakes are found now, not when training begins
        give(out, {context, std::make_unique<training::Trainer>(
                                handle.model, options, run_folder == nullptr ? "" : run_folder, context->log)});
    });
}

void ptk_trainer_free(ptk_trainer* trainer)
{
    release(trainer);
}

ptk_status ptk_trainer_fit(ptk_trainer* trainer, const ptk_dataset* dataset, const ptk_cancel* cancel,
                           ptk_progress_fn progress, void* user_data)
{
    return guard("ptk_trainer_fit", [&] {
        auto& handle = required(trainer, "trainer");
        const auto& scan = *required(dataset, "dataset").scan;
        const Session session(*handle.context);
        Watch(cancel, progress, user_data).run([&](const Monitor& monitor) { handle.trainer->fit(scan, monitor); });
    });
}

ptk_status ptk_trainer_resume(ptk_trainer* trainer, const char* path)
{
    return guard("ptk_trainer_resume", [&] {
        auto& handle = required(trainer, "trainer");
        required_text(path, "path");
        const Session session(*handle.context);
        handle.trainer->resume(handle.context->registry, path);
    });
}
