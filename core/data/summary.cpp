#include "data/summary.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <nlohmann/json.hpp>

namespace ptk::data {

namespace {

config::Json position_ranges(const at::Tensor& positions)
{
    const auto low = at::amin(positions, 0).to(at::kDouble).contiguous();
    const auto high = at::amax(positions, 0).to(at::kDouble).contiguous();
    const auto* l = low.const_data_ptr<double>();
    const auto* h = high.const_data_ptr<double>();
    return {{"x", {l[0], h[0]}}, {"y", {l[1], h[1]}}};
}

config::Json lengths(const Geometry& geometry)
{
    auto known = config::Json::object();
    const auto add = [&](const char* name, const std::optional<double>& value) {
        if (value)
            known[name] = *value;
    };
    add("energy_j", geometry.energy_j);
    add("distance_m", geometry.distance_m);
    add("detector_pixel_m", geometry.detector_pixel_m);
    add("object_pixel_m", geometry.object_pixel_m);
    return known;
}

} // namespace

config::Json summary(const Scan& scan)
{
    return {{"source", scan.source},
            {"frames", scan.size()},
            {"side", scan.side()},
            {"measurement", measurement_name(scan.measurement)},
            {"on_disk", scan.frames->on_disk()},
            {"has_probe", scan.probe.defined()},
            {"has_object", scan.object.defined()},
            {"bad_pixels", scan.bad_pixels.defined() ? scan.bad_pixels.sum().item<std::int64_t>() : 0},
            {"modes", scan.probe.defined() ? scan.probe.size(0) : 0},
            {"positions", position_ranges(scan.positions)},
            {"geometry", lengths(scan.geometry)},
            {"notes", scan.notes}};
}

} // namespace ptk::data
