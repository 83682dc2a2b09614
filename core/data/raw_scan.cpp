#include "data/raw_scan.h"

#include "base/error.h"
#include "base/text.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace ptk::data {

namespace {

constexpr double planck_j_s = 6.62607015e-34;        // CODATA 2018, exact
constexpr double light_speed_m_s = 299792458.0;      // exact

std::string shape_of(const at::Tensor& tensor)
{
    return base::shape_text({tensor.sizes().begin(), tensor.sizes().end()});
}

bool frames_last(const at::Tensor& frames, std::int64_t positions, const std::string& option)
{
    if (option != "auto")
        return option == "hwn";
    const auto s0 = frames.size(0);
    const auto s1 = frames.size(1);
    const auto s2 = frames.size(2);
    const bool first_square = s1 == s2;
    const bool last_square = s0 == s1;
    if (first_square != last_square)
        return last_square;
    if ((s0 == positions) != (s2 == positions))
        return s2 == positions;
    if ((s0 < positions) != (s2 < positions))
        return s2 < positions;
    return s2 > std::max(s0, s1);
}

void check_axis(const RawScan& raw, const at::Tensor& axis, const std::string& key)
{
    require(axis.dim() == 1, Status::Shape, "{}: '{}' has shape {}, expected one number for each frame", raw.source, key, shape_of(axis));
    require(!axis.is_complex(), Status::Format, "{}: '{}' is complex, expected real positions", raw.source, key);
}

/// Positions as doubles, one axis each, finite.
void arrange_positions(RawScan& raw)
{
    check_axis(raw, raw.x, raw.x_key);
    check_axis(raw, raw.y, raw.y_key);
    require(raw.x.size(0) == raw.y.size(0), Status::Shape, "{}: {} positions in '{}', but {} in '{}'", raw.source, raw.x.size(0), raw.x_key, raw.y.size(0), raw.y_key);
    raw.x = raw.x.to(at::kDouble);
    raw.y = raw.y.to(at::kDouble);
}

void arrange_frames(RawScan& raw, const config::Settings& settings)
{
    require(raw.frames.dim() == 3, Status::Shape, "{}: '{}' has shape {}, expected (frames, N, N)", raw.source, raw.frames_key, shape_of(raw.frames));
    require(!raw.frames.is_complex(), Status::Format, "{}: '{}' is complex, expected real counts, intensities or amplitudes", raw.source, raw.frames_key);
    // LibTorch has few operations on wide unsigned numbers.
    if (raw.frames.scalar_type() == at::kUInt32 || raw.frames.scalar_type() == at::kUInt64)
        raw.frames = raw.frames.to(at::kLong);
    if (frames_last(raw.frames, raw.x.size(0), settings.text("data.layout"))) {
        raw.notes.push_back(fmt::format("'{}' has its frames along the last axis, {}", raw.frames_key, shape_of(raw.frames)));
        raw.frames = raw.frames.permute({2, 0, 1});
    }
    require(raw.frames.size(0) > 0, Status::Shape, "{}: '{}' has no frames", raw.source, raw.frames_key);
    require(raw.frames.size(1) == raw.frames.size(2) && raw.frames.size(1) > 1, Status::Shape, "{}: '{}' has frames of {} x {}, expected square ones", raw.source, raw.frames_key, raw.frames.size(1),
            raw.frames.size(2));
    if (raw.corner)
        raw.frames = at::roll(raw.frames, {raw.frames.size(1) / 2, raw.frames.size(2) / 2}, {1, 2});
    raw.frames = raw.frames.contiguous();
}

std::int64_t slab_of(const at::Tensor& frames)
{
    return std::max<std::int64_t>(1, (std::int64_t{8} << 20) / (frames.size(1) * frames.size(2)));
}

template <class Action> void for_slabs(const at::Tensor& frames, const Action& action)
{
    const auto step = slab_of(frames);
    for (std::int64_t begin = 0; begin < frames.size(0); begin += step)
        action(frames.slice(0, begin, std::min(begin + step, frames.size(0))), begin);
}

void check_numbers(const RawScan& raw)
{
    const auto type = raw.frames.scalar_type();
    if (type == at::kByte || type == at::kBool || type == at::kUInt16)
        return;
    for_slabs(raw.frames, [&](const at::Tensor& slab, std::int64_t begin) {
        const auto first = [&](const at::Tensor& bad) { return begin + at::nonzero(bad.flatten(1).any(1)).min().item<std::int64_t>(); };
        if (!at::isfinite(slab).all().item<bool>())
            fail(Status::Format, "{}: '{}' has NaN or infinite values, first in frame {}; mask or repair these pixels", raw.source, raw.frames_key, first(~at::isfinite(slab)));
        if (slab.min().item<double>() < 0)
            fail(Status::Format, "{}: '{}' has negative values, first in frame {}; counts, intensities and amplitudes are not negative", raw.source, raw.frames_key, first(slab < 0));
    });
}

bool has_fractions(const at::Tensor& frames)
{
    bool fractions = false;
    for_slabs(frames, [&](const at::Tensor& slab, std::int64_t) { fractions = fractions || !at::floor(slab).eq(slab).all().item<bool>(); });
    return fractions;
}

Measurement decide_measurement(RawScan& raw, const config::Settings& settings)
{
    const auto& option = settings.text("data.measurement");
    if (option != "auto")
        return measurement_from_name(option);
    if (raw.stated) {
        raw.notes.push_back(fmt::format("the file says that '{}' holds {}", raw.frames_key, measurement_name(*raw.stated)));
        return *raw.stated;
    }
    const auto sample = raw.frames.defined() ? raw.frames : raw.disk->gather(at::arange(std::min<std::int64_t>(raw.disk->size(), 16)));
    const bool amplitude = sample.is_floating_point() && has_fractions(sample);
    raw.notes.push_back(fmt::format("'{}' is taken as {}, because its values {}; set data.measurement if it is something else", raw.frames_key, amplitude ? "amplitudes" : "photon counts",
                                    amplitude ? "have fractions" : "are whole numbers"));
    return amplitude ? Measurement::Amplitude : Measurement::Counts;
}

void check_finite(const RawScan& raw, const at::Tensor& axis, const std::string& key)
{
    const auto finite = at::isfinite(axis);
    if (!finite.all().item<bool>())
        fail(Status::Format, "{}: '{}' has a number that is not finite, first for frame {}", raw.source, key, at::nonzero(~finite).min().item<std::int64_t>());
}

at::Tensor checked_positions(RawScan& raw, std::int64_t frames)
{
    require(raw.x.size(0) >= frames, Status::Shape, "{}: {} positions in '{}' for {} frames in '{}'", raw.source, raw.x.size(0), raw.x_key, frames, raw.frames_key);
    check_finite(raw, raw.x.slice(0, 0, frames), raw.x_key);
    check_finite(raw, raw.y.slice(0, 0, frames), raw.y_key);
    if (raw.x.size(0) > frames)
        raw.notes.push_back(fmt::format("{} positions for {} frames: the last {} positions are dropped", raw.x.size(0), frames, raw.x.size(0) - frames));
    return at::stack({raw.x.slice(0, 0, frames), raw.y.slice(0, 0, frames)}, 1);
}

double object_pixel(const RawScan& raw, const config::Settings& settings, std::int64_t side)
{
    if (settings.has("data.pixel_size_m"))
        return settings.number("data.pixel_size_m");
    const auto& g = raw.geometry;
    if (g.object_pixel_m)
        return *g.object_pixel_m;
    if (!g.energy_j || !g.distance_m || !g.detector_pixel_m)
        return 0;
    const double pixel = planck_j_s * light_speed_m_s / *g.energy_j * *g.distance_m / (static_cast<double>(side) * *g.detector_pixel_m);
    return std::isfinite(pixel) && pixel > 0 ? pixel : 0;
}

void to_pixels(Scan& scan, double pixel)
{
    require(pixel > 0, Status::InvalidConfig, "{}: positions are in metres, but energy, distance and detector pixel are not in the file; give data.pixel_size_m", scan.source);
    auto pixels = scan.positions / pixel;
    // The first patch begins at pixel 1, which leaves a border for sub-pixel work.
    const auto offset = 1.0 + static_cast<double>(scan.side() / 2) - std::get<0>(pixels.min(0));
    scan.positions = (pixels + offset).contiguous();
    scan.position_origin_m = -offset * pixel;
    scan.notes.push_back(fmt::format("positions in metres became pixels of {:.4g} nm", pixel * 1e9));
}

at::Tensor probe_modes(const RawScan& raw, std::int64_t side)
{
    if (!raw.probe.defined())
        return {};
    require(raw.probe.is_complex(), Status::Format, "{}: '{}' has type {}, expected complex numbers", raw.source, raw.probe_key, c10::toString(raw.probe.scalar_type()));
    auto probe = raw.probe.to(at::kComplexFloat);
    if (probe.dim() == 3 && probe.size(2) == 1 && side > 1)
        probe = probe.squeeze(2);
    if (probe.dim() == 2)
        probe = probe.unsqueeze(0);
    require(probe.dim() == 3 && probe.size(1) == side && probe.size(2) == side, Status::Shape,
            "{}: '{}' has shape {}, but the frames are {} x {}; resample the probe or crop the frames", raw.source, raw.probe_key, shape_of(raw.probe), side, side);
    return probe.contiguous();
}

at::Tensor object_frame(const RawScan& raw)
{
    if (!raw.object.defined())
        return {};
    require(raw.object.dim() == 2, Status::Shape, "{}: '{}' has shape {}, expected (rows, columns)", raw.source, raw.object_key, shape_of(raw.object));
    return raw.object.to(at::kComplexFloat).contiguous();
}

Scan inside(Scan scan, const config::Settings& settings)
{
    const auto x = settings.pair("data.x_bounds");
    const auto y = settings.pair("data.y_bounds");
    const auto kept = inside_bounds(scan.positions, x, y);
    if (kept.size(0) == scan.size())
        return scan;
    require(kept.size(0) > 0, Status::Shape, "{}: no scan point lies inside data.x_bounds [{}, {}] and data.y_bounds [{}, {}]", scan.source, x.first, x.second, y.first, y.second);
    const auto all = scan.size();
    scan = subset(scan, kept);
    scan.notes.push_back(fmt::format("{} of {} frames lie inside the bounds", kept.size(0), all));
    return scan;
}

}  // namespace

std::optional<Measurement> measurement_in_text(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto says = [&](const char* word) { return text.find(word) != std::string::npos; };
    if (says("amplitude") || says("sqrt") || says("square root"))  // of counts or intensities
        return Measurement::Amplitude;
    if (says("count"))
        return Measurement::Counts;
    return says("intensit") ? std::optional(Measurement::Intensity) : std::nullopt;
}

Scan finish_scan(RawScan raw, const config::Settings& settings, Log& log)
{
    require(raw.x.defined() && raw.y.defined(), Status::NotFound, "{}: there are no positions", raw.source);
    if (settings.text("data.dc") != "auto")
        raw.corner = settings.text("data.dc") == "corner";
    arrange_positions(raw);
    if (!raw.disk) {
        arrange_frames(raw, settings);
        check_numbers(raw);
    }
    Scan scan;
    scan.source = raw.source;
    scan.measurement = decide_measurement(raw, settings);
    scan.frames = raw.disk ? raw.disk : frames_in_memory(raw.frames);
    scan.positions = checked_positions(raw, scan.size());
    scan.probe = probe_modes(raw, scan.side());
    scan.object = object_frame(raw);
    scan.geometry = raw.geometry;
    const double pixel = object_pixel(raw, settings, scan.side());
    if (pixel > 0)
        scan.geometry.object_pixel_m = pixel;
    scan.notes = std::move(raw.notes);
    const auto& unit = settings.text("data.position_unit");
    if (unit == "metre" || (unit == "auto" && raw.metres))
        to_pixels(scan, pixel);
    scan = inside(std::move(scan), settings);
    check_scan(scan);
    for (const auto& note : scan.notes)
        log.info("data", "{}: {}", scan.source, note);
    return scan;
}

FileKind file_kind(const std::string& path)
{
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    require(std::filesystem::exists(status), Status::Io, "{}: no such file", path);
    require(std::filesystem::is_regular_file(status), Status::Io, "{}: not a file", path);
    std::ifstream stream(path, std::ios::binary);
    require(stream.good(), Status::Io, "{}: cannot be read", path);
    std::array<char, 8> bytes{};
    stream.read(bytes.data(), bytes.size());
    const auto starts = [&](const char* magic, std::size_t size) { return std::memcmp(bytes.data(), magic, size) == 0; };
    if (starts("PK\3\4", 4) || starts("PK\5\6", 4))
        return FileKind::Npz;
    if (starts("\x93NUMPY", 6))
        return FileKind::Npy;
    return starts("\x89HDF\r\n\x1a\n", 8) ? FileKind::Hdf5 : FileKind::Other;
}

}  // namespace ptk::data
