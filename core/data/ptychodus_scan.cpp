#include "base/constants.h"
#include "base/error.h"
#include "base/shape.h"
#include "data/hdf5_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/tensordot.h>

#include <cmath>
#include <map>
#include <vector>

namespace ptk::data {

namespace {

/// A row of numbers; indexes as int64, lengths as double.
at::Tensor column(const Hdf5File& file, const std::string& path, const std::string& key, at::ScalarType type)
{
    const auto values = file.read(key);
    require(values.dim() == 1 && !values.is_complex(), Status::Shape,
            "{}: '{}' has shape {}, expected one number for each position", path, key, base::shape_of(values));
    return values.to(type).contiguous();
}

bool all_equal(const at::Tensor& indexes)
{
    return indexes.size(0) > 1 && indexes.eq(indexes[0]).all().item<bool>();
}

/// Sums of the positions of one index.
struct Place {
    double x = 0, y = 0;
    std::int64_t count = 0;
};

/// Rows of the frames that have a position, and their positions.
void match(RawScan& raw, const at::Tensor& frame_indexes, at::Tensor position_indexes, const at::Tensor& x,
           const at::Tensor& y)
{
    if (all_equal(position_indexes)) {
        raw.notes.push_back(fmt::format("all {} position indexes are {}: they are taken as 0, 1, 2 ...",
                                        position_indexes.size(0), position_indexes[0].item<std::int64_t>()));
        position_indexes = at::arange(position_indexes.size(0));
    }
    std::map<std::int64_t, Place> places;
    const auto count = position_indexes.size(0);
    for (std::int64_t i = 0; i < count; ++i) {
        auto& place = places[position_indexes.const_data_ptr<std::int64_t>()[i]];
        place.x += x.const_data_ptr<double>()[i];
        place.y += y.const_data_ptr<double>()[i];
        ++place.count;
    }
    std::vector<std::int64_t> rows;
    std::vector<double> xs, ys;
    for (std::int64_t i = 0; i < frame_indexes.size(0); ++i) {
        const auto found = places.find(frame_indexes.const_data_ptr<std::int64_t>()[i]);
        if (found == places.end())
            continue;
        rows.push_back(i);
        xs.push_back(found->second.x / static_cast<double>(found->second.count));
        ys.push_back(found->second.y / static_cast<double>(found->second.count));
    }
    require(!rows.empty(), Status::Shape, "{}: none of the {} frame indexes is among the {} position indexes",
            raw.source, frame_indexes.size(0), count);
    const auto frames = frame_indexes.size(0), matched = static_cast<std::int64_t>(rows.size());
    if (matched < frames)
        raw.notes.push_back(fmt::format("{} of {} frames have no position and are left out", frames - matched, frames));
    if (static_cast<std::int64_t>(places.size()) < count)
        raw.notes.push_back(fmt::format("{} positions share their index with another: they are averaged",
                                        count - static_cast<std::int64_t>(places.size())));
    if (matched < frames || !frame_indexes.equal(at::arange(frames)))
        raw.rows = at::tensor(rows, at::kLong);
    raw.x = at::tensor(xs, at::kDouble);
    raw.y = at::tensor(ys, at::kDouble);
}

/// Mean over the frames of the weights of the probe's parts, or undefined. Version 1.2 writes them as a dataset of the
/// root and reads them as an attribute of the probe; later ones use the dataset.
at::Tensor mean_weights(const Hdf5File& product, std::int64_t parts)
{
    const auto weights = product.is_dataset("/opr_weights") ? product.read("/opr_weights")
                                                            : product.array_attribute("/probe", "opr_weights");
    if (!weights.defined() || weights.is_complex() || weights.dim() != 2 || weights.size(0) < 1 ||
        weights.size(1) != parts || !at::isfinite(weights).all().item<bool>())
        return {};
    return weights.to(at::kDouble).mean(0);
}

/// (coherent, incoherent, N, N), (incoherent, N, N) or (N, N): the incoherent modes of the first coherent one.
void read_probe(RawScan& raw, const Hdf5File& product)
{
    if (!product.is_dataset("/probe"))
        return;
    raw.probe_key = "/probe";
    raw.probe = product.read("/probe");
    if (raw.probe.dim() != 4)
        return;
    const auto parts = raw.probe.size(0);
    require(parts > 0 && raw.probe.size(1) > 0, Status::Shape, "{}: '/probe' has shape {}", raw.source,
            base::shape_of(raw.probe));
    const auto mean = parts > 1 ? mean_weights(product, parts) : at::Tensor();
    if (mean.defined() && raw.probe.is_complex()) {
        raw.notes.push_back(fmt::format(
            "the probe varies over the scan in {} orthogonal parts; its mean by 'opr_weights' is used", parts));
        // Only the strongest incoherent mode varies; the other modes are those of the first part.
        const auto varying = at::tensordot(mean.to(raw.probe.scalar_type()), raw.probe.select(1, 0), {0}, {0});
        raw.probe = at::cat({varying.unsqueeze(0), raw.probe[0].slice(0, 1)});
        return;
    }
    if (parts > 1)
        raw.notes.push_back(fmt::format(
            "the probe varies over the scan in {} orthogonal parts; without 'opr_weights' only the first is used",
            parts));
    raw.probe = raw.probe[0];
}

/// The first layer, where its pixel and centre are known: x_pixel = (x - centre) / pixel + width / 2.
void read_object(RawScan& raw, const Hdf5File& product)
{
    if (!product.is_dataset("/object"))
        return;
    const auto width = product.number_attribute("/object", "pixel_width_m"),
               height = product.number_attribute("/object", "pixel_height_m");
    if (!width || !(*width > 0))
        return;
    require(!height || std::abs(*height / *width - 1) < 1e-6, Status::Unsupported,
            "{}: object pixels of {} x {} m; only square ones can be used", raw.source, *width, height.value_or(0));
    raw.geometry.object_pixel_m = *width;
    auto object = product.read("/object");
    require(object.dim() == 2 || (object.dim() == 3 && object.size(0) > 0), Status::Shape,
            "{}: '/object' has shape {}, expected (layers, H, W)", raw.source, base::shape_of(object));
    if (object.dim() == 3 && object.size(0) > 1)
        raw.notes.push_back(fmt::format("the object has {} layers; only the first is taken along", object.size(0)));
    if (object.dim() == 3)
        object = object[0];
    const auto x = product.number_attribute("/object", "center_x_m"),
               y = product.number_attribute("/object", "center_y_m");
    if (!x || !y)
        return;
    raw.object_key = "/object";
    raw.object_origin_m = {*x - *width * static_cast<double>(object.size(1)) / 2,
                           *y - *width * static_cast<double>(object.size(0)) / 2};
    raw.object = object;
}

std::optional<double> positive_attribute(const Hdf5File& file, const std::string& object, const char* name)
{
    const auto value = file.number_attribute(object, name);
    return value && *value > 0 ? value : std::nullopt;
}

} // namespace

RawScan read_ptychodus_scan(const std::string& diffraction, const std::string& product,
                            const config::Settings& settings)
{
    const auto file = std::make_shared<const Hdf5File>(Hdf5File::open(diffraction));
    const auto positions = Hdf5File::open(product);
    RawScan raw;
    raw.source = diffraction;
    raw.frames_key = "/patterns";
    raw.x_key = "/probe_position_x_m";
    raw.y_key = "/probe_position_y_m";
    raw.metres = true;
    raw.stated = measurement_in_text(file->attribute("/patterns", "units").value_or("counts"));
    raw.geometry.detector_pixel_m = positive_attribute(*file, "/patterns", "detector_pixel_width_m");
    raw.geometry.distance_m = positive_attribute(positions, "/", "detector_object_distance_m");
    for (const char* name : {"probe_energy_eV", "photon_energy_eV"}) // up to version 1.6, and since
        if (const auto energy = positive_attribute(positions, "/", name))
            raw.geometry.energy_j = *energy * base::joule_per_ev;
    if (file->is_dataset("/bad_pixels"))
        raw.bad_pixels = file->read("/bad_pixels").ne(0);
    const auto x = column(positions, product, raw.x_key, at::kDouble),
               y = column(positions, product, raw.y_key, at::kDouble);
    require(x.size(0) == y.size(0), Status::Shape, "{}: {} positions in '{}', but {} in '{}'", product, x.size(0),
            raw.x_key, y.size(0), raw.y_key);
    const auto shape = file->shape("/patterns");
    require(shape.size() == 3, Status::Shape, "{}: '/patterns' has shape {}, expected (frames, N, N)", diffraction,
            base::shape_text(shape));
    const auto frame_indexes = file->is_dataset("/indexes") ? column(*file, diffraction, "/indexes", at::kLong)
                                                            : at::arange(std::min<std::int64_t>(shape[0], x.size(0)));
    require(frame_indexes.size(0) <= shape[0], Status::Shape, "{}: {} 'indexes' for {} 'patterns'", diffraction,
            frame_indexes.size(0), shape[0]);
    const auto position_indexes = positions.is_dataset("/probe_position_indexes")
                                      ? column(positions, product, "/probe_position_indexes", at::kLong)
                                      : at::arange(x.size(0));
    require(position_indexes.size(0) == x.size(0), Status::Shape, "{}: {} 'probe_position_indexes' for {} positions",
            product, position_indexes.size(0), x.size(0));
    match(raw, frame_indexes, position_indexes, x, y);
    raw.propagation = read_propagation(*file, "/patterns", diffraction);
    read_hdf5_frames(raw, file, settings);
    read_probe(raw, positions);
    read_object(raw, positions);
    return raw;
}

} // namespace ptk::data
