#include "base/error.h"
#include "base/shape.h"
#include "data/hdf5_file.h"
#include "data/position_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>

#include <filesystem>

namespace ptk::data {

namespace {

/// Bytes of the numbers as they are stored; the largest number when they are more.
std::int64_t stored_bytes(const Hdf5File& file, const std::string& key)
{
    const auto type = file.type_name(key);
    double bytes = type.ends_with("8") ? 1 : type.ends_with("16") ? 2 : type.ends_with("32") ? 4 : 8;
    for (const auto extent : file.shape(key))
        bytes *= static_cast<double>(extent);
    return bytes > 9e18 ? INT64_MAX : static_cast<std::int64_t>(bytes);
}

at::Tensor read_given(const Hdf5File& file, const config::Settings& settings, const char* option,
                      std::string* key = nullptr)
{
    const auto& path = settings.text(option);
    if (path.empty())
        return {};
    if (key != nullptr)
        *key = path;
    return file.read(path);
}

/// The option names a file of its own, not a path in the HDF5 file.
bool names_file(const Hdf5File& file, const std::string& path)
{
    std::error_code code;
    return !path.empty() && !file.is_dataset(path) && std::filesystem::is_regular_file(path, code);
}

/// An array of the file, or of a file of its own.
at::Tensor given_array(const Hdf5File& file, const config::Settings& settings, const char* option,
                       const char* usual_key, std::string& key)
{
    if (!names_file(file, settings.text(option)))
        return read_given(file, settings, option, &key);
    key = settings.text(option);
    return read_array_file(key, usual_key);
}

void read_given_positions(RawScan& raw, const Hdf5File& file, const config::Settings& settings)
{
    raw.x = read_given(file, settings, "data.positions_x", &raw.x_key);
    raw.y = read_given(file, settings, "data.positions_y", &raw.y_key);
    if (raw.x.defined() && raw.y.defined())
        return;
    const bool apart = names_file(file, settings.text("data.positions"));
    const auto both = apart ? read_position_file(raw.x_key = settings.text("data.positions"))
                            : read_given(file, settings, "data.positions", &raw.x_key);
    require(both.defined(), Status::InvalidConfig,
            "{}: data.frames is given, so data.positions, or data.positions_x and data.positions_y, are needed too",
            raw.source);
    require(both.dim() == 2 && both.size(1) >= 2 && both.size(1) <= 3 && !both.is_complex(), Status::Shape,
            "{}: '{}' has shape {}, expected (frames, 2) or (frames, 3) with x first", raw.source, raw.x_key,
            base::shape_of(both));
    raw.y_key = raw.x_key;
    raw.x = both.select(1, 0);
    raw.y = both.select(1, 1);
}

/// The product that belongs to a diffraction file.
std::string product_of(const std::string& diffraction, const config::Settings& settings)
{
    if (!settings.text("data.product").empty())
        return settings.text("data.product");
    const auto folder = std::filesystem::path(diffraction).parent_path();
    for (const char* name : {"product-out.h5", "product-in.h5", "product.h5"}) {
        std::error_code code;
        if (std::filesystem::is_regular_file(folder / name, code))
            return (folder / name).string();
    }
    fail(Status::NotFound,
         "{}: is a diffraction file of ptychodus; its positions are in a product, and there is none beside it: give "
         "data.product",
         diffraction);
}

} // namespace

std::optional<double> positive_number(const Hdf5File& file, const std::string& name)
{
    if (!file.is_dataset(name))
        return std::nullopt;
    const double value = file.read_number(name);
    return value > 0 ? std::optional(value) : std::nullopt;
}

void read_hdf5_frames(RawScan& raw, const std::shared_ptr<const Hdf5File>& file, const config::Settings& settings)
{
    const auto type = file->type_name(raw.frames_key);
    require(type.starts_with("uint") || type.starts_with("int") || type.starts_with("float"), Status::Format,
            "{}: '{}' has type {}, expected real numbers", raw.source, raw.frames_key, type);
    const auto shape = file->shape(raw.frames_key);
    require(shape.size() == 3, Status::Shape, "{}: '{}' has shape {}, expected (frames, N, N)", raw.source,
            raw.frames_key, base::shape_text(shape));
    if (!settings.text("data.store").empty()) {
        raw.disk = hdf5_rows(file, raw.source, raw.frames_key);
        return;
    }
    if (stored_bytes(*file, raw.frames_key) <= settings.integer("data.memory_mib") << 20) {
        raw.frames = file->read(raw.frames_key);
        return;
    }
    require(settings.text("data.layout") != "hwn", Status::Unsupported,
            "{}: '{}' is larger than data.memory_mib = {} and would stay in the file, which needs its frames along the "
            "first axis",
            raw.source, raw.frames_key, settings.integer("data.memory_mib"));
    require(shape[0] > 0 && shape[1] > 0 && shape[2] > 0, Status::Shape,
            "{}: '{}' has shape {}, expected (frames, N, N)", raw.source, raw.frames_key, base::shape_text(shape));
    raw.disk = hdf5_rows(file, raw.source, raw.frames_key);
    raw.notes.push_back(fmt::format("the {} frames stay in the file (data.memory_mib = {})", shape[0],
                                    settings.integer("data.memory_mib")));
}

RawScan read_plain_hdf5_scan(const std::string& path, const config::Settings& settings)
{
    const auto file = std::make_shared<const Hdf5File>(Hdf5File::open(path));
    RawScan raw;
    raw.source = path;
    raw.frames_key = settings.text("data.frames");
    raw.stated = measurement_in_text(file->attribute(raw.frames_key, "units").value_or(""));
    read_given_positions(raw, *file, settings);
    read_hdf5_frames(raw, file, settings);
    raw.probe = given_array(*file, settings, "data.probe", "probeGuess", raw.probe_key);
    raw.object = given_array(*file, settings, "data.object", "objectGuess", raw.object_key);
    if (const auto mask = read_given(*file, settings, "data.mask"); mask.defined())
        raw.bad_pixels = mask.ne(0);
    return raw;
}

RawScan read_hdf5_scan(const std::string& path, const config::Settings& settings)
{
    if (!settings.text("data.frames").empty())
        return read_plain_hdf5_scan(path, settings);
    const auto file = Hdf5File::open(path);
    if (file.has("/chunks") && file.has("/meta"))
        return read_ptyd_scan(path, settings);
    if (file.is_dataset("/patterns"))
        return read_ptychodus_scan(path, product_of(path, settings), settings);
    require(!file.is_dataset("/probe_position_x_m"), Status::NotFound,
            "{}: is a product of ptychodus and holds no frames; open its diffraction file with data.product = {}", path,
            path);
    return read_cxi_scan(path, settings);
}

} // namespace ptk::data
