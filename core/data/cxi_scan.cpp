#include "base/error.h"
#include "base/shape.h"
#include "data/hdf5_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>

#include <cmath>

namespace ptk::data {

namespace {

std::string first_of(const Hdf5File& file, const std::vector<std::string>& names)
{
    for (const auto& name : names)
        if (file.is_dataset(name))
            return name;
    return {};
}

std::string frames_of(const Hdf5File& file, const std::string& entry)
{
    return first_of(file, {entry + "/data_1/data", entry + "/instrument_1/detector_1/data"});
}

/// The first entry that has frames.
std::string entry_of(const Hdf5File& file, const std::string& path)
{
    std::string without;
    for (const auto& name : file.list("/")) {
        if (name.rfind("entry", 0) != 0)
            continue;
        if (!frames_of(file, "/" + name).empty())
            return "/" + name;
        without = "/" + name;
    }
    require(!without.empty(), Status::NotFound, "{}: no 'entry_1' group: not an HDF5 file in CXI layout", path);
    fail(Status::NotFound, "{}: there are no frames ('{}/data_1/data' or '{}/instrument_1/detector_1/data')", path,
         without, without);
}

/// Bits of a CXI mask that say that a pixel cannot be used; others mark peaks, resolution or signal (CXI 1.6, table of
/// masks).
constexpr std::int64_t unusable = 0x1edf;

at::Tensor bad_pixels(const Hdf5File& file, const std::string& key, std::vector<std::string>& notes)
{
    if (!file.is_dataset(key))
        return {};
    const auto shape = file.shape(key);
    if (shape.size() != 2) {
        notes.push_back(fmt::format("'{}' has shape {} and is not used: one mask for all frames is expected", key,
                                    base::shape_text(shape)));
        return {};
    }
    return file.read(key).to(at::kLong).bitwise_and(unusable).ne(0);
}

/// Where write_scan() noted it: the object, and the metres of its index (0, 0).
void read_image(RawScan& raw, const Hdf5File& file, const std::string& key)
{
    if (!file.is_dataset(key))
        return;
    const auto x = file.number_attribute(key, "origin_x_m"), y = file.number_attribute(key, "origin_y_m");
    if (!x || !y)
        return;
    raw.object_key = key;
    raw.object = file.read(key);
    raw.object_origin_m = {*x, *y};
}

void read_positions(RawScan& raw, const Hdf5File& file, const std::string& entry)
{
    const auto key = first_of(file, {entry + "/data_1/translation", entry + "/sample_1/geometry_1/translation",
                                     entry + "/instrument_1/detector_1/translation"});
    require(!key.empty(), Status::NotFound,
            "{}: there are no positions ('{}/data_1/translation' or '{}/sample_1/geometry_1/translation')", raw.source,
            entry, entry);
    const auto translation = file.read(key);
    require(translation.dim() == 2 && translation.size(1) >= 2 && !translation.is_complex(), Status::Shape,
            "{}: '{}' has shape {}, expected (frames, 3) in metres", raw.source, key, base::shape_of(translation));
    raw.x_key = raw.y_key = key;
    raw.x = translation.select(1, 0);
    raw.y = translation.select(1, 1);
    raw.metres = true;
}

} // namespace

RawScan read_cxi_scan(const std::string& path, const config::Settings& settings)
{
    const auto file = std::make_shared<const Hdf5File>(Hdf5File::open(path));
    RawScan raw;
    raw.source = path;
    const auto kind = file->attribute("/", "ptychokit_kind");
    require(!kind, Status::Format, "{}: this is a {} of PtychoKit, not a scan", path, kind.value_or(""));
    const auto entry = entry_of(*file, path);
    const auto detector = entry + "/instrument_1/detector_1";
    const auto source = entry + "/instrument_1/source_1";
    raw.frames_key = frames_of(*file, entry);
    raw.stated = measurement_in_text(file->attribute(raw.frames_key, "units").value_or(""));
    raw.bad_pixels = bad_pixels(*file, detector + "/mask", raw.notes);
    raw.geometry.energy_j = positive_number(*file, source + "/energy");
    raw.geometry.distance_m = positive_number(*file, detector + "/distance");
    raw.geometry.detector_pixel_m = positive_number(*file, detector + "/x_pixel_size");
    const auto height = positive_number(*file, detector + "/y_pixel_size");
    require(!raw.geometry.detector_pixel_m || !height || std::abs(*height / *raw.geometry.detector_pixel_m - 1) < 1e-6,
            Status::Unsupported, "{}: detector pixels of {} x {} m; only square ones can be used", path,
            raw.geometry.detector_pixel_m.value_or(0), height.value_or(0));
    read_positions(raw, *file, entry);
    raw.geometry.object_pixel_m = file->number_attribute(raw.x_key, "object_pixel_m");
    raw.propagation = read_propagation(*file, raw.frames_key, path);
    read_hdf5_frames(raw, file, settings);
    raw.probe_key = first_of(*file, {source + "/probe", source + "/illumination"});
    if (!raw.probe_key.empty())
        raw.probe = file->read(raw.probe_key);
    read_image(raw, *file, entry + "/image_1/data");
    return raw;
}

} // namespace ptk::data
