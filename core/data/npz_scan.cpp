#include "base/error.h"
#include "base/json.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace ptk::data {

namespace {

using Json = nlohmann::json;

/// The JSON object of '_metadata', or null.
Json metadata_of(const Npz& archive, std::vector<std::string>& notes)
{
    if (!archive.has("_metadata"))
        return nullptr;
    if (archive.header("_metadata").type.ends_with('O')) {
        notes.push_back("'_metadata' is a Python object (pickle) and is not read");
        return nullptr;
    }
    auto metadata = base::parse_json(archive.read_text("_metadata"));
    if (!metadata.is_object()) {
        notes.push_back("'_metadata' is not a JSON object and is not read");
        return nullptr;
    }
    return metadata;
}

std::string text_at(const Json& object, const std::string& key)
{
    return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>()
                                                                                 : std::string();
}

/// {"measurement": "photon counts"} or {"units": {"diff3d": "photon counts"}}.
std::optional<Measurement> stated_measurement(const Json& metadata, const std::string& frames_key)
{
    if (!metadata.is_object())
        return std::nullopt;
    const auto direct = text_at(metadata, "measurement");
    return measurement_in_text(direct.empty() ? text_at(metadata.value("units", Json()), frames_key) : direct);
}

std::string frames_key_of(const Npz& archive, const std::string& path)
{
    for (const auto* key : {"diffraction", "diff3d"})
        if (archive.has(key))
            return key;
    const auto names = archive.names();
    const std::vector<std::string> shown(
        names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(names.size(), 20)));
    fail(Status::NotFound, "{}: there are no frames ('diffraction' or 'diff3d'), only {}", path,
         shown.empty() ? "an empty archive" : fmt::format("'{}'", fmt::join(shown, "', '")));
}

std::optional<double> length_at(const Json& object, const std::string& key)
{
    if (!object.is_object() || !object.contains(key) || !object[key].is_number() || !(object[key].get<double>() > 0))
        return std::nullopt;
    return object[key].get<double>();
}

/// As write_scan() states it; the far field where nothing is said.
Propagation stated_propagation(const Json& metadata, const std::string& path)
{
    if (!metadata.is_object() || !metadata.contains("propagation"))
        return {};
    const auto& stated = metadata["propagation"];
    const auto number = [&](const char* key) {
        const bool known = stated.is_object() && stated.contains(key) && stated[key].is_number();
        return known ? stated[key].get<double>() : 0;
    };
    return checked_propagation(text_at(stated, "propagator"), number("pixel_m"), number("wavelength_m"),
                               number("distance_m"), path + ": '_metadata': propagation");
}

/// PtychoPINN's mapped loader wants 'label'; its documents name 'Y'.
void read_labels(RawScan& raw, const Npz& archive)
{
    for (const char* key : {"label", "Y"}) {
        if (!archive.has(key) || archive.header(key).shape.size() != 3)
            continue;
        raw.labels = archive.read(key);
        raw.notes.push_back(fmt::format("the object around each frame is taken from '{}'", key));
        return;
    }
}

at::Tensor optional_object(const Npz& archive, std::vector<std::string>& notes)
{
    if (!archive.has("objectGuess"))
        return {};
    if (!archive.header("objectGuess").type.ends_with('O'))
        return archive.read("objectGuess");
    notes.push_back(
        "'objectGuess' is a Python object (pickle) and is not read"); // numpy.savez(objectGuess=None) makes one
    return {};
}

} // namespace

RawScan read_npz_scan(const std::string& path, const config::Settings& settings)
{
    const auto archive = Npz::open(path);
    RawScan raw;
    raw.source = path;
    raw.frames_key = frames_key_of(archive, path);
    raw.x_key = "xcoords";
    raw.y_key = "ycoords";
    raw.probe_key = "probeGuess";
    raw.object_key = "objectGuess";
    const auto metadata = metadata_of(archive, raw.notes);
    raw.stated = stated_measurement(metadata, raw.frames_key);
    raw.corner = text_at(metadata, "dc").find("corner") != std::string::npos;
    raw.geometry.energy_j = length_at(metadata, "energy_j");
    raw.geometry.distance_m = length_at(metadata, "distance_m");
    raw.geometry.detector_pixel_m = length_at(metadata, "detector_pixel_m");
    raw.geometry.object_pixel_m = length_at(metadata, "object_pixel_m");
    raw.propagation = stated_propagation(metadata, path);
    if (archive.has("bad_pixels"))
        raw.bad_pixels = archive.read("bad_pixels").ne(0);
    raw.x = archive.read(raw.x_key);
    raw.y = archive.read(raw.y_key);
    if (settings.text("data.store").empty())
        raw.frames = archive.read(raw.frames_key);
    else
        raw.disk = npz_rows(path, raw.frames_key);
    if (archive.has(raw.probe_key))
        raw.probe = archive.read(raw.probe_key);
    raw.object = optional_object(archive, raw.notes);
    if (settings.text("training.loss") == "supervised")
        read_labels(raw, archive);
    return raw;
}

} // namespace ptk::data
