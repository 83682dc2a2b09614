#include "base/constants.h"
#include "base/error.h"
#include "data/experiments.h"
#include "data/hdf5_file.h"
#include "data/neighbours.h"
#include "data/npz.h"
#include "data/raw_scan.h"
#include "data/readers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace ptk::data {

namespace {

using Json = nlohmann::json;

Json npz_arrays(const std::string& path)
{
    const auto archive = Npz::open(path);
    Json list = Json::array();
    for (const auto& name : archive.names()) {
        const auto header = archive.header(name);
        list.push_back({{"name", name}, {"type", header.type}, {"shape", header.shape}});
    }
    return list;
}

constexpr std::size_t most_arrays = 500;

Json hdf5_arrays(const Hdf5File& file)
{
    Json list = Json::array();
    for (const auto& name : file.datasets(most_arrays))
        list.push_back({{"name", name}, {"type", file.type_name(name)}, {"shape", file.shape(name)}});
    return list;
}

/// Names in a file may be any bytes.
std::string text_of(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json positions_json(const Scan& scan)
{
    const auto low = std::get<0>(scan.positions.min(0));
    const auto high = std::get<0>(scan.positions.max(0));
    Json json{{"x", {low[0].item<double>(), high[0].item<double>()}},
              {"y", {low[1].item<double>(), high[1].item<double>()}}};
    if (scan.size() < 2)
        return json;
    const auto nearest = nearest_neighbours(scan.positions, 2).select(1, 1);
    const auto distance = (scan.positions - scan.positions.index_select(0, nearest)).square().sum(1).sqrt();
    json["nearest_neighbour"] = distance.mean().item<double>();
    return json;
}

Json scan_json(const Scan& scan)
{
    Json json{{"frames", scan.size()},
              {"side", scan.side()},
              {"measurement", measurement_name(scan.measurement)},
              {"in_file", scan.frames->on_disk()},
              {"positions_px", positions_json(scan)}};
    json["mean_power"] = mean_power(scan);
    if (scan.probe.defined())
        json["probe"] = {{"modes", scan.probe.size(0)},
                         {"power", scan.probe.abs().square().sum(at::kDouble).item<double>()}};
    std::int64_t number = 0;
    for (const auto& experiment : scan.experiments)
        json["experiments"].push_back({{"source", experiment.source},
                                       {"frames", frames_of_experiment(scan, number++).size(0)},
                                       {"probe", experiment.probe.defined()}});
    if (scan.bad_pixels.defined())
        json["bad_pixels"] = scan.bad_pixels.sum().item<std::int64_t>();
    if (scan.object.defined())
        json["object_frame"] = {scan.object.size(0), scan.object.size(1)};
    if (scan.geometry.object_pixel_m)
        json["object_pixel_m"] = *scan.geometry.object_pixel_m;
    if (scan.geometry.energy_j)
        json["energy_ev"] = *scan.geometry.energy_j / base::joule_per_ev;
    if (scan.geometry.distance_m)
        json["distance_m"] = *scan.geometry.distance_m;
    if (scan.geometry.detector_pixel_m)
        json["detector_pixel_m"] = *scan.geometry.detector_pixel_m;
    if (scan.propagation.near_field()) {
        json["propagator"] = propagator_name(scan.propagation.kind);
        json["fresnel_number"] = scan.propagation.fresnel_number();
    }
    return json;
}

Json suggestions(const Scan& scan, const Json& described)
{
    Json list = Json::array();
    if (!scan.probe.defined())
        list.push_back("there is no probe guess: a probe is needed to train or to refine");
    if (scan.measurement == Measurement::Intensity)
        list.push_back("intensities are counts up to a factor: the Poisson loss needs counts");
    const auto spacing = described["positions_px"].value("nearest_neighbour", 0.0);
    if (spacing > 0.5 * static_cast<double>(scan.side()))
        list.push_back(
            "neighbouring frames are more than half a frame apart: little overlap, a poor picture is likely");
    if (scan.side() % 4 != 0)
        list.push_back("the side of the frames is not divisible by 4, which physics_unet needs: crop the frames");
    return list;
}

const char* hdf5_layout(const std::string& path, const config::Settings& settings)
{
    if (!settings.text("data.frames").empty())
        return "scan, HDF5 by the paths of data.frames and its kin";
    const auto file = Hdf5File::open(path);
    if (file.has("/chunks"))
        return "scan, PtyPy (.ptyd)";
    return file.is_dataset("/patterns") ? "scan, ptychodus (diffraction and product)" : "scan, HDF5 in CXI layout";
}

void add_scan(Json& json, const Scan& scan, const Advise& advise)
{
    json["scan"] = scan_json(scan);
    json["notes"] = scan.notes;
    json["suggestions"] = suggestions(scan, json["scan"]);
    for (const auto& more : advise ? advise(scan) : std::vector<std::string>())
        json["suggestions"].push_back(more);
}

std::string describe_folder(const std::string& path, const config::Settings& settings, Log& log, const Advise& advise)
{
    Json json{{"file", path}, {"kind", "scan, folder"}};
    add_scan(json, read_scan(path, settings, log), advise);
    return text_of(json);
}

} // namespace

std::string describe_file(const std::string& path, const config::Settings& settings, Log& log, const Advise& advise)
{
    std::error_code code;
    if (std::filesystem::is_directory(path, code))
        return describe_folder(path, settings, log, advise);
    const auto kind = file_kind(path);
    require(kind != FileKind::Other, Status::Format, "{}: neither NPZ, NPY nor HDF5", path);
    Json json{{"file", path}, {"bytes", std::filesystem::file_size(path)}};
    if (kind == FileKind::Npy) {
        const auto array = read_npy(path);
        json["arrays"] =
            Json::array({{{"name", "array"},
                          {"type", std::string(array.dtype().name())},
                          {"shape", std::vector<std::int64_t>(array.sizes().begin(), array.sizes().end())}}});
        json["kind"] = "array";
        if (!settings.text("data.positions").empty()) {
            json["kind"] = "scan, NPY with positions in a file of their own";
            add_scan(json, read_scan(path, settings, log), advise);
        }
        return text_of(json);
    }
    if (kind == FileKind::Npz) {
        json["arrays"] = npz_arrays(path);
    } else {
        const auto file = Hdf5File::open(path);
        json["arrays"] = hdf5_arrays(file);
        if (const auto ours = file.attribute("/", "ptychokit_kind")) {
            json["kind"] = *ours;
            return text_of(json);
        }
    }
    try {
        const auto scan = read_scan(path, settings, log);
        json["kind"] = kind == FileKind::Npz ? "scan, NPZ in PtychoPINN's layout" : hdf5_layout(path, settings);
        add_scan(json, scan, advise);
    } catch (const Error& error) {
        // A file that is no scan still has something in it to show.
        if (error.status() != Status::NotFound)
            throw;
        json["kind"] = kind == FileKind::Npz ? "NPZ archive" : "HDF5 file";
        json["notes"] = {error.message()};
    }
    return text_of(json);
}

} // namespace ptk::data
