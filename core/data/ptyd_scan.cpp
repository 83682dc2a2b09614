#include "base/constants.h"
#include "base/error.h"
#include "base/shape.h"
#include "data/hdf5_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ptk::data {

namespace {

/// One number, or the first of a pair that has to be equal (psize of rows and columns).
std::optional<double> length(const Hdf5File& file, const std::string& path, const std::string& name)
{
    if (!file.is_dataset(name) || file.type_name(name) == "string" || file.type_name(name) == "other")
        return std::nullopt;
    const auto values = file.read(name).to(at::kDouble).flatten();
    if (values.numel() == 0 || !(values[0].item<double>() > 0))
        return std::nullopt;
    require((values / values[0] - 1).abs().max().item<double>() < 1e-6, Status::Unsupported,
            "{}: '{}' has different numbers for rows and columns; only square pixels can be used", path, name);
    return values[0].item<double>();
}

/// PtyPy's propagator of the near field is an angular spectrum between planes of one pixel, psize.
Propagation propagation_in_meta(const Hdf5File& file, const Geometry& geometry, const std::string& path)
{
    const std::string name = "/meta/propagation";
    if (!file.is_dataset(name) || file.type_name(name) != "string" || file.read_string(name) != "nearfield")
        return {};
    const double wavelength = geometry.energy_j ? base::photon_wavelength_m(*geometry.energy_j) : 0;
    return checked_propagation("angular_spectrum", geometry.detector_pixel_m.value_or(0), wavelength,
                               geometry.distance_m.value_or(0), path + ": '/meta/propagation' is nearfield");
}

/// Chunks in the order of their numbers, "2" before "10".
std::vector<std::string> chunks_of(const Hdf5File& file, const std::string& path)
{
    auto names = file.list("/chunks");
    std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
        return std::strtoll(a.c_str(), nullptr, 10) < std::strtoll(b.c_str(), nullptr, 10);
    });
    require(!names.empty(), Status::NotFound, "{}: '/chunks' is empty", path);
    return names;
}

void require_memory(const Hdf5File& file, const std::vector<std::string>& keys, const std::string& path,
                    const config::Settings& settings)
{
    double bytes = 0;
    for (const auto& key : keys) {
        double numbers = 8;
        for (const auto extent : file.shape(key))
            numbers *= static_cast<double>(extent);
        bytes += numbers;
    }
    require(bytes <= static_cast<double>(settings.integer("data.memory_mib")) * 8 * 1048576.0, Status::Unsupported,
            "{}: {} chunks hold more than data.memory_mib = {}; chunks have to fit into memory, because frames can "
            "stay in a file only when they are one dataset; or give data.store",
            path, keys.size(), settings.integer("data.memory_mib"));
}

FrameRowsPtr joined_chunks(const std::shared_ptr<const Hdf5File>& file, const std::string& path,
                           const std::vector<std::string>& keys)
{
    std::vector<FrameRowsPtr> parts;
    for (const auto& key : keys) {
        parts.push_back(hdf5_rows(file, path, key));
        const auto first = parts.front()->shape(), last = parts.back()->shape();
        require(first.size() == 3 && last.size() == 3 && last[1] == first[1] && last[2] == first[2] &&
                    parts.back()->type() == parts.front()->type(),
                Status::Shape, "{}: '{}' and '{}' hold frames of different shape or type", path, keys.front(), key);
    }
    return joined_rows(std::move(parts));
}

/// (h, w) bool: weight zero in every frame of every chunk that has weights.
at::Tensor bad_of(const Hdf5File& file, const std::vector<std::string>& chunks)
{
    at::Tensor bad;
    for (const auto& chunk : chunks) {
        const auto key = "/chunks/" + chunk + "/weights";
        if (!file.is_dataset(key))
            continue;
        auto zero = file.read(key).eq(0);
        if (zero.dim() == 3 && zero.size(0) > 0)
            zero = zero.all(0);
        if (zero.dim() == 2)
            bad = bad.defined() && bad.sizes() == zero.sizes() ? bad.logical_and(zero) : zero;
    }
    return bad;
}

} // namespace

RawScan read_ptyd_scan(const std::string& path, const config::Settings& settings)
{
    const auto file = std::make_shared<const Hdf5File>(Hdf5File::open(path));
    RawScan raw;
    raw.source = path;
    raw.metres = true;
    raw.stated = Measurement::Counts;
    raw.geometry.distance_m = length(*file, path, "/meta/distance");
    raw.geometry.detector_pixel_m = length(*file, path, "/meta/psize");
    if (const auto energy = length(*file, path, "/meta/energy"))
        raw.geometry.energy_j = *energy * 1e3 * base::joule_per_ev;
    raw.propagation = propagation_in_meta(*file, raw.geometry, path);
    const auto chunks = chunks_of(*file, path);
    std::vector<std::string> keys;
    std::vector<at::Tensor> positions;
    for (const auto& chunk : chunks) {
        const auto group = "/chunks/" + chunk;
        keys.push_back(group + "/data");
        positions.push_back(file->read(group + "/positions"));
        const auto& last = positions.back();
        require(last.dim() == 2 && last.size(1) == 2 && !last.is_complex(), Status::Shape,
                "{}: '{}/positions' has shape {}, expected (frames, 2) in metres", path, group, base::shape_of(last));
    }
    raw.frames_key = keys.front();
    if (keys.size() == 1) {
        read_hdf5_frames(raw, file, settings);
    } else if (!settings.text("data.store").empty()) {
        raw.disk = joined_chunks(file, path, keys);
    } else {
        require_memory(*file, keys, path, settings);
        std::vector<at::Tensor> frames;
        for (const auto& key : keys) {
            frames.push_back(file->read(key));
            const auto& first = frames.front();
            const auto& last = frames.back();
            require(last.dim() == 3 && last.sizes().slice(1) == first.sizes().slice(1) &&
                        last.scalar_type() == first.scalar_type(),
                    Status::Shape, "{}: '{}' and '{}' hold frames of different shape or type", path, keys.front(), key);
        }
        raw.frames = at::cat(frames);
    }
    const auto all = at::cat(positions);
    raw.x_key = raw.y_key = "/chunks/" + chunks.front() + "/positions";
    raw.y = all.select(1, 0);
    raw.x = all.select(1, 1);
    raw.bad_pixels = bad_of(*file, chunks);
    raw.notes.push_back("positions of PtyPy are taken as (row, column) in metres");
    return raw;
}

} // namespace ptk::data
