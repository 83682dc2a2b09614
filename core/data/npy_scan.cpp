#include "base/error.h"
#include "data/npz.h"
#include "data/position_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>

namespace ptk::data {

namespace {

at::Tensor positions_of(const std::string& path, const std::string& file)
{
    try {
        return read_position_file(file);
    } catch (const Error& error) {
        fail(error.status(), "{}: data.positions: {}", path, error.message());
    }
}

} // namespace

RawScan read_npy_scan(const std::string& path, const config::Settings& settings)
{
    const auto file = [&](const char* option) -> const std::string& { return settings.text(option); };
    require(!file("data.positions").empty(), Status::NotFound,
            "{}: a single array; a scan needs positions too: give their file as data.positions (NPY, NPZ or text), and "
            "that of the probe as data.probe",
            path);
    RawScan raw;
    raw.source = path;
    raw.frames_key = "array";
    raw.x_key = raw.y_key = file("data.positions");
    const auto positions = positions_of(path, raw.x_key);
    raw.x = positions.select(1, 0).contiguous();
    raw.y = positions.select(1, 1).contiguous();
    if (!file("data.probe").empty())
        raw.probe = read_array_file(raw.probe_key = file("data.probe"), "probeGuess");
    if (!file("data.object").empty())
        raw.object = read_array_file(raw.object_key = file("data.object"), "objectGuess");
    if (!file("data.mask").empty())
        raw.bad_pixels = read_array_file(file("data.mask"), "mask").ne(0);
    if (!settings.text("data.store").empty())
        raw.notes.emplace_back("data.store is for NPZ and HDF5: the frames of an NPY file stay in memory");
    raw.frames = read_npy(path);
    return raw;
}

} // namespace ptk::data
