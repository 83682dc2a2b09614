#include "base/error.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <nlohmann/json.hpp>

namespace ptk::data {

namespace {

/// `_metadata` may say what the frames hold: {"measurement": "counts"} or {"units": {"diff3d": "photon counts"}}.
std::optional<Measurement> stated_measurement(const Npz& archive, const std::string& key)
{
    if (!archive.has("_metadata"))
        return std::nullopt;
    const auto metadata = nlohmann::json::parse(archive.read_text("_metadata"), nullptr, false);
    if (!metadata.is_object())
        return std::nullopt;
    std::string text;
    if (metadata.contains("measurement") && metadata["measurement"].is_string())
        text = metadata["measurement"].get<std::string>();
    else if (metadata.contains("units") && metadata["units"].is_object() && metadata["units"].contains(key) && metadata["units"][key].is_string())
        text = metadata["units"][key].get<std::string>();
    for (const auto measurement : {Measurement::Counts, Measurement::Intensity, Measurement::Amplitude})
        if (text.find(measurement_name(measurement)) != std::string::npos)
            return measurement;
    return std::nullopt;
}

at::Tensor required(const Npz& archive, const std::string& path, const std::string& key)
{
    require(archive.has(key), Status::NotFound, "{}: there is no array '{}'", path, key);
    return archive.read(key);
}

at::Tensor optional_array(const Npz& archive, const std::string& key)
{
    return archive.has(key) ? archive.read(key) : at::Tensor();
}

}  // namespace

RawScan read_npz_scan(const std::string& path, const config::Settings&)
{
    const auto archive = Npz::open(path);
    RawScan raw;
    raw.source = path;
    raw.frames_key = archive.has("diffraction") ? "diffraction" : "diff3d";
    require(archive.has(raw.frames_key), Status::NotFound, "{}: there are no frames ('diffraction' or 'diff3d')", path);
    raw.stated = stated_measurement(archive, raw.frames_key);
    raw.x = required(archive, path, "xcoords");
    raw.y = required(archive, path, "ycoords");
    raw.frames = archive.read(raw.frames_key);
    raw.probe = optional_array(archive, "probeGuess");
    raw.object = optional_array(archive, "objectGuess");
    return raw;
}

}  // namespace ptk::data
