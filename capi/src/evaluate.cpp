#include "evaluation/evaluate.h"

#include "guard.h"
#include "reconstruction/refine.h"
#include "views.h"

#include <nlohmann/json.hpp>

#include <limits>

using namespace ptk;
using namespace ptk::capi;

namespace {

std::string scores(const CanvasHandle& canvas, const evaluation::Reference& reference, const config::Settings& settings)
{
    const auto result = canvas.result();
    auto text = evaluation::to_json(evaluation::evaluate(result, reference));
    if (settings.text("compat") == "ptychopinn")
        text["ptychopinn"] = evaluation::to_json(evaluation::evaluate_as_ptychopinn(result, reference));
    return json_text(text);
}

} // namespace

ptk_status ptk_evaluate(const ptk_canvas* canvas, const ptk_view* reference, const ptk_config* config, char* buf,
                        size_t capacity, size_t* needed_out)
{
    return guard("ptk_evaluate", [&] {
        const auto& handle = required(canvas, "canvas");
        require_text_out(buf, capacity, needed_out);
        const Session session(*handle.context);
        const auto known = borrowed(reference, "reference", Numbers::Complex, {2});
        const auto settings = resolved(*handle.context, config);
        give_text(scores(handle, {.object = known}, settings), buf, capacity, needed_out);
    });
}

ptk_status ptk_evaluate_file(const ptk_canvas* canvas, const char* path, const ptk_config* config, char* buf,
                             size_t capacity, size_t* needed_out)
{
    return guard("ptk_evaluate_file", [&] {
        const auto& handle = required(canvas, "canvas");
        required_text(path, "path");
        require_text_out(buf, capacity, needed_out);
        const Session session(*handle.context);
        const auto settings = resolved(*handle.context, config);
        give_text(scores(handle, evaluation::read_reference(path), settings), buf, capacity, needed_out);
    });
}

ptk_status ptk_fourier_error(double* error_out, const ptk_canvas* canvas, const ptk_dataset* dataset,
                             const ptk_cancel* cancel, ptk_progress_fn progress, void* user_data)
{
    return guard("ptk_fourier_error", [&] {
        require(error_out != nullptr, Status::InvalidArgument, "error_out is NULL");
        *error_out = std::numeric_limits<double>::quiet_NaN();
        const auto& handle = required(canvas, "canvas");
        const auto& scan = *required(dataset, "dataset").scan;
        const auto result = handle.result();
        require(result.probe.defined(), Status::State, "the canvas has no probe");
        const Session session(*handle.context);
        *error_out = Watch(cancel, progress, user_data).run([&](const Monitor& monitor) {
            return reconstruction::fourier_error(data::seen_as(scan, handle.settings), result, monitor);
        });
    });
}
