#include "data/raw_scan.h"

#include "base/choices.h"
#include "base/constants.h"
#include "base/error.h"
#include "base/random.h"
#include "base/shape.h"
#include "data/detector_steps.h"
#include "data/disk_frames.h"
#include "data/frame_numbers.h"
#include "data/frame_store.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
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

using Shape = std::vector<std::int64_t>;

bool frames_last(const Shape& frames, std::int64_t positions, const std::string& option)
{
    if (option != "auto")
        return option == "hwn";
    const auto s0 = frames[0], s1 = frames[1], s2 = frames[2];
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
    require(axis.dim() == 1, Status::Shape, "{}: '{}' has shape {}, expected one number for each frame", raw.source,
            key, base::shape_of(axis));
    require(!axis.is_complex(), Status::Format, "{}: '{}' is complex, expected real positions", raw.source, key);
}

/// Positions as doubles, one axis each, finite.
void arrange_positions(RawScan& raw)
{
    check_axis(raw, raw.x, raw.x_key);
    check_axis(raw, raw.y, raw.y_key);
    require(raw.x.size(0) == raw.y.size(0), Status::Shape, "{}: {} positions in '{}', but {} in '{}'", raw.source,
            raw.x.size(0), raw.x_key, raw.y.size(0), raw.y_key);
    raw.x = raw.x.to(at::kDouble);
    raw.y = raw.y.to(at::kDouble);
}

/// Frames first, in a type that LibTorch works with.
void arrange_frames(RawScan& raw, const config::Settings& settings)
{
    const auto shape = raw.frames_shape();
    const auto type = raw.disk ? raw.disk->type() : raw.frames.scalar_type();
    require(shape.size() == 3, Status::Shape, "{}: '{}' has shape {}, expected (frames, N, N)", raw.source,
            raw.frames_key, base::shape_text(shape));
    require(!c10::isComplexType(type), Status::Format,
            "{}: '{}' is complex, expected real counts, intensities or amplitudes", raw.source, raw.frames_key);
    // LibTorch has few operations on wide unsigned numbers.
    if (type == at::kUInt32 || type == at::kUInt64)
        raw.frames = raw.frames.to(at::kLong);
    if (frames_last(shape, raw.x.size(0), settings.text("data.layout"))) {
        raw.notes.push_back(
            fmt::format("'{}' has its frames along the last axis, {}", raw.frames_key, base::shape_text(shape)));
        if (raw.disk)
            raw.disk = frames_last_rows(raw.disk);
        else
            raw.frames = raw.frames.permute({2, 0, 1});
        if (raw.labels.defined())
            raw.labels = raw.labels.permute({2, 0, 1});
    }
    const auto arranged = raw.frames_shape();
    require(!raw.labels.defined() || (raw.labels.sizes() == at::IntArrayRef(arranged) && raw.labels.is_complex()),
            Status::Shape, "{}: the labels are {} of shape {}, expected complex numbers of shape {}", raw.source,
            raw.labels.defined() ? c10::toString(raw.labels.scalar_type()) : "", base::shape_of(raw.labels),
            base::shape_text(arranged));
    require(raw.frames_shape()[0] > 0, Status::Shape, "{}: '{}' has no frames", raw.source, raw.frames_key);
}

/// Height and width of the frames, wherever they are.
std::pair<std::int64_t, std::int64_t> sides_of(const RawScan& raw)
{
    const auto shape = raw.frames_shape();
    return {shape[1], shape[2]};
}

DetectorSteps steps_of(const RawScan& raw, const config::Settings& settings)
{
    const auto [height, width] = sides_of(raw);
    require(height > 0 && width > 0, Status::Shape, "{}: '{}' has frames of {} x {}, expected square ones", raw.source,
            raw.frames_key, height, width);
    const auto& bad = raw.bad_pixels;
    require(!bad.defined() || (bad.dim() == 2 && bad.size(0) == height && bad.size(1) == width), Status::Shape,
            "{}: the bad pixels have shape {}, but the frames are {} x {}", raw.source, base::shape_of(bad), height,
            width);
    auto steps = detector_steps(settings, bad, raw.corner, height, width, raw.source);
    steps.side_after(height, width, raw.source, raw.frames_key);
    return steps;
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

void check_all_numbers(const RawScan& raw)
{
    for_slabs(raw.frames, [&](const at::Tensor& slab, std::int64_t begin) {
        check_numbers(slab, begin, raw.source, raw.frames_key);
    });
}

bool any_fractions(const at::Tensor& frames)
{
    bool fractions = false;
    for_slabs(frames, [&](const at::Tensor& slab, std::int64_t) { fractions = fractions || has_fractions(slab); });
    return fractions;
}

/// @param fractions  tells whether the numbers of the source, bad pixels zero, have fractions
template <class Fractions>
Measurement decide_measurement(RawScan& raw, const config::Settings& settings, const Fractions& fractions)
{
    const auto& option = settings.text("data.measurement");
    if (option != "auto")
        return measurement_from_name(option);
    if (raw.stated) {
        raw.notes.push_back(
            fmt::format("the file says that '{}' holds {}", raw.frames_key, measurement_name(*raw.stated)));
        return *raw.stated;
    }
    const bool amplitude = fractions();
    raw.notes.push_back(fmt::format(
        "'{}' is taken as {}, because its values {}; set data.measurement if it is something else", raw.frames_key,
        amplitude ? "amplitudes" : "photon counts", amplitude ? "have fractions" : "are whole numbers"));
    return amplitude ? Measurement::Amplitude : Measurement::Counts;
}

void check_finite(const RawScan& raw, const at::Tensor& axis, const std::string& key)
{
    const auto finite = at::isfinite(axis);
    if (!finite.all().item<bool>())
        fail(Status::Format, "{}: '{}' has a number that is not finite, first for frame {}", raw.source, key,
             at::nonzero(~finite).min().item<std::int64_t>());
}

at::Tensor checked_positions(RawScan& raw, std::int64_t frames)
{
    require(raw.x.size(0) >= frames, Status::Shape, "{}: {} positions in '{}' for {} frames in '{}'", raw.source,
            raw.x.size(0), raw.x_key, frames, raw.frames_key);
    check_finite(raw, raw.x.slice(0, 0, frames), raw.x_key);
    check_finite(raw, raw.y.slice(0, 0, frames), raw.y_key);
    if (raw.x.size(0) > frames)
        raw.notes.push_back(fmt::format("{} positions for {} frames: the last {} positions are dropped", raw.x.size(0),
                                        frames, raw.x.size(0) - frames));
    return at::stack({raw.x.slice(0, 0, frames), raw.y.slice(0, 0, frames)}, 1);
}

/// The options' lengths in place of the file's; an object pixel that the file states is theirs no more.
Geometry with_given_lengths(Geometry geometry, const config::Settings& settings)
{
    const auto given = [&](const char* option, std::optional<double>& length, double unit) {
        if (!settings.has(option))
            return;
        length = settings.number(option) * unit;
        geometry.object_pixel_m = std::nullopt;
    };
    given("data.energy_ev", geometry.energy_j, base::joule_per_ev);
    given("data.distance_m", geometry.distance_m, 1);
    given("data.detector_pixel_m", geometry.detector_pixel_m, 1);
    return geometry;
}

/// Of the frames after their steps; @p change is how much larger its pixel is than that of the frames before. An
/// explicit pixel is that of the frames in the file.
double object_pixel(const Geometry& g, const config::Settings& settings, std::int64_t side, double change)
{
    if (settings.has("data.pixel_size_m"))
        return settings.number("data.pixel_size_m") * change;
    if (g.object_pixel_m)
        return *g.object_pixel_m * change;
    const double pixel = g.far_field_pixel_m(side).value_or(0);
    return std::isfinite(pixel) && pixel > 0 ? pixel : 0;
}

/// Of the frames before their steps. data.pixel_size_m is the object's pixel here too.
Propagation stated_propagation(const RawScan& raw, Geometry geometry, const config::Settings& settings,
                               std::int64_t side)
{
    if (settings.text("physics.propagator") == "auto")
        return raw.propagation;
    if (settings.has("data.pixel_size_m"))
        geometry.object_pixel_m = settings.number("data.pixel_size_m");
    const auto known = raw.propagation.near_field() ? raw.propagation : lengths_of(geometry, side);
    return propagation_of(settings, known, raw.source);
}

/// Metres in the unit of the positions; nothing when they are in pixels.
std::optional<double> position_unit(const config::Settings& settings, bool metres)
{
    const auto& unit = settings.text("data.position_unit");
    if (unit == "auto")
        return metres ? std::optional(1.0) : std::nullopt;
    if (unit == "pixel")
        return std::nullopt;
    return unit == "metre" ? 1.0 : unit == "millimetre" ? 1e-3 : unit == "micrometre" ? 1e-6 : 1e-9;
}

void to_pixels(Scan& scan, double pixel, const std::optional<std::array<double, 2>>& origin)
{
    require(pixel > 0, Status::InvalidConfig,
            "{}: positions are in metres, but energy, distance and detector pixel are not in the file; give "
            "data.pixel_size_m",
            scan.source);
    scan.notes.push_back(fmt::format("positions in metres became pixels of {:.4g} nm", pixel * 1e9));
    if (origin) {
        scan.position_origin_m = at::tensor({(*origin)[0], (*origin)[1]}, at::kDouble);
        scan.positions = ((scan.positions - scan.position_origin_m) / pixel).contiguous();
        return;
    }
    auto pixels = scan.positions / pixel;
    // The first patch begins at pixel 1, which leaves a border for sub-pixel work.
    const auto offset = 1.0 + static_cast<double>(scan.side() / 2) - std::get<0>(pixels.min(0));
    scan.positions = (pixels + offset).contiguous();
    scan.position_origin_m = -offset * pixel;
}

/// On the pixels of the finished frames. One that has their side already is taken as it is.
at::Tensor probe_modes(const RawScan& raw, const DetectorSteps& steps, std::int64_t before, std::int64_t side)
{
    if (!raw.probe.defined())
        return {};
    require(raw.probe.is_complex(), Status::Format, "{}: '{}' has type {}, expected complex numbers", raw.source,
            raw.probe_key, c10::toString(raw.probe.scalar_type()));
    auto probe = raw.probe.to(at::kComplexFloat);
    if (probe.dim() == 3 && probe.size(2) == 1 && side > 1)
        probe = probe.squeeze(2);
    if (probe.dim() == 2)
        probe = probe.unsqueeze(0);
    if (side != before && probe.dim() == 3 && probe.size(1) == before && probe.size(2) == before)
        probe = probe_after(steps, probe);
    require(probe.dim() == 3 && probe.size(1) == side && probe.size(2) == side, Status::Shape,
            "{}: '{}' has shape {}, but the frames are {} x {}; resample the probe or crop the frames", raw.source,
            raw.probe_key, base::shape_of(raw.probe), side, side);
    return probe.contiguous();
}

at::Tensor object_frame(const RawScan& raw)
{
    if (!raw.object.defined())
        return {};
    require(raw.object.dim() == 2, Status::Shape, "{}: '{}' has shape {}, expected (rows, columns)", raw.source,
            raw.object_key, base::shape_of(raw.object));
    return raw.object.to(at::kComplexFloat).contiguous();
}

/// Patches of the object that fit the frames as they are in the file, and still do after their steps.
void add_labels(Scan& scan, RawScan& raw, bool same_pixels)
{
    if (!raw.labels.defined())
        return;
    if (same_pixels)
        scan.labels = raw.labels.to(at::kComplexFloat).contiguous();
    else
        raw.notes.emplace_back("the labels are left out: the frames have other pixels now");
}

Scan drawn(Scan scan, const config::Settings& settings)
{
    if (!settings.has("data.subsample") || settings.integer("data.subsample") >= scan.size())
        return scan;
    const auto all = scan.size(), count = settings.integer("data.subsample");
    auto engine = base::random_engine(static_cast<std::uint64_t>(settings.integer("seed")), "subsample");
    auto kept = at::empty({count}, at::kLong);
    base::EngineChoices(engine).pick(all, count, kept.mutable_data_ptr<std::int64_t>());
    scan = subset(scan, std::get<0>(kept.sort()));
    scan.notes.push_back(fmt::format("{} of {} frames drawn at random (data.subsample)", count, all));
    return scan;
}

Scan inside(Scan scan, const config::Settings& settings)
{
    const auto x = settings.pair("data.x_bounds");
    const auto y = settings.pair("data.y_bounds");
    const auto kept = inside_bounds(scan.positions, x, y);
    if (kept.size(0) == scan.size())
        return scan;
    require(kept.size(0) > 0, Status::Shape,
            "{}: no scan point lies inside data.x_bounds [{}, {}] and data.y_bounds [{}, {}]", scan.source, x.first,
            x.second, y.first, y.second);
    const auto all = scan.size();
    scan = subset(scan, kept);
    scan.notes.push_back(fmt::format("{} of {} frames lie inside the bounds", kept.size(0), all));
    return scan;
}

} // namespace

namespace {

/// The first frames of a file, bad pixels zero.
at::Tensor sample_on_disk(const RawScan& raw, const DetectorSteps& steps)
{
    const auto sample = raw.disk->rows(0, std::min<std::int64_t>(raw.disk->shape()[0], 16)).to(at::kFloat);
    return steps.bad.defined() ? sample.masked_fill(steps.bad, 0) : sample;
}

struct Finished {
    FramesPtr frames{};
    Measurement measurement = Measurement::Counts;
};

Finished frames_in_store(RawScan& raw, const DetectorSteps& steps, const config::Settings& settings,
                         const Monitor& monitor, Log& log)
{
    const auto path = store_path(settings.text("data.store"), raw.source);
    const auto store = open_frame_store(path, {raw.disk, steps, raw.source, raw.frames_key},
                                        settings.flag("data.remake_store"), monitor, log);
    raw.notes.push_back(fmt::format("the {} frames are read from the store {}, {}", store.frames->size(), path,
                                    store.built ? "built now" : "built before"));
    return {store.frames, decide_measurement(raw, settings, [&] { return store.fractions; })};
}

Finished frames_kept(RawScan& raw, const DetectorSteps& steps, const config::Settings& settings)
{
    Finished result;
    // Bad pixels may hold anything; what is left has to be numbers before sums and differences hide them.
    DetectorSteps cleared;
    cleared.bad = steps.bad;
    raw.frames = cleared.nothing() ? raw.frames.contiguous() : cleared.apply(raw.frames);
    check_all_numbers(raw);
    result.measurement = decide_measurement(raw, settings, [&] { return any_fractions(raw.frames); });
    if (!steps.nothing())
        raw.frames = steps.apply(raw.frames);
    result.frames = frames_in_memory(raw.frames);
    return result;
}

/// The frames after their steps, checked, and of these the rows that have positions; what they are is told before the
/// steps make fractions.
Finished finished_frames(RawScan& raw, const DetectorSteps& steps, const config::Settings& settings,
                         const Monitor& monitor, Log& log)
{
    Finished result;
    if (raw.disk && !settings.text("data.store").empty())
        result = frames_in_store(raw, steps, settings, monitor, log);
    else if (raw.disk)
        result = {frames_on_disk(raw.disk, raw.source, raw.frames_key, steps),
                  decide_measurement(raw, settings, [&] { return has_fractions(sample_on_disk(raw, steps)); })};
    else
        result = frames_kept(raw, steps, settings);
    require(result.measurement != Measurement::Amplitude || (steps.bin == 1 && !steps.dark.defined()),
            Status::InvalidConfig,
            "{}: data.bin and data.dark sum and subtract counts or intensities, but '{}' holds amplitudes", raw.source,
            raw.frames_key);
    if (raw.rows.defined())
        result.frames = frames_subset(std::move(result.frames), raw.rows);
    return result;
}

} // namespace

std::vector<std::int64_t> RawScan::frames_shape() const
{
    return disk ? disk->shape() : frames.sizes().vec();
}

std::optional<Measurement> measurement_in_text(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto says = [&](const char* word) { return text.find(word) != std::string::npos; };
    if (says("amplitude") || says("sqrt") || says("square root")) // of counts or intensities
        return Measurement::Amplitude;
    if (says("count"))
        return Measurement::Counts;
    return says("intensit") ? std::optional(Measurement::Intensity) : std::nullopt;
}

Scan finish_scan(RawScan raw, const config::Settings& settings, Log& log, const Monitor& monitor)
{
    require(raw.x.defined() && raw.y.defined(), Status::NotFound, "{}: there are no positions", raw.source);
    if (settings.text("data.dc") != "auto")
        raw.corner = settings.text("data.dc") == "corner";
    arrange_positions(raw);
    if (!raw.disk || !settings.text("data.store").empty()) // what stays in its file has its frames first
        arrange_frames(raw, settings);
    const auto [height, width] = sides_of(raw);
    const auto steps = steps_of(raw, settings);
    Scan scan;
    scan.source = raw.source;
    scan.bad_pixels = steps.bad_after(height, width);
    const auto finished = finished_frames(raw, steps, settings, monitor, log);
    scan.frames = finished.frames;
    scan.measurement = finished.measurement;
    const auto side = scan.side();
    scan.positions = checked_positions(raw, scan.size());
    scan.probe = probe_modes(raw, steps, height, side);
    scan.geometry = with_given_lengths(raw.geometry, settings);
    scan.propagation = stated_propagation(raw, scan.geometry, settings, height);
    if (scan.geometry.detector_pixel_m)
        *scan.geometry.detector_pixel_m *= static_cast<double>(steps.bin);
    // wavelength * distance / (pixels * detector pixel): crop and pad change the extent of the frame, binning does not.
    const double change = scan.propagation.keeps_pixel(height)
                              ? static_cast<double>(steps.bin)
                              : static_cast<double>(height) / static_cast<double>(side * steps.bin);
    const bool finished_pixel = settings.text("physics.propagator") != "auto" && settings.has("physics.pixel_m");
    if (!finished_pixel)
        scan.propagation.pixel_m *= change;
    const double pixel =
        scan.propagation.near_field() ? scan.propagation.pixel_m : object_pixel(scan.geometry, settings, side, change);
    if (pixel > 0)
        scan.geometry.object_pixel_m = pixel;
    scan.object = object_frame(raw);
    add_labels(scan, raw, side == height && change == 1);
    scan.notes = std::move(raw.notes);
    if (scan.bad_pixels.defined())
        scan.notes.push_back(fmt::format("{} of {} pixels of a frame are bad and are not used",
                                         scan.bad_pixels.sum().item<std::int64_t>(), side * side));
    const auto unit = position_unit(settings, raw.metres);
    if (unit && *unit != 1)
        scan.positions = scan.positions * *unit;
    if (unit)
        to_pixels(scan, pixel, raw.object_origin_m);
    else if (change != 1)
        scan.positions = scan.positions / change;
    if (scan.object.defined() && change != 1) {
        scan.object = at::Tensor();
        scan.notes.push_back("the object is left out: the frames have another object pixel now");
    }
    scan = drawn(inside(std::move(scan), settings), settings);
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
    const auto starts = [&](const char* magic, std::size_t size) {
        return std::memcmp(bytes.data(), magic, size) == 0;
    };
    if (starts("PK\3\4", 4) || starts("PK\5\6", 4))
        return FileKind::Npz;
    if (starts("\x93NUMPY", 6))
        return FileKind::Npy;
    return starts("\x89HDF\r\n\x1a\n", 8) ? FileKind::Hdf5 : FileKind::Other;
}

} // namespace ptk::data
