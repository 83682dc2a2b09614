#include "evaluation/pictures.h"
#include "guard.h"
#include "views.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <nlohmann/json.hpp>

using namespace ptk;
using namespace ptk::capi;
using config::Json;

namespace ptk::capi {

reconstruction::Result CanvasHandle::result() const
{
    if (!sums)
        return finished;
    reconstruction::Result result;
    result.object = sums->object(settings.number("reconstruction.fill"), settings.number("reconstruction.coverage"));
    result.coverage = sums->weights();
    result.origin_x = sums->origin_x();
    result.origin_y = sums->origin_y();
    result.dropped = sums->dropped();
    return result;
}

} // namespace ptk::capi

namespace {

using NamedArrays = std::vector<std::pair<std::string, at::Tensor>>;

at::Tensor curve(const std::vector<double>& values)
{
    return at::from_blob(const_cast<double*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kDouble)
        .clone();
}

NamedArrays arrays_of(const reconstruction::Result& result)
{
    NamedArrays arrays{{"object", result.object}};
    if (result.coverage.defined())
        arrays.emplace_back("coverage", result.coverage);
    if (result.probe.defined())
        arrays.emplace_back("probe", result.probe);
    if (result.positions.defined())
        arrays.emplace_back("positions", result.positions);
    if (!result.fourier_errors.empty())
        arrays.emplace_back("fourier_errors", curve(result.fourier_errors));
    if (!result.held_out_fourier_errors.empty())
        arrays.emplace_back("held_out_fourier_errors", curve(result.held_out_fourier_errors));
    return arrays;
}

Json describe(const CanvasHandle& handle)
{
    const auto result = handle.result();
    return {{"height", result.object.size(0)},
            {"width", result.object.size(1)},
            {"origin_x", result.origin_x},
            {"origin_y", result.origin_y},
            {"object_pixel_m", result.object_pixel_m > 0 ? Json(result.object_pixel_m) : Json()},
            {"finished", !handle.sums.has_value()},
            {"dropped", result.dropped},
            {"fourier_errors", result.fourier_errors},
            {"held_out_fourier_errors", result.held_out_fourier_errors},
            {"arrays", describe_arrays(arrays_of(result))}};
}

/// Weight, relative to the largest, from which the object is determined well enough to say what is typical of it.
constexpr double well_seen = 0.1;

/// Pixels with more than this part of the largest weight; undefined when the canvas does not say.
at::Tensor covered(const at::Tensor& coverage, double part)
{
    if (!coverage.defined())
        return {};
    return coverage.gt(coverage.max() * part);
}

void write_errors(const reconstruction::Result& result, const std::string& path)
{
    require(!result.fourier_errors.empty(), Status::State, "the canvas has no error curves; refine it");
    evaluation::write_curves(
        {{"updated frames", result.fourier_errors}, {"held-out frames", result.held_out_fourier_errors}},
        "relative Fourier error over epochs", path);
}

void write_object(const CanvasHandle& handle, const reconstruction::Result& result, bool phase, const std::string& path)
{
    const auto mask = covered(result.coverage, handle.settings.number("reconstruction.coverage"));
    require(!mask.defined() || mask.any().item<bool>(), Status::State, "the canvas is empty; add patches");
    const auto typical = covered(result.coverage, well_seen);
    phase ? evaluation::write_phase(result.object, mask, path, typical)
          : evaluation::write_amplitude(result.object, mask, path, typical);
}

void write_picture(const CanvasHandle& handle, const std::string& picture, const std::string& path)
{
    const auto result = handle.result();
    if (picture == "errors") {
        write_errors(result, path);
    } else if (picture == "probe") {
        require(result.probe.defined(), Status::State, "the canvas has no probe");
        evaluation::write_probe(result.probe, path);
    } else if (picture == "coverage") {
        require(result.coverage.defined(), Status::State, "the canvas does not know its coverage");
        evaluation::write_grey(result.coverage, {}, path);
    } else {
        require(picture == "amplitude" || picture == "phase", Status::NotFound,
                "there is no picture '{}' of a canvas; expected 'amplitude', 'phase', 'coverage', 'probe' or 'errors'",
                picture);
        write_object(handle, result, picture == "phase", path);
    }
}

/// So that origin plus size is a number.
void check_origin(std::int64_t origin, const char* name)
{
    constexpr std::int64_t limit = std::int64_t{1} << 40;
    require(origin >= -limit && origin <= limit, Status::Shape, "{} is {}; expected at most {} from 0", name, origin,
            limit);
}

} // namespace

ptk_status ptk_canvas_create(ptk_canvas** out, const ptk_context* ctx, int64_t height, int64_t width, int64_t origin_x,
                             int64_t origin_y, const ptk_config* config)
{
    return guard("ptk_canvas_create", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        check_origin(origin_x, "origin_x");
        check_origin(origin_y, "origin_y");
        const Session session(*context);
        give(out, {context, resolved(*context, config), reconstruction::Canvas(height, width, origin_x, origin_y)});
    });
}

ptk_status ptk_canvas_create_around(ptk_canvas** out, const ptk_context* ctx, const ptk_view* positions, int64_t side,
                                    const ptk_config* config)
{
    return guard("ptk_canvas_create_around", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        require(side >= 1 && side <= 1 << 16, Status::Shape, "side is {}; expected 1 to {}", side, 1 << 16);
        const Session session(*context);
        const auto points = borrowed(positions, "positions", Numbers::Real, {2});
        give(out, {context, resolved(*context, config), reconstruction::Canvas::around(points, side)});
    });
}

ptk_status ptk_canvas_add(ptk_canvas* canvas, const ptk_view* patches, const ptk_view* positions,
                          const ptk_view* weights)
{
    return guard("ptk_canvas_add", [&] {
        auto& handle = required(canvas, "canvas");
        const Session session(*handle.context);
        const auto images = borrowed(patches, "patches", Numbers::Complex, {3});
        const auto points = borrowed(positions, "positions", Numbers::Real, {2});
        const auto given = borrowed_if(weights, "weights", Numbers::Real, {2, 3});
        require(handle.sums.has_value(), Status::State, "this canvas is finished; make one with ptk_canvas_create()");
        handle.sums->add(images, points,
                         given.defined() ? given : at::ones({images.size(1), images.size(2)}, at::kFloat));
    });
}

ptk_status ptk_canvas_load(ptk_canvas** out, const ptk_context* ctx, const char* path)
{
    return guard("ptk_canvas_load", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        required_text(path, "path");
        const Session session(*context);
        give(out, {context, resolved(*context, nullptr), std::nullopt, reconstruction::load_result(path)});
    });
}

ptk_status ptk_canvas_save(const ptk_canvas* canvas, const char* path)
{
    return guard("ptk_canvas_save", [&] {
        const auto& handle = required(canvas, "canvas");
        required_text(path, "path");
        const Session session(*handle.context);
        reconstruction::save_result(handle.result(), path);
    });
}

void ptk_canvas_free(ptk_canvas* canvas)
{
    release(canvas);
}

ptk_status ptk_canvas_describe(const ptk_canvas* canvas, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_canvas_describe", [&] {
        const auto& handle = required(canvas, "canvas");
        require_text_out(buf, capacity, needed_out);
        const Session session(*handle.context);
        give_text(json_text(describe(handle)), buf, capacity, needed_out);
    });
}

ptk_status ptk_canvas_shape(const ptk_canvas* canvas, const char* name, int64_t* shape_out, int32_t capacity,
                            int32_t* ndim_out)
{
    return guard("ptk_canvas_shape", [&] {
        const auto& handle = required(canvas, "canvas");
        required_text(name, "name");
        require_shape_out(shape_out, ndim_out);
        const Session session(*handle.context);
        const auto arrays = arrays_of(handle.result());
        give_shape(find_array(arrays, name).sizes(), shape_out, capacity, ndim_out);
    });
}

ptk_status ptk_canvas_read(const ptk_canvas* canvas, const char* name, ptk_view* array_out)
{
    return guard("ptk_canvas_read", [&] {
        const auto& handle = required(canvas, "canvas");
        required_text(name, "name");
        const Session session(*handle.context);
        const auto arrays = arrays_of(handle.result());
        give_array(find_array(arrays, name), array_out, "array_out");
    });
}

ptk_status ptk_canvas_write_picture(const ptk_canvas* canvas, const char* picture, const char* path)
{
    return guard("ptk_canvas_write_picture", [&] {
        const auto& handle = required(canvas, "canvas");
        required_text(picture, "picture");
        required_text(path, "path");
        const Session session(*handle.context);
        write_picture(handle, picture, path);
    });
}
