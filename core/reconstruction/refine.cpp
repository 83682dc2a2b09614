#include "reconstruction/refine.h"

#include "base/error.h"
#include "base/text.h"
#include "data/experiments.h"
#include "physics/probe.h"
#include "physics/scan_probe.h"
#include "reconstruction/canvas.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <complex>

namespace ptk::reconstruction {

namespace {

constexpr std::int64_t patches_at_once = 256;

/// Where frames reached the object; everywhere when the result does not say.
at::Tensor reached(const Result& result)
{
    return result.coverage.defined() ? result.coverage.cpu() > 0 : at::ones(result.object.sizes(), at::kBool);
}

/// The mean amplitude and the mean phase of the reached object: continued with it, the picture ends without an edge
/// that would diffract.
c10::complex<float> continuation(const at::Tensor& object, const at::Tensor& mask)
{
    const auto values = object.masked_select(mask).to(at::kComplexDouble);
    if (values.numel() == 0)
        return {1, 0};
    const double amplitude = values.abs().mean().item<double>();
    const auto mean = values.mean().item<c10::complex<double>>();
    const auto phase = std::arg(std::complex<double>(mean.real(), mean.imag()));
    const auto value = std::polar(amplitude, phase);
    return {static_cast<float>(value.real()), static_cast<float>(value.imag())};
}

/// @p image of a frame in a larger one, @p fill around.
at::Tensor framed(const at::Tensor& image, std::int64_t origin_x, std::int64_t origin_y,
                  const physics::ObjectFrame& frame, const at::Scalar& fill)
{
    auto larger = at::full({frame.height, frame.width}, fill, image.options());
    larger.narrow(0, origin_y - frame.origin_y, image.size(0))
        .narrow(1, origin_x - frame.origin_x, image.size(1))
        .copy_(image);
    return larger;
}

/// The frame of the result's object, grown to hold all patches.
physics::ObjectFrame frame_of(const Result& result, const at::Tensor& positions, std::int64_t side)
{
    const auto needed = physics::frame_for(positions, side);
    physics::ObjectFrame frame;
    frame.origin_x = std::min(result.origin_x, needed.origin_x);
    frame.origin_y = std::min(result.origin_y, needed.origin_y);
    frame.width = std::max(result.origin_x + result.object.size(1), needed.origin_x + needed.width) - frame.origin_x;
    frame.height = std::max(result.origin_y + result.object.size(0), needed.origin_y + needed.height) - frame.origin_y;
    return frame;
}

at::Tensor probe_of(const Result& result, const data::Scan& scan)
{
    return result.probe.defined() ? physics::canonical_probe(result.probe, scan.side()) : physics::scan_probe(scan);
}

/// Object, probe and positions as the engine takes them.
physics::EngineState state_of(const Result& result, const data::Scan& scan)
{
    require(result.object.defined() && result.object.dim() == 2, Status::State, "{}: there is no object to refine",
            scan.source);
    physics::EngineState state;
    state.positions = (result.positions.defined() ? result.positions : scan.positions).to(at::kCPU, at::kDouble);
    require(state.positions.size(0) == scan.size(), Status::Shape,
            "{}: the scan has {} frames, but the start was made of {}", scan.source, scan.size(),
            state.positions.size(0));
    state.probe = probe_of(result, scan).to(at::kCPU, at::kComplexFloat);
    const auto frame = frame_of(result, state.positions, scan.side());
    const auto object = result.object.to(at::kCPU, at::kComplexFloat);
    const auto mask = reached(result);
    const at::Scalar fill(continuation(object, mask));
    state.object = framed(at::where(mask, object, at::full({}, fill, object.options())), result.origin_x,
                          result.origin_y, frame, fill);
    state.origin_x = frame.origin_x;
    state.origin_y = frame.origin_y;
    return state;
}

/// Sum of the probe's intensity on each pixel of the object, over all positions; 0 below @p least of the largest.
at::Tensor coverage_of(const physics::EngineState& state, double least)
{
    const auto side = state.probe.size(-1);
    const auto weights = at::view_as_real(state.probe).square().sum(at::IntArrayRef({0, 3}));
    Canvas canvas(state.object.size(0), state.object.size(1), state.origin_x, state.origin_y);
    for (std::int64_t begin = 0; begin < state.positions.size(0); begin += patches_at_once) {
        const auto positions = state.positions.slice(0, begin, begin + patches_at_once);
        canvas.add(at::zeros({positions.size(0), side, side}, at::kComplexFloat), positions, weights);
    }
    return canvas.weights() * canvas.covered(least);
}

Result result_of(const data::Scan& scan, physics::EngineState state, const config::Settings& settings)
{
    Result result;
    result.coverage = coverage_of(state, settings.number("reconstruction.coverage"));
    result.object = std::move(state.object);
    result.probe = std::move(state.probe);
    result.positions = std::move(state.positions);
    result.origin_x = state.origin_x;
    result.origin_y = state.origin_y;
    result.object_pixel_m = scan.geometry.object_pixel_m.value_or(0);
    result.fourier_errors = std::move(state.fourier_errors);
    result.held_out_fourier_errors = std::move(state.held_out_fourier_errors);
    return result;
}

} // namespace

physics::EngineOptions engine_options(const config::Settings& settings)
{
    physics::EngineOptions options;
    options.epochs = settings.integer("refinement.epochs");
    options.rpie = settings.text("refinement.algorithm") == "rpie";
    options.alpha = settings.number("refinement.alpha");
    options.object_step = settings.number("refinement.object_step");
    options.probe_step = settings.number("refinement.probe_step");
    options.probe_start = settings.integer("refinement.probe_start");
    options.positions = settings.flag("refinement.positions");
    options.held_out_fraction = settings.number("refinement.held_out_fraction");
    options.patience = settings.integer("refinement.patience");
    options.seed = static_cast<std::uint64_t>(settings.integer("seed"));
    return options;
}

Result refine(const data::Scan& given, const Result& start, const config::Settings& settings, const Monitor& monitor,
              Log& log)
{
    const at::NoGradGuard no_gradient;
    data::require_one_experiment(given);
    const auto scan = data::seen_as(given, settings);
    auto options = engine_options(settings);
    if (options.epochs == 0)
        return start;
    // All frames made the picture that is refined.
    options.start_competes = false;
    auto result = result_of(scan, physics::iterate(scan, state_of(start, scan), options, monitor, log), settings);
    result.dropped = start.dropped;
    if (result.object_pixel_m == 0)
        result.object_pixel_m = start.object_pixel_m;
    return result;
}

Result refine_from_scratch(const data::Scan& given, const config::Settings& settings, const Monitor& monitor, Log& log)
{
    const at::NoGradGuard no_gradient;
    data::require_one_experiment(given);
    const auto scan = data::seen_as(given, settings);
    require(scan.probe.defined(), Status::State, "{}: there is no probe to start from", scan.source);
    auto start = physics::flat_start(scan, scan.probe, settings.integer("probe.modes"));
    return result_of(scan, physics::iterate(scan, std::move(start), engine_options(settings), monitor, log), settings);
}

double fourier_error(const data::Scan& scan, const Result& result, const Monitor& monitor)
{
    const at::NoGradGuard no_gradient;
    data::require_one_experiment(scan);
    return physics::fourier_error(scan, state_of(result, scan), monitor);
}

} // namespace ptk::reconstruction
