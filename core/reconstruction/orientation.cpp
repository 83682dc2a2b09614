#include "reconstruction/orientation.h"

#include "base/error.h"
#include "data/detector_steps.h"
#include "reconstruction/refine.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/topk.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace ptk::reconstruction {

namespace {

constexpr std::int64_t fewest = 25;
/// On wrong frames the error is at least so many times that on right ones (orientation_test.cpp).
constexpr double clearly = 1.3;

/// The frames nearest to the middle of the scan; fewer of large ones, which take longer.
data::Scan middle(const data::Scan& scan)
{
    const auto pixels = scan.side() * scan.side();
    const auto count = std::min<std::int64_t>(scan.size(), std::clamp<std::int64_t>(100 * 64 * 64 / pixels, 36, 100));
    const auto centre = (std::get<0>(scan.positions.min(0)) + std::get<0>(scan.positions.max(0))) / 2;
    const auto distance = (scan.positions - centre).square().sum(1);
    auto part = data::subset(scan, std::get<0>(std::get<1>(at::topk(distance, count, 0, false)).sort()));
    part.frames = data::frames_in_memory(part.frames->gather(at::arange(part.size())));
    part.object = at::Tensor(); // the trial's object is no larger than it needs
    return part;
}

data::Scan turned(const data::Scan& scan, const Orientation& orientation)
{
    data::DetectorSteps steps;
    steps.bad = scan.bad_pixels;
    steps.flip_x = orientation.flip_x;
    steps.flip_y = orientation.flip_y;
    steps.transpose = orientation.transpose;
    auto one = scan;
    one.frames = data::frames_in_memory(steps.apply(scan.frames->gather(at::arange(scan.size()))));
    one.bad_pixels = steps.bad_after(scan.side(), scan.side());
    return one;
}

config::Settings trial_settings(const config::Settings& settings)
{
    return settings.with(config::Config::from_json(R"({"refinement": {"epochs": 10, "algorithm": "epie",
        "object_step": 1, "probe_step": 0.5, "probe_start": 1, "positions": false, "held_out_fraction": 0.1,
        "patience": 1000}, "probe.modes": 1})"));
}

double error_of(const data::Scan& scan, const config::Settings& settings, const Monitor& monitor)
{
    Log silent;
    const auto made = refine_from_scratch(scan, settings, monitor, silent);
    return *std::min_element(made.held_out_fourier_errors.begin(), made.held_out_fourier_errors.end());
}

/// What else would look the same.
const char* other_reason(const Orientation& best)
{
    if (best.transpose)
        return "with the positions' axes exchanged, y for x";
    return best.flip_x && best.flip_y ? "with the complex conjugate of the probe"
                                      : "with one axis of the positions the other way round";
}

} // namespace

Orientation combined(const Orientation& first, const Orientation& second)
{
    // What mirrors columns after a transposition mirrors rows before it.
    Orientation both = second;
    if (first.transpose)
        std::swap(both.flip_x, both.flip_y);
    both.flip_x = both.flip_x != first.flip_x;
    both.flip_y = both.flip_y != first.flip_y;
    both.transpose = first.transpose != second.transpose;
    return both;
}

std::optional<OrientationTrial> try_orientations(const data::Scan& scan, const config::Settings& settings,
                                                 const Monitor& monitor)
{
    if (!scan.probe.defined() || !scan.experiments.empty() || scan.size() < fewest)
        return std::nullopt;
    const auto part = middle(scan);
    const auto chosen = trial_settings(settings);
    OrientationTrial trial;
    trial.frames = part.size();
    trial.error_now = trial.error_best = error_of(part, chosen, monitor);
    for (int bits = 1; bits < 8; ++bits) {
        const Orientation other{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
        const double error = error_of(turned(part, other), chosen, monitor);
        if (error < trial.error_best) {
            trial.error_best = error;
            trial.best = other;
        }
    }
    trial.clear = trial.error_now > clearly * trial.error_best;
    return trial;
}

std::optional<std::string> orientation_advice(const data::Scan& scan, const config::Settings& settings,
                                              const Monitor& monitor)
{
    if (!settings.flag("data.check_orientation"))
        return std::nullopt;
    const auto trial = try_orientations(scan, settings, monitor);
    if (!trial || !trial->clear)
        return std::nullopt;
    const Orientation now{settings.flag("data.flip_x"), settings.flag("data.flip_y"), settings.flag("data.transpose")};
    const auto wanted = combined(now, trial->best);
    std::string options;
    const auto add = [&](const char* name, bool before, bool after) {
        if (before != after)
            options += fmt::format("{}{}={}", options.empty() ? "" : ", ", name, after);
    };
    add("data.flip_x", now.flip_x, wanted.flip_x);
    add("data.flip_y", now.flip_y, wanted.flip_y);
    add("data.transpose", now.transpose, wanted.transpose);
    return fmt::format("the frames do not lie as the positions say: {} frames in the middle are explained with a "
                       "relative Fourier error "
                       "of {:.3g}, but of {:.3g} with {} (or {})",
                       trial->frames, trial->error_now, trial->error_best, options, other_reason(trial->best));
}

} // namespace ptk::reconstruction
