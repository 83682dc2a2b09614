#include "data/scan_writer.h"

#include "base/atomic_file.h"
#include "base/constants.h"
#include "base/error.h"
#include "data/experiments.h"
#include "data/hdf5_file.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

namespace ptk::data {

namespace {

/// Slabs of about 16 MiB of frames, in their order.
template <class Use> void for_slabs(const Scan& scan, const Use& use)
{
    const auto step = std::max<std::int64_t>(1, (std::int64_t{4} << 20) / (scan.side() * scan.side()));
    for (std::int64_t begin = 0; begin < scan.size(); begin += step)
        use(begin, scan.frames->gather(at::arange(begin, std::min(begin + step, scan.size()))));
}

/// The narrowest type that holds the frames exactly.
at::ScalarType stored_type(const Scan& scan)
{
    bool whole = true;
    double largest = 0;
    for_slabs(scan, [&](std::int64_t, const at::Tensor& frames) {
        whole = whole && at::floor(frames).eq(frames).all().item<bool>();
        largest = std::max(largest, frames.max().item<double>());
    });
    if (!whole || largest > 2147483520.0) // the last float32 below 2^31
        return at::kFloat;
    return largest <= 65535 ? at::kUInt16 : at::kInt;
}

double object_pixel(const Scan& scan, const char* format)
{
    const auto pixel = scan.geometry.object_pixel_m;
    require(pixel && *pixel > 0, Status::InvalidArgument,
            "{}: {} holds positions in metres, but the object pixel is not known; give data.pixel_size_m or write NPZ",
            scan.source, format);
    return *pixel;
}

/// (n, 2) metres; position (0, 0) where the scan says, else at 0 m.
at::Tensor metres(const Scan& scan, double pixel)
{
    const auto positions = scan.positions * pixel;
    return scan.position_origin_m.defined() ? positions + scan.position_origin_m : positions;
}

std::pair<double, double> origin(const Scan& scan)
{
    if (!scan.position_origin_m.defined())
        return {0, 0};
    return {scan.position_origin_m[0].item<double>(), scan.position_origin_m[1].item<double>()};
}

at::Tensor scalar(double value)
{
    return at::full({}, value, at::kDouble);
}

// ---- NPZ ----

std::string metadata(const Scan& scan)
{
    nlohmann::json json{{"measurement", measurement_name(scan.measurement)}, {"dc", "center"}, {"writer", "PtychoKit"}};
    const auto add = [&](const char* key, const std::optional<double>& value) {
        if (value)
            json[key] = *value;
    };
    add("energy_j", scan.geometry.energy_j);
    add("distance_m", scan.geometry.distance_m);
    add("detector_pixel_m", scan.geometry.detector_pixel_m);
    add("object_pixel_m", scan.geometry.object_pixel_m);
    if (const auto& way = scan.propagation; way.near_field())
        json["propagation"] = {{"propagator", propagator_name(way.kind)},
                               {"pixel_m", way.pixel_m},
                               {"wavelength_m", way.wavelength_m},
                               {"distance_m", way.distance_m}};
    return json.dump();
}

at::Tensor all_frames(const Scan& scan, at::ScalarType type, const std::string& path)
{
    auto frames = allocate({scan.size(), scan.side(), scan.side()}, type, path);
    for_slabs(scan, [&](std::int64_t begin, const at::Tensor& slab) {
        frames.slice(0, begin, begin + slab.size(0)).copy_(slab);
    });
    return frames;
}

void write_npz_scan(const Scan& scan, const std::string& path)
{
    const auto x = scan.positions.select(1, 0).contiguous(), y = scan.positions.select(1, 1).contiguous();
    std::vector<std::pair<std::string, at::Tensor>> arrays{
        {"diff3d", all_frames(scan, stored_type(scan), path)},
        {"xcoords", x},
        {"ycoords", y},
        {"xcoords_start", x},
        {"ycoords_start", y},
        {"scan_index", at::zeros({scan.size()}, at::kLong)},
    };
    if (scan.probe.defined())
        arrays.emplace_back("probeGuess", scan.probe.size(0) == 1 ? scan.probe[0] : scan.probe);
    if (scan.object.defined())
        arrays.emplace_back("objectGuess", scan.object);
    if (scan.bad_pixels.defined())
        arrays.emplace_back("bad_pixels", scan.bad_pixels);
    write_npz(path, arrays, {{"_metadata", metadata(scan)}});
}

// ---- HDF5 ----

void write_frames(Hdf5File& file, const std::string& name, const Scan& scan)
{
    const auto type = stored_type(scan);
    file.create_rows(name, {scan.size(), scan.side(), scan.side()}, type);
    for_slabs(scan,
              [&](std::int64_t begin, const at::Tensor& frames) { file.write_rows(name, begin, frames.to(type)); });
}

void write_known(Hdf5File& file, const std::string& name, const std::optional<double>& value)
{
    if (value)
        file.write(name, scalar(*value));
}

/// CXI 1.5: Maia, Nature Methods 9, 854 (2012).
void write_cxi(const Scan& scan, const std::string& path)
{
    const double pixel = object_pixel(scan, "CXI");
    auto file = Hdf5File::create(path);
    const std::string entry = "/entry_1", detector = entry + "/instrument_1/detector_1",
                      source = entry + "/instrument_1/source_1", image = entry + "/image_1";
    file.write("/cxi_version", at::full({}, 150, at::kInt));
    write_frames(file, detector + "/data", scan);
    file.set_attribute(detector + "/data", "units", measurement_name(scan.measurement));
    write_propagation(file, detector + "/data", scan.propagation);
    write_known(file, detector + "/distance", scan.geometry.distance_m);
    write_known(file, detector + "/x_pixel_size", scan.geometry.detector_pixel_m);
    write_known(file, detector + "/y_pixel_size", scan.geometry.detector_pixel_m);
    write_known(file, source + "/energy", scan.geometry.energy_j);
    if (scan.bad_pixels.defined())
        file.write(detector + "/mask", scan.bad_pixels.to(at::kInt)); // 0 is a good pixel
    const auto xy = metres(scan, pixel);
    file.write(entry + "/sample_1/geometry_1/translation",
               at::stack({xy.select(1, 0), xy.select(1, 1), at::zeros_like(xy.select(1, 0))}, 1));
    file.link(detector + "/data", entry + "/data_1/data");
    file.link(entry + "/sample_1/geometry_1/translation", entry + "/data_1/translation");
    if (scan.probe.defined())
        file.write(source + "/probe", scan.probe);
    if (scan.object.defined()) {
        file.write(image + "/data", scan.object);
        const auto [x, y] = origin(scan);
        file.set_attribute(image + "/data", "origin_x_m", x); // of index (0, 0), as the translations
        file.set_attribute(image + "/data", "origin_y_m", y);
    }
    // Ours: the object pixel for readers that do not know energy, distance and detector pixel.
    file.set_attribute(entry + "/sample_1/geometry_1/translation", "object_pixel_m", pixel);
    file.close();
}

void write_diffraction(const Scan& scan, const std::string& path)
{
    auto file = Hdf5File::create(path);
    write_frames(file, "/patterns", scan);
    if (scan.geometry.detector_pixel_m)
        for (const char* name : {"detector_pixel_width_m", "detector_pixel_height_m"})
            file.set_attribute("/patterns", name, *scan.geometry.detector_pixel_m);
    file.set_attribute("/patterns", "units", measurement_name(scan.measurement));
    write_propagation(file, "/patterns", scan.propagation);
    file.write("/indexes", at::arange(scan.size()));
    file.write_booleans("/bad_pixels",
                        scan.bad_pixels.defined() ? scan.bad_pixels : at::zeros({scan.side(), scan.side()}, at::kBool));
    file.close();
}

/// Ones around all patches; @p x and @p y move with its index (0, 0).
at::Tensor empty_object(const Scan& scan, double pixel, double& x, double& y)
{
    const auto low = at::floor(std::get<0>(scan.positions.min(0))) - static_cast<double>(scan.side() / 2 + 1);
    const auto sides =
        at::floor(std::get<0>(scan.positions.max(0))) - low + static_cast<double>(scan.side() - scan.side() / 2 + 2);
    x += pixel * low[0].item<double>();
    y += pixel * low[1].item<double>();
    return at::ones(
        {static_cast<std::int64_t>(sides[1].item<double>()), static_cast<std::int64_t>(sides[0].item<double>())},
        at::kComplexFloat);
}

void write_product(const Scan& scan, const std::string& path)
{
    const double pixel = object_pixel(scan, "a product of ptychodus");
    const auto xy = metres(scan, pixel);
    auto file = Hdf5File::create(path);
    file.write("/probe_position_indexes", at::arange(scan.size()));
    file.write("/probe_position_x_m", xy.select(1, 0));
    file.write("/probe_position_y_m", xy.select(1, 1));
    file.write("/probe", scan.probe.unsqueeze(0)); // (coherent, incoherent, N, N)
    auto [x, y] = origin(scan);
    const auto object = scan.object.defined() ? scan.object : empty_object(scan, pixel, x, y);
    file.write("/object", object.unsqueeze(0));
    file.write("/object_layer_spacing_m", at::zeros({0}, at::kDouble));
    file.write("/loss_epochs", at::zeros({0}, at::kLong));
    file.write("/loss_values", at::zeros({0}, at::kDouble));
    for (const char* name : {"/probe", "/object"})
        for (const char* axis : {"pixel_width_m", "pixel_height_m"})
            file.set_attribute(name, axis, pixel);
    file.set_attribute("/object", "center_x_m", x + pixel * static_cast<double>(object.size(1)) / 2);
    file.set_attribute("/object", "center_y_m", y + pixel * static_cast<double>(object.size(0)) / 2);
    file.set_str_attribute("/", "name", std::filesystem::path(scan.source).stem().string());
    file.set_str_attribute("/", "comments", "written by PtychoKit");
    const auto counts = scan.measurement == Measurement::Counts ? mean_power(scan) : 0.0;
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, double>>{
             {"detector_object_distance_m", scan.geometry.distance_m.value_or(0)},
             {"probe_energy_eV", scan.geometry.energy_j.value_or(0) / base::joule_per_ev},
             {"probe_photon_count", counts},
             {"exposure_time_s", 0},
             {"mass_attenuation_m2_kg", 0},
             {"tomography_angle_deg", 0}})
        file.set_attribute("/", name, value);
    file.close();
}

/// A folder that appears under its name when all that @p fill writes into it is whole.
void write_folder(const std::string& path, const std::function<void(const std::string& folder)>& fill)
{
    namespace fs = std::filesystem;
    std::error_code code;
    require(!fs::exists(path, code), Status::Exists, "{}: is there already; remove it or choose another name", path);
    std::string temporary = path + ".XXXXXX";
    require(::mkdtemp(temporary.data()) != nullptr, Status::Io, "{}: cannot make a folder beside it: {}", path,
            std::strerror(errno));
    fs::permissions(temporary,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                        fs::perms::others_exec,
                    code);
    try {
        fill(temporary);
        fs::rename(temporary, path, code);
        require(!code, Status::Io, "{}: cannot rename the finished folder to it: {}", path, code.message());
    } catch (...) {
        fs::remove_all(temporary, code);
        throw;
    }
}

void write_ptychodus(const Scan& scan, const std::string& path)
{
    require(scan.probe.defined(), Status::InvalidArgument, "{}: a product of ptychodus needs a probe", scan.source);
    object_pixel(scan, "a product of ptychodus");
    write_folder(path, [&](const std::string& folder) {
        base::write_atomically(folder + "/diffraction.h5",
                               [&](const std::string& file) { write_diffraction(scan, file); });
        base::write_atomically(folder + "/product-in.h5", [&](const std::string& file) { write_product(scan, file); });
    });
}

/// One NPZ file for each, in the order of their names.
void write_experiments(const Scan& scan, const std::string& path)
{
    const auto count = experiment_count(scan);
    const auto digits = std::to_string(count).size();
    write_folder(path, [&](const std::string& folder) {
        for (std::int64_t i = 0; i < count; ++i)
            write_npz_scan(apart(scan, i), fmt::format("{}/experiment_{:0{}}.npz", folder, i + 1, digits));
    });
}

} // namespace

ScanFormat scan_format(const std::string& name, const std::string& path)
{
    if (name == "npz")
        return ScanFormat::Npz;
    if (name == "cxi")
        return ScanFormat::Cxi;
    if (name == "ptychodus")
        return ScanFormat::Ptychodus;
    require(name == "auto", Status::InvalidArgument, "format: '{}' is none of auto, npz, cxi, ptychodus", name);
    const auto suffix = std::filesystem::path(path).extension().string();
    if (suffix == ".npz")
        return ScanFormat::Npz;
    if (suffix == ".cxi" || suffix == ".h5" || suffix == ".hdf5")
        return ScanFormat::Cxi;
    require(suffix.empty(), Status::InvalidArgument,
            "{}: the format of '{}' is not known; use .npz, .cxi, .h5 or .hdf5, a folder for ptychodus, or say which",
            path, suffix);
    return ScanFormat::Folder;
}

void write_scan(const Scan& scan, const std::string& path, ScanFormat format)
{
    if (format == ScanFormat::Folder && !scan.experiments.empty())
        return write_experiments(scan, path);
    require_one_experiment(scan);
    if (format == ScanFormat::Ptychodus || format == ScanFormat::Folder)
        return write_ptychodus(scan, path);
    if (format == ScanFormat::Npz)
        return write_npz_scan(scan, path);
    object_pixel(scan, "CXI"); // before anything is written
    base::write_atomically(path, [&](const std::string& temporary) { write_cxi(scan, temporary); });
}

} // namespace ptk::data
