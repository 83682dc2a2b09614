#include "simulation/simulate.h"

#include "base/constants.h"
#include "base/distributions.h"
#include "base/error.h"
#include "base/random.h"
#include "data/detector_steps.h"
#include "data/experiments.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/position_file.h"
#include "data/readers.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "physics/propagator.h"
#include "simulation/detector.h"
#include "simulation/objects.h"
#include "simulation/picture_file.h"
#include "simulation/probes.h"
#include "simulation/scan_points.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <chrono>
#include <cmath>
#include <filesystem>

namespace ptk::simulation {

namespace {

/// Which of several experiments is made, with which of the objects and probes.
struct Number {
    std::int64_t experiment = 0, object = 0, probe = 0;
};

/// The streams of the first object, probe and experiment are those of a simulation of one.
std::string numbered(const char* name, std::int64_t number)
{
    return number == 0 ? name : fmt::format("{}.{}", name, number);
}

std::mt19937_64 stream(const config::Settings& settings, const char* name, std::int64_t number = 0)
{
    return base::random_engine(static_cast<std::uint64_t>(settings.integer("seed")), numbered(name, number));
}

data::Geometry geometry_of(const config::Settings& settings)
{
    data::Geometry geometry;
    geometry.energy_j = settings.number("simulation.energy_ev") * base::joule_per_ev;
    geometry.distance_m = settings.number("simulation.distance_m");
    geometry.detector_pixel_m = settings.number("simulation.detector_pixel_m");
    return geometry;
}

at::Tensor primary_probe(const config::Settings& settings, const data::Geometry& geometry, std::mt19937_64& random)
{
    const auto side = settings.integer("simulation.size");
    const auto& kind = settings.text("simulation.probe");
    const double diameter = settings.has("simulation.probe_diameter") ? settings.number("simulation.probe_diameter")
                                                                      : static_cast<double>(side) / 3;
    const double defocus = settings.number("simulation.probe_defocus");
    if (kind == "zone_plate") {
        ZonePlate plate;
        plate.diameter_m = settings.number("simulation.zone_plate_diameter_m");
        plate.outermost_zone_m = settings.number("simulation.zone_plate_outermost_zone_m");
        plate.stop_m = settings.number("simulation.zone_plate_stop_m");
        plate.wavelength_m = base::photon_wavelength_m(*geometry.energy_j);
        return zone_plate_probe(plate, side, *geometry.object_pixel_m,
                                settings.number("simulation.zone_plate_defocus_m"));
    }
    if (kind == "gaussian")
        return to_tensor(gaussian_probe(side, diameter, defocus));
    if (kind == "disk")
        return to_tensor(disk_probe(side, diameter, defocus));
    auto terms = random_zernike_terms(static_cast<int>(settings.integer("simulation.zernike_order")),
                                      settings.number("simulation.zernike_sigma"), random);
    auto probe = zernike_probe(side, side, diameter, terms);
    apply_envelope(probe, diameter / 4, diameter / 4);
    return to_tensor(probe);
}

/// Finite, and small enough that the squares are.
void require_finite(const at::Tensor& numbers, const char* option, const std::string& path)
{
    require(at::isfinite(numbers.abs().to(at::kFloat).square().sum()).item<bool>(), Status::Format,
            "{}: {} holds numbers that are not finite, or too large", option, path);
}

/// (modes, N, N) complex128
at::Tensor probe_from_file(const std::string& path, std::int64_t side)
{
    const bool archive = std::filesystem::path(path).extension() == ".npz";
    const auto probe = archive ? data::Npz::open(path).read("probeGuess") : data::read_npy(path);
    require(probe.is_complex(), Status::Format, "simulation.probe_file: {}: expected complex numbers, found {}", path,
            c10::toString(probe.scalar_type()));
    require_finite(probe, "simulation.probe_file", path);
    try {
        return physics::canonical_probe(probe, side).to(at::kComplexDouble);
    } catch (const Error& error) {
        fail(error.status(), "simulation.probe_file: {}: {}", path, error.message());
    }
}

/// Those of the file, or modes with half the power of the one before, together @p photons.
at::Tensor probe_modes(const config::Settings& settings, const data::Geometry& geometry, double photons,
                       std::mt19937_64& random, std::vector<std::string>& notes)
{
    const auto& file = settings.text("simulation.probe_file");
    const auto modes = settings.integer("simulation.modes");
    const bool partial = settings.has("simulation.coherence");
    require(!partial || modes > 1, Status::InvalidConfig,
            "simulation.coherence: a partially coherent probe is a sum of modes; give simulation.modes, 2 or more");
    at::Tensor primary;
    if (file.empty()) {
        primary = primary_probe(settings, geometry, random);
    } else {
        const auto given = probe_from_file(file, settings.integer("simulation.size"));
        require(given.size(0) == 1 || !partial, Status::InvalidConfig,
                "simulation.coherence: the probe of {} has {} modes already", file, given.size(0));
        if (given.size(0) > 1)
            return physics::with_power(given.to(at::kComplexFloat), photons);
        primary = given[0];
    }
    if (partial) {
        const auto probe = partially_coherent(primary, settings.number("simulation.coherence"), modes);
        notes.push_back(fmt::format("the {} modes hold {:.1f} % of the partially coherent light", probe.modes.size(0),
                                    100 * probe.power));
        return physics::with_power(probe.modes.to(at::kComplexFloat), photons);
    }
    if (modes == 1)
        return physics::with_power(primary.unsqueeze(0).to(at::kComplexFloat), photons);
    std::vector<std::pair<double, double>> ramps;
    for (std::int64_t i = 1; i < modes; ++i) {
        const double a = base::uniform(random, -1, 1);
        ramps.emplace_back(a, base::uniform(random, -1, 1));
    }
    auto probe = orthonormal_modes(primary, ramps);
    for (std::int64_t i = 0; i < modes; ++i)
        probe[i].mul_(std::pow(0.5, 0.5 * static_cast<double>(i)));
    return physics::with_power(probe.to(at::kComplexFloat), photons);
}

struct Bounds {
    double left, right, top, bottom;
};

Bounds bounds_of(const std::vector<Point>& points)
{
    Bounds b{points[0].x, points[0].x, points[0].y, points[0].y};
    for (const auto& p : points)
        b = {std::min(b.left, p.x), std::max(b.right, p.x), std::min(b.top, p.y), std::max(b.bottom, p.y)};
    return b;
}

/// Pixels that a scan needs along an axis: its extent, a patch, and one more on either side for the rounding.
std::int64_t needed(double low, double high, std::int64_t side, const std::string& file)
{
    const double pixels = std::ceil(high - low) + static_cast<double>(side) + 2;
    require(pixels <= 65536, Status::InvalidConfig, "{}: the scan spans {:.6g} pixels, at most 65536 can be simulated",
            file.empty() ? "simulation.frames, simulation.step" : "simulation.scan_file: " + file, pixels);
    return static_cast<std::int64_t>(pixels);
}

/// Complex as it is; a picture, PNG or real, makes amplitude and phase as a base map of the other objects does.
at::Tensor object_from_file(const config::Settings& settings, std::int64_t height, std::int64_t width)
{
    const auto& path = settings.text("simulation.object_file");
    const auto picture = read_picture(path);
    const auto object = picture ? to_tensor(complex_object(*picture, settings.pair("simulation.amplitude"),
                                                           settings.pair("simulation.phase")))
                                : data::read_object(path);
    require_finite(object, "simulation.object_file", path);
    require(object.size(0) >= height && object.size(1) >= width, Status::Shape,
            "simulation.object_file: {} has {} x {} pixels, but the scan needs {} x {}; fewer frames, a smaller step "
            "or a larger object are needed",
            path, object.size(0), object.size(1), height, width);
    return object;
}

at::Tensor made_object(const config::Settings& settings, std::int64_t number, std::int64_t height, std::int64_t width)
{
    ObjectRecipe recipe;
    recipe.kind = settings.text("simulation.object");
    recipe.height = height;
    recipe.width = width;
    recipe.amplitude = settings.pair("simulation.amplitude");
    recipe.phase = settings.pair("simulation.phase");
    recipe.blur = settings.number("simulation.blur");
    recipe.spokes = settings.integer("simulation.spokes");
    auto random = stream(settings, "simulation.object", number);
    return to_tensor(make_object(recipe, random));
}

/// Positions about the middle of an object of this size.
at::Tensor place(const std::vector<Point>& points, const Bounds& bounds, const at::Tensor& object)
{
    auto positions = at::empty({static_cast<std::int64_t>(points.size()), 2}, at::kDouble);
    auto* out = positions.data_ptr<double>();
    const double x = static_cast<double>(object.size(1)) / 2 - (bounds.left + bounds.right) / 2,
                 y = static_cast<double>(object.size(0)) / 2 - (bounds.top + bounds.bottom) / 2;
    for (const auto& point : points) {
        *out++ = point.x + x;
        *out++ = point.y + y;
    }
    return positions;
}

Detector detector_of(const config::Settings& settings)
{
    auto random = stream(settings, "simulation.detector");
    const auto side = settings.integer("simulation.size");
    Detector detector;
    detector.poisson = settings.flag("simulation.poisson");
    detector.readout_noise = settings.number("simulation.readout_noise");
    if (settings.has("simulation.saturation"))
        detector.saturation = settings.number("simulation.saturation");
    const auto blind = data::beamstop(side, side, settings.number("simulation.beamstop"))
                           .logical_or(dead_pixels(side, settings.number("simulation.dead_pixels"), random));
    require(!blind.all().item<bool>(), Status::InvalidConfig,
            "simulation.beamstop, simulation.dead_pixels: no pixel of the detector is left");
    if (blind.any().item<bool>())
        detector.blind = blind;
    return detector;
}

/// Everything that the frames are made of.
struct Experiment {
    at::Tensor object;   ///< (H, W) complex64
    at::Tensor probe;    ///< (modes, N, N) complex64
    at::Tensor spectrum; ///< of the probe, which every frame shifts
    physics::PixelGrid grid;
    physics::PropagatorPtr propagator;
    Detector detector;
    std::uint64_t seed;
    std::string frame_stream; ///< and the frame's number
};

at::Tensor expected_counts(const Experiment& e, const at::Tensor& patch, const at::Tensor& fraction)
{
    const auto probe = physics::shifted_from_spectrum(e.spectrum, fraction);
    if (e.propagator)
        return e.propagator->intensity(patch.unsqueeze(0), probe, fraction).squeeze(0);
    return physics::far_field_intensity(patch, probe.squeeze(0));
}

void simulate_frame(const Experiment& e, std::int64_t index, float* out)
{
    const auto side = e.probe.size(-1);
    const auto* corner = e.grid.corners.const_data_ptr<std::int64_t>() + 2 * index;
    const auto patch = e.object.slice(0, corner[1], corner[1] + side).slice(1, corner[0], corner[0] + side);
    const auto intensity = expected_counts(e, patch, e.grid.fractions.slice(0, index, index + 1)).contiguous();
    std::copy_n(intensity.const_data_ptr<float>(), side * side, out);
    auto random = base::random_engine(e.seed, e.frame_stream + std::to_string(index));
    detect(out, side * side, e.detector, random);
}

/// A slab of frames at a time; within it each frame is the work of one thread, so that its numbers do not depend on how
/// many there are.
void simulate_frames(const Experiment& e, at::Tensor& frames, const Monitor& monitor)
{
    constexpr std::int64_t slab = 64;
    const auto count = frames.size(0), pixels = frames.size(1) * frames.size(2);
    const auto start = std::chrono::steady_clock::now();
    auto* out = frames.data_ptr<float>();
    for (std::int64_t begin = 0; begin < count; begin += slab) {
        const auto end = std::min(begin + slab, count);
        at::parallel_for(begin, end, 1, [&](std::int64_t first, std::int64_t last) {
            const at::NoGradGuard no_gradient;
            for (auto i = first; i < last; ++i)
                simulate_frame(e, i, out + i * pixels);
        });
        Progress progress;
        progress.phase = "simulate";
        progress.step = end;
        progress.steps = count;
        progress.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        progress.frames_per_second = static_cast<double>(end) / std::max(progress.seconds, 1e-9);
        monitor.report(progress);
    }
}

void add_notes(data::Scan& scan, const Detector& detector, const config::Settings& settings)
{
    scan.notes.push_back(
        fmt::format("simulated with seed {}: object and probe are the true ones", settings.integer("seed")));
    if (detector.saturation) {
        const auto full =
            scan.frames->gather(at::arange(scan.size())).ge(*detector.saturation).sum().item<std::int64_t>();
        scan.notes.push_back(fmt::format("{} pixels are at the saturation of {} counts", full, *detector.saturation));
    }
}

/// Those of simulation.scan_file, the first simulation.frames when that is given; else the pattern's.
std::vector<Point> points_of(const config::Settings& settings, std::mt19937_64& random)
{
    const auto& file = settings.text("simulation.scan_file");
    const auto count = settings.integer("simulation.frames");
    if (file.empty())
        return scan_points(settings.text("simulation.scan"), count, settings.number("simulation.step"),
                           settings.number("simulation.jitter"), random);
    const auto xy = data::read_position_file(file);
    require(!settings.given("simulation.frames") || count <= xy.size(0), Status::InvalidConfig,
            "simulation.scan_file: {} holds {} positions, but simulation.frames = {}", file, xy.size(0), count);
    require(at::isfinite(xy).all().item<bool>(), Status::Format,
            "simulation.scan_file: {} holds a position that is not a finite number", file);
    const auto* at = xy.const_data_ptr<double>();
    std::vector<Point> points;
    for (std::int64_t i = 0; i < (settings.given("simulation.frames") ? count : xy.size(0)); ++i, at += 2)
        points.push_back({at[0], at[1]});
    return points;
}

data::Scan simulate_one(const config::Settings& settings, const Number& number, Log& log, const Monitor& monitor)
{
    const auto side = settings.integer("simulation.size");
    auto scan_random = stream(settings, "simulation.scan", number.experiment),
         probe_random = stream(settings, "simulation.probe", number.probe);
    const auto points = points_of(settings, scan_random);
    const auto count = static_cast<std::int64_t>(points.size());
    const auto bounds = bounds_of(points);
    const auto& file = settings.text("simulation.scan_file");
    const auto height = needed(bounds.top, bounds.bottom, side, file),
               width = needed(bounds.left, bounds.right, side, file);
    const auto photons = settings.pair("simulation.photons");
    data::Scan scan;
    scan.source = "simulation";
    scan.measurement = data::Measurement::Counts;
    scan.geometry = geometry_of(settings);
    scan.propagation = data::propagation_of(settings, data::lengths_of(scan.geometry, side), scan.source);
    scan.geometry.object_pixel_m =
        scan.propagation.near_field() ? scan.propagation.pixel_m : scan.geometry.far_field_pixel_m(side);
    scan.object = settings.text("simulation.object_file").empty() ? made_object(settings, number.object, height, width)
                                                                  : object_from_file(settings, height, width);
    scan.positions = place(points, bounds, scan.object);
    scan.probe = probe_modes(settings, scan.geometry, base::uniform(probe_random, photons.first, photons.second),
                             probe_random, scan.notes);
    Experiment experiment{scan.object,
                          scan.probe,
                          at::fft_fft2(scan.probe),
                          physics::pixel_grid(scan.positions, side),
                          physics::Propagator::of(scan.propagation, side),
                          detector_of(settings),
                          static_cast<std::uint64_t>(settings.integer("seed")),
                          numbered("simulation.frame", number.experiment) + "."};
    auto frames = data::allocate({count, side, side}, at::kFloat, "simulation.frames");
    simulate_frames(experiment, frames, monitor);
    scan.frames = data::frames_in_memory(frames);
    scan.bad_pixels = experiment.detector.blind;
    add_notes(scan, experiment.detector, settings);
    data::check_scan(scan);
    for (const auto& note : scan.notes)
        log.info("simulation", "{}", note);
    return scan;
}

/// Several of what is in a file are one and the same.
void require_made(const config::Settings& settings, const char* number, const char* file)
{
    require(settings.integer(number) == 1 || settings.text(file).empty(), Status::InvalidConfig,
            "{} = {}, but {} gives one", number, settings.integer(number), file);
}

} // namespace

data::Scan simulate(const config::Settings& settings, Log& log, const Monitor& monitor)
{
    const auto objects = settings.integer("simulation.objects"), probes = settings.integer("simulation.probes");
    require_made(settings, "simulation.objects", "simulation.object_file");
    require_made(settings, "simulation.probes", "simulation.probe_file");
    std::vector<data::Scan> scans;
    for (std::int64_t object = 0; object < objects; ++object)
        for (std::int64_t probe = 0; probe < probes; ++probe) {
            scans.push_back(simulate_one(settings, {object * probes + probe, object, probe}, log, monitor));
            if (objects * probes > 1)
                scans.back().source = fmt::format("object {}, probe {}", object + 1, probe + 1);
        }
    return data::join_scans(std::move(scans), "simulation", log);
}

} // namespace ptk::simulation
