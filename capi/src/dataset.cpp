#include "data/readers.h"
#include "data/scan_writer.h"
#include "data/summary.h"
#include "guard.h"
#include "reconstruction/orientation.h"
#include "simulation/simulate.h"
#include "views.h"

#include <ATen/ops/arange.h>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace ptk;
using namespace ptk::capi;

namespace {

using NamedArrays = std::vector<std::pair<std::string, at::Tensor>>;

/// All but the patterns, which may be larger than memory.
NamedArrays small_arrays(const data::Scan& scan)
{
    NamedArrays arrays{{"positions", scan.positions}};
    if (scan.probe.defined())
        arrays.emplace_back("probe", scan.probe);
    if (scan.object.defined())
        arrays.emplace_back("object", scan.object);
    if (scan.bad_pixels.defined())
        arrays.emplace_back("bad_pixels", scan.bad_pixels.to(at::kByte));
    return arrays;
}

std::vector<std::int64_t> patterns_shape(const data::Scan& scan)
{
    return {scan.size(), scan.side(), scan.side()};
}

config::Json describe(const data::Scan& scan)
{
    auto text = data::summary(scan);
    text["arrays"] = describe_arrays(small_arrays(scan));
    const config::Json patterns{{"name", "patterns"}, {"dtype", "F32"}, {"shape", patterns_shape(scan)}};
    text["arrays"].insert(text["arrays"].begin(), patterns);
    return text;
}

/// Frames from @p first on into the caller's memory, a slab at a time.
void copy_patterns(const data::Scan& scan, std::int64_t first, const at::Tensor& memory)
{
    constexpr std::int64_t slab = 64;
    const auto count = memory.size(0);
    for (std::int64_t done = 0; done < count; done += slab) {
        const auto length = std::min(slab, count - done);
        memory.narrow(0, done, length)
            .copy_(scan.frames->gather(at::arange(first + done, first + done + length, at::kLong)));
    }
}

void require_fractions(const char* axis, double low, double high)
{
    require(low >= 0 && low <= high && high <= 1, Status::InvalidArgument,
            "{0}_low, {0}_high: expected 0 <= low <= high <= 1, got {1} and {2}", axis, low, high);
}

} // namespace

ptk_status ptk_file_describe(const ptk_context* ctx, const char* path, const ptk_config* config, char* buf,
                             size_t capacity, size_t* needed_out)
{
    return guard("ptk_file_describe", [&] {
        const auto& context = *required(ctx, "ctx").context;
        required_text(path, "path");
        require_text_out(buf, capacity, needed_out);
        const Session session(context);
        const auto settings = resolved(context, config);
        const auto advise = [&](const data::Scan& scan) {
            const auto advice = reconstruction::orientation_advice(scan, settings, Monitor());
            return advice ? std::vector{*advice} : std::vector<std::string>();
        };
        give_text(data::describe_file(path, settings, *context.log, advise), buf, capacity, needed_out);
    });
}

ptk_status ptk_dataset_open(ptk_dataset** out, const ptk_context* ctx, const char* path, const ptk_config* config)
{
    return guard("ptk_dataset_open", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        required_text(path, "path");
        const Session session(*context);
        auto scan = data::read_scan(path, resolved(*context, config), *context->log);
        give(out, {context, std::make_shared<const data::Scan>(std::move(scan))});
    });
}

ptk_status ptk_dataset_from_arrays(ptk_dataset** out, const ptk_context* ctx, const ptk_view* patterns,
                                   const ptk_view* positions, const ptk_view* probe, const ptk_view* object,
                                   const ptk_config* config)
{
    return guard("ptk_dataset_from_arrays", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        const Session session(*context);
        auto scan = data::scan_from_arrays(
            borrowed(patterns, "patterns", Numbers::Real, {3}), borrowed(positions, "positions", Numbers::Real, {2}),
            borrowed_if(probe, "probe", Numbers::Complex, {2, 3}), borrowed_if(object, "object", Numbers::Complex, {2}),
            resolved(*context, config), *context->log);
        give(out, {context, std::make_shared<const data::Scan>(std::move(scan))});
    });
}

ptk_status ptk_simulate(ptk_dataset** out, const ptk_context* ctx, const ptk_config* config, const ptk_cancel* cancel,
                        ptk_progress_fn progress, void* user_data)
{
    return guard("ptk_simulate", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        const Session session(*context);
        auto scan = Watch(cancel, progress, user_data).run([&](const Monitor& monitor) {
            return simulation::simulate(resolved(*context, config), *context->log, monitor);
        });
        give(out, {context, std::make_shared<const data::Scan>(std::move(scan))});
    });
}

ptk_status ptk_dataset_save(const ptk_dataset* dataset, const char* path, const char* format)
{
    return guard("ptk_dataset_save", [&] {
        const auto& handle = required(dataset, "dataset");
        required_text(path, "path");
        required_text(format, "format");
        const Session session(*handle.context);
        data::write_scan(*handle.scan, path, data::scan_format(format, path));
    });
}

ptk_status ptk_dataset_select(ptk_dataset** out, const ptk_dataset* dataset, double x_low, double x_high, double y_low,
                              double y_high)
{
    return guard("ptk_dataset_select", [&] {
        require_out(out);
        const auto& whole = required(dataset, "dataset");
        require_fractions("x", x_low, x_high);
        require_fractions("y", y_low, y_high);
        const Session session(*whole.context);
        const auto inside = data::inside_bounds(whole.scan->positions, {x_low, x_high}, {y_low, y_high});
        require(inside.numel() > 0, Status::Shape, "no scan point is inside x {} to {}, y {} to {}", x_low, x_high,
                y_low, y_high);
        give(out, {whole.context, std::make_shared<const data::Scan>(data::subset(*whole.scan, inside))});
    });
}

void ptk_dataset_free(ptk_dataset* dataset)
{
    release(dataset);
}

int64_t ptk_dataset_size(const ptk_dataset* dataset)
{
    return dataset == nullptr ? 0 : impl(dataset)->scan->size();
}

int64_t ptk_dataset_side(const ptk_dataset* dataset)
{
    return dataset == nullptr ? 0 : impl(dataset)->scan->side();
}

ptk_status ptk_dataset_describe(const ptk_dataset* dataset, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_dataset_describe", [&] {
        const auto& handle = required(dataset, "dataset");
        require_text_out(buf, capacity, needed_out);
        const Session session(*handle.context);
        give_text(json_text(describe(*handle.scan)), buf, capacity, needed_out);
    });
}

ptk_status ptk_dataset_shape(const ptk_dataset* dataset, const char* name, int64_t* shape_out, int32_t capacity,
                             int32_t* ndim_out)
{
    return guard("ptk_dataset_shape", [&] {
        const auto& scan = *required(dataset, "dataset").scan;
        const std::string wanted = required_text(name, "name");
        require_shape_out(shape_out, ndim_out);
        const auto shape =
            wanted == "patterns" ? patterns_shape(scan) : find_array(small_arrays(scan), wanted).sizes().vec();
        give_shape(shape, shape_out, capacity, ndim_out);
    });
}

ptk_status ptk_dataset_read(const ptk_dataset* dataset, const char* name, ptk_view* array_out)
{
    return guard("ptk_dataset_read", [&] {
        const auto& handle = required(dataset, "dataset");
        const std::string wanted = required_text(name, "name");
        const Session session(*handle.context);
        if (wanted == "patterns")
            copy_patterns(*handle.scan, 0, target(array_out, "array_out", Numbers::Real, patterns_shape(*handle.scan)));
        else
            give_array(find_array(small_arrays(*handle.scan), wanted), array_out, "array_out");
    });
}

ptk_status ptk_dataset_read_patterns(const ptk_dataset* dataset, int64_t first, ptk_view* patterns_out)
{
    return guard("ptk_dataset_read_patterns", [&] {
        const auto& handle = required(dataset, "dataset");
        require(patterns_out != nullptr, Status::InvalidArgument, "patterns_out is NULL");
        const auto size = handle.scan->size();
        const auto count = patterns_out->ndim == 3 ? patterns_out->shape[0] : 1;
        require(first >= 0 && first < size && count <= size - first, Status::InvalidArgument,
                "first: {} frames from {} on were asked for, but there are {}", count, first, size);
        const Session session(*handle.context);
        const auto side = handle.scan->side();
        copy_patterns(*handle.scan, first, target(patterns_out, "patterns_out", Numbers::Real, {count, side, side}));
    });
}
