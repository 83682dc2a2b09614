#include "data/readers.h"

#include "base/error.h"
#include "base/shape.h"
#include "base/text.h"
#include "data/experiments.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <algorithm>

namespace ptk::data {

namespace {

Scan read_one(const std::string& path, const config::Settings& settings, Log& log, const Monitor& monitor)
{
    if (is_folder(path))
        return finish_scan(read_ptychodus_folder(path, settings), settings, log, monitor);
    switch (file_kind(path)) {
    case FileKind::Npz:
        return finish_scan(read_npz_scan(path, settings), settings, log, monitor);
    case FileKind::Hdf5:
        return finish_scan(read_hdf5_scan(path, settings), settings, log, monitor);
    case FileKind::Npy:
        return finish_scan(read_npy_scan(path, settings), settings, log, monitor);
    case FileKind::Other:
        break;
    }
    fail(Status::Format, "{}: neither an NPZ archive nor an HDF5 file", path);
}

/// A store of its own for each experiment, where data.store names one file.
config::Settings settings_of_one(const config::Settings& settings, std::size_t number)
{
    const auto& store = settings.text("data.store");
    if (store.empty() || store == "auto" || is_folder(store))
        return settings;
    config::Config own;
    own.set("data.store", fmt::format("{}.{}", store, number));
    return settings.with(own);
}

} // namespace

Scan read_scan(const std::string& path, const config::Settings& settings, Log& log, const Monitor& monitor)
{
    auto paths = scans_at(path);
    const auto first = paths.size();
    for (const auto& more : base::parts_of(settings.text("data.more"), ','))
        for (auto& one : scans_at(more))
            paths.push_back(std::move(one));
    if (paths.size() == 1)
        return read_one(paths.front(), settings, log, monitor);
    std::vector<Scan> scans;
    for (const auto& one : paths)
        scans.push_back(read_one(one, settings_of_one(settings, scans.size() + 1), log, monitor));
    const bool folder = first == paths.size();
    return join_scans(std::move(scans), folder ? path : fmt::format("{} and {} more", path, paths.size() - 1), log);
}

Scan scan_from_arrays(at::Tensor frames, at::Tensor positions, at::Tensor probe, at::Tensor object,
                      const config::Settings& settings, Log& log)
{
    require(frames.defined() && positions.defined(), Status::InvalidArgument, "frames and positions are needed");
    require(positions.dim() == 2 && positions.size(1) == 2, Status::Shape, "positions: expected shape (n, 2), found {}",
            base::shape_of(positions));
    require(frames.dim() == 3, Status::Shape, "patterns: expected shape (n, N, N), found {}", base::shape_of(frames));
    // Shapes are compared before anything is copied.
    const auto most = std::max(frames.size(0), frames.size(2));
    require(positions.size(0) >= std::min(frames.size(0), frames.size(2)), Status::Shape,
            "arrays: {} positions for {} frames", positions.size(0), frames.size(0));
    positions = positions.slice(0, 0, std::min(most, positions.size(0)));
    require(!probe.defined() || (probe.dim() >= 2 && probe.dim() <= 3 && probe.numel() <= (std::int64_t{1} << 30)),
            Status::Shape, "arrays: the probe has shape {}, but the frames are {} x {}", base::shape_of(probe),
            frames.size(1), frames.size(1));
    RawScan raw;
    raw.source = "arrays";
    raw.frames_key = "patterns";
    raw.x_key = raw.y_key = "positions";
    raw.probe_key = "probe";
    raw.object_key = "object";
    raw.frames = frames.clone();
    raw.x = positions.select(1, 0).clone();
    raw.y = positions.select(1, 1).clone();
    raw.probe = probe.defined() ? probe.clone() : probe;
    raw.object = object.defined() ? object.clone() : object;
    if (!settings.text("data.store").empty())
        raw.notes.emplace_back("data.store is for files: arrays stay in memory");
    return finish_scan(std::move(raw), settings, log);
}

namespace {

at::Tensor checked_object(const at::Tensor& object, const std::string& path, const std::string& key)
{
    require(object.dim() == 2 && object.is_complex(), Status::Shape,
            "{}: '{}' has shape {}, expected a complex (rows, columns)", path, key, base::shape_of(object));
    return object.to(at::kComplexFloat).contiguous();
}

at::Tensor object_of_npz(const std::string& path)
{
    const auto archive = Npz::open(path);
    const auto names = archive.names();
    for (const auto* key : {"objectGuess", "object"})
        if (archive.has(key))
            return checked_object(archive.read(key), path, key);
    std::vector<std::string> candidates;
    for (const auto& name : names) {
        const auto header = archive.header(name);
        if (header.shape.size() == 2 && header.type.find('c') != std::string::npos)
            candidates.push_back(name);
    }
    require(candidates.size() == 1, Status::NotFound,
            "{}: expected 'objectGuess' or one complex array of two axes, found {}", path, candidates.size());
    return checked_object(archive.read(candidates.front()), path, candidates.front());
}

at::Tensor object_of_hdf5(const std::string& path)
{
    const auto file = Hdf5File::open(path);
    for (const auto* key : {"object", "entry_1/image_1/data"})
        if (file.is_dataset(key))
            return checked_object(file.read(key), path, key);
    fail(Status::NotFound, "{}: there is no 'object' and no 'entry_1/image_1/data'", path);
}

} // namespace

at::Tensor read_object(const std::string& path)
{
    switch (file_kind(path)) {
    case FileKind::Npz:
        return object_of_npz(path);
    case FileKind::Npy:
        return checked_object(read_npy(path), path, "array");
    case FileKind::Hdf5:
        return object_of_hdf5(path);
    case FileKind::Other:
        break;
    }
    fail(Status::Format, "{}: neither NPZ, NPY nor HDF5", path);
}

} // namespace ptk::data
