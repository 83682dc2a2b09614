#include "reconstruction/predict.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/shape.h"
#include "data/experiments.h"
#include "data/groups.h"
#include "data/read_ahead.h"
#include "generators/precision.h"
#include "model/scaling.h"
#include "physics/approach.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "physics/propagator.h"
#include "physics/rectangular_fit.h"
#include "physics/scan_probe.h"
#include "reconstruction/canvas.h"
#include "training/coherence.h"
#include "training/grouping.h"
#include "training/illumination.h"
#include "training/preparation.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <optional>

namespace ptk::reconstruction {

namespace {

using base::Clock;

/// Evaluation mode while it lives. A model at rest is in it already and is not touched, so that threads may share it.
class EvaluationMode {
public:
    explicit EvaluationMode(generators::Generator& generator)
        : generator_(generator), was_training_(generator.is_training())
    {
        if (was_training_)
            generator_.set_training(false);
    }
    ~EvaluationMode()
    {
        if (was_training_)
            generator_.set_training(true);
    }
    EvaluationMode(const EvaluationMode&) = delete;
    EvaluationMode& operator=(const EvaluationMode&) = delete;

private:
    generators::Generator& generator_;
    bool was_training_;
};

generators::Precision precision_of(const config::Settings& settings)
{
    return generators::precision_of(settings, "reconstruction.precision");
}

/// What a model is told of a scan besides its frames.
struct Optics {
    at::Tensor probe; ///< (M, N, N) complex64 on the CPU, or undefined
    model::Scaling scaling;
};

/// Says which of the experiments of its training a model takes a scan for.
/// @throws Error(State) for none when the scan has no probe of its own
void log_experiment(const model::Model& model, const model::Experiment* known, const data::Scan& scan, Log& log)
{
    const auto& all = model.experiments;
    if (known != nullptr) {
        log.info("reconstruction", "{}: experiment {} of the model's {}, {}: its probe and scale", scan.source,
                 known - all.data() + 1, all.size(), known->source);
        return;
    }
    require(
        scan.probe.defined(), Status::State,
        "{}: is none of the {} experiments of the model and has no probe of its own; probe.experiment says whose it "
        "has ({})",
        scan.source, all.size(), model::numbered(all));
    log.info("reconstruction",
             "{}: none of the {} experiments of the model: the probe of its file, and its own scale (probe.experiment "
             "chooses one of them)",
             scan.source, all.size());
}

/// The model's probe (trained or warmed) and scaling, of several experiments that of one, else the scan's probe with
/// the frames' power. With probe.from = scan, and when it is none of the experiments, all of it is prepared from the
/// scan as for a training.
Optics optics_of(const model::Model& model, const data::Scan& scan, const config::Settings& settings,
                 const Monitor& monitor, Log& log)
{
    Optics optics{.probe = {}, .scaling = model::scaling_of(model)};
    if (optics.scaling.input == 0)
        optics.scaling.input = model::scale_by_frames(model, data::mean_power(scan));
    bool own = settings.text("probe.from") == "scan";
    const model::Experiment* known = nullptr;
    if (!own && !model.experiments.empty()) {
        known = model::experiment_of(model.experiments, data::experiment_mark(scan), settings);
        log_experiment(model, known, scan, log);
        own = known == nullptr;
    }
    if (own) {
        const auto prepared = training::preparation_of(model, scan, settings, monitor, log);
        optics.probe = prepared.probe;
        optics.scaling.input = prepared.input_scale;
        optics.scaling.object = prepared.object_scale;
    } else if (known != nullptr) {
        optics.probe = known->probe;
        optics.scaling.input = known->input_scale;
        optics.scaling.object = known->object_scale;
    } else if (model.probe.defined()) {
        optics.probe = physics::canonical_probe(model.probe, model.problem.side);
    } else if (scan.probe.defined() || model.generator->needs_probe()) {
        optics.probe = physics::scan_probe(scan);
    }
    return optics;
}

/// Each step brings overlapping frames closer together; four times as many as in training still help, and cost little
/// beside the network (examples/README.md).
generators::Agreement agreement_of(const model::Model& model, const config::Settings& settings)
{
    auto agreement = model.generator->agreement();
    agreement.steps =
        settings.has("reconstruction.agreement") ? settings.integer("reconstruction.agreement") : 4 * agreement.steps;
    require(agreement.steps == 0 || model.generator->needs_probe(), Status::InvalidConfig,
            "reconstruction.agreement = {}: generator '{}' looks once and has no steps of physics in between; leave it "
            "out",
            agreement.steps, model.generator_name);
    return agreement;
}

/// Without steps of physics each further pass does some of their work; two that the network was not trained for still
/// help (examples/README.md), many do not.
std::int64_t passes_of(const model::Model& model, std::int64_t agreement, const config::Settings& settings)
{
    if (settings.has("reconstruction.passes"))
        return settings.integer("reconstruction.passes");
    const auto trained = model.generator->passes();
    return trained > 1 && agreement == 0 ? trained + 2 : trained;
}

/// Rows of frames that the network sees at once.
at::Tensor groups_for(const generators::Generator& generator, const data::Scan& scan, const config::Settings& settings)
{
    if (!generator.grouped())
        return data::single_groups(scan.positions);
    if (settings.text("reconstruction.groups") == "nearest")
        return data::tile_groups(scan.positions, generator.channels());
    const training::FrameSplit all{at::arange(scan.size(), at::kLong), at::empty({0}, at::kLong)};
    return training::training_groups(scan, all, training::resolve_grouping(settings, generator), settings);
}

/// Memory for the moved probes of all frames, bytes.
constexpr std::int64_t most_probes = std::int64_t{1} << 28;

/// What one call of reconstruct() knows: which frames make a row, where each patch goes, with which probe and weight.
class Plan {
public:
    Plan(model::Model& model, const data::Scan& scan, const Optics& optics, const config::Settings& settings)
        : probe(optics.probe), model_(model), scan_(scan), scaling_(optics.scaling), precision_(precision_of(settings)),
          subpixel_(training::subpixel_of(settings)), weighting_(training::weighting_of(settings)),
          agreement_(agreement_of(model, settings)), passes_(passes_of(model, agreement_.steps, settings)),
          grid_(physics::pixel_grid(scan.positions.to(at::kCPU, at::kDouble), scan.side())),
          propagator_(physics::Propagator::of(scan.propagation, scan.side())),
          amplitudes_([frames = scan.frames, measurement = scan.measurement](const at::Tensor& indices) {
              return data::to_amplitude(frames->gather(indices), measurement);
          })
    {
        if (probe.defined()) {
            light_.emplace(grid_.fractions, at::Tensor(), subpixel_, weighting_, model.device, most_probes);
            light_->set_probe(probe, /*lasting=*/passes_ > 1);
        }
        groups_ = groups_for(*model.generator, scan, settings);
        rows_per_batch_ = std::max<std::int64_t>(1, settings.integer("reconstruction.batch_size") / groups_.size(1));
        places_ = subpixel_ == training::Subpixel::Interpolate ? scan.positions.to(at::kCPU, at::kDouble)
                                                               : (grid_.corners + scan.side() / 2).to(at::kDouble);
        fit_parts_ = settings.flag("reconstruction.varpro");
        require(!fit_parts_ || probe.defined(), Status::State,
                "{}: reconstruction.varpro needs a probe; neither the model nor the scan has one", scan.source);
        if (scan.bad_pixels.defined())
            good_ = scan.bad_pixels.logical_not().to(model.device, at::kFloat);
        trim_ = settings.integer("reconstruction.middle_trim");
        require(trim_ <= scan.side(), Status::InvalidConfig,
                "reconstruction.middle_trim = {}: the patches have only {} pixels", trim_, scan.side());
    }

    /// Passes of the network over all rows; what is stitched in one, and brought closer to the frames by steps of
    /// physics, is where the frames start in the next.
    std::int64_t passes() const { return passes_; }
    std::int64_t agreement() const { return agreement_.steps; }
    /// Sweeps over all rows, by the network and by physics.
    std::int64_t sweeps() const { return passes_ + (passes_ - 1) * agreement_.steps; }
    std::int64_t rows() const { return groups_.size(0); }
    std::int64_t rows_per_batch() const { return rows_per_batch_; }

    /// Let the network see the batch of rows [begin, end) and stitch its patches.
    /// @param known  the object so far in the canvas's frame, or undefined
    void predict(std::int64_t begin, std::int64_t end, const at::Tensor& known, Canvas& canvas)
    {
        const auto frames = frames_of(begin, end);
        const auto light = light_of(frames);
        auto input = input_of(frames, end, light);
        if (!model_.generator->needs_probe())
            input.probe = at::Tensor();
        if (known.defined())
            input.known = cut(known, frames, canvas);
        const auto predicted = generators::predicted(*model_.generator, input, precision_);
        const auto patches = scaling_.object_of(predicted, input);
        if (fit_parts_)
            moments_.add(physics::rectangular_basis(
                             physics::rectangular_waves(patches.flatten(0, 1), light.probe.flatten(0, 1))),
                         input.amplitude.flatten(0, 1).square(), good_);
        stitch(patches, frames, light, canvas);
    }

    /// The same by a step of physics.
    void impose(std::int64_t begin, std::int64_t end, const at::Tensor& known, Canvas& canvas)
    {
        const auto frames = frames_of(begin, end);
        const auto light = light_of(frames);
        const auto input = input_of(frames, end, light);
        stitch(input.imposed(cut(known, frames, canvas), agreement_.alpha), frames, light, canvas);
    }

    /// Before each pass.
    void begin_pass() { moments_ = {}; }
    /// The factors of real and imaginary part that fit the frames best, when they were asked for.
    std::optional<physics::RectangularScales> parts() const
    {
        if (!fit_parts_)
            return {};
        return physics::exact_scales(moments_);
    }

    at::Tensor probe; ///< (M, N, N) as it was used, or undefined

private:
    /// Frames of these rows, (rows, G).
    at::Tensor frames_of(std::int64_t begin, std::int64_t end) const { return groups_.slice(0, begin, end); }

    /// What there is to see of these frames; those of the rows from @p end on are asked for meanwhile.
    generators::Input input_of(const at::Tensor& frames, std::int64_t end, const training::Light& light)
    {
        const auto side = scan_.side();
        const auto amplitude = amplitudes_.take(frames.flatten()).to(model_.device, at::kFloat);
        if (end < rows())
            amplitudes_.expect(frames_of(end, std::min(end + rows_per_batch_, rows())).flatten());
        auto input = scaling_.input_of(amplitude.view({frames.size(0), frames.size(1), side, side}));
        input.probe = light.probe;
        input.good = good_;
        input.propagator = propagator_;
        if (propagator_)
            input.fractions = light.fractions;
        return input;
    }

    /// Without a probe all patches weigh the same.
    training::Light light_of(const at::Tensor& frames) const
    {
        if (light_)
            return light_->on(frames);
        const auto side = scan_.side();
        const auto each = weighting_ == training::Weighting::CentralMask ? physics::central_half(side, at::kFloat)
                                                                         : at::ones({side, side});
        return {.probe = {}, .weights = each.expand({frames.size(0), frames.size(1), side, side})};
    }

    at::Tensor cut(const at::Tensor& object, const at::Tensor& frames, const Canvas& canvas) const
    {
        const auto side = scan_.side();
        return canvas.cut(object, places_of(frames), side)
            .to(model_.device)
            .view({frames.size(0), frames.size(1), side, side});
    }

    void stitch(const at::Tensor& patches, const at::Tensor& frames, const training::Light& light, Canvas& canvas) const
    {
        const auto weights = light.weights.defined() ? light.weights : at::ones_like(patches, at::kFloat);
        canvas.add(trimmed(patches.flatten(0, 1)).cpu(), places_of(frames), trimmed(weights.flatten(0, 1)).cpu());
    }

    at::Tensor places_of(const at::Tensor& frames) const { return places_.index_select(0, frames.flatten()); }

    /// The central pixels of the last two axes; index N/2 stays the centre.
    at::Tensor trimmed(const at::Tensor& images) const
    {
        if (trim_ == 0)
            return images;
        const auto first = scan_.side() / 2 - trim_ / 2;
        return images.narrow(-2, first, trim_).narrow(-1, first, trim_);
    }

    model::Model& model_;
    const data::Scan& scan_;
    model::Scaling scaling_;
    generators::Precision precision_;
    training::Subpixel subpixel_;
    training::Weighting weighting_;
    generators::Agreement agreement_;
    std::int64_t passes_;
    physics::PixelGrid grid_;
    physics::PropagatorPtr propagator_;           ///< of a scan in the near field
    std::optional<training::Illumination> light_; ///< when there is a probe
    at::Tensor good_;                             ///< (N, N), 0 at bad pixels, or undefined
    at::Tensor groups_;                           ///< (rows, G)
    at::Tensor places_;                           ///< (n, 2) float64: where the centres of the patches go
    std::int64_t rows_per_batch_ = 1;
    std::int64_t trim_ = 0;
    bool fit_parts_ = false;
    physics::RectangularMoments moments_;    ///< of the patches seen in this pass
    data::ReadAhead<at::Tensor> amplitudes_; ///< of the scan, by indices
};

Canvas canvas_for(const data::Scan& scan)
{
    const bool framed = scan.object.defined();
    return Canvas::around(scan.positions, scan.side(), framed ? scan.object.size(0) : 0,
                          framed ? scan.object.size(1) : 0);
}

/// A model's own lengths hold for scans that say nothing; where they say something else somebody should know.
void warn_of_other_lengths(const data::Scan& stated, const data::Scan& used, Log& log)
{
    const auto &theirs = stated.propagation, &ours = used.propagation;
    const auto differ = [](double a, double b) { return std::abs(a - b) > 0.01 * std::abs(b); };
    if (theirs.near_field() && ours.near_field() && differ(theirs.fresnel_number(), ours.fresnel_number()))
        log.warn(
            "reconstruction",
            "{}: the scan states a Fresnel number of {:.4g} for a pixel, the options (a model's own are among them) "
            "{:.4g}, which is used",
            stated.source, theirs.fresnel_number(), ours.fresnel_number());
    if (theirs.near_field() && !ours.near_field())
        log.warn("reconstruction", "{}: the scan states '{}', but physics.propagator = far_field is used",
                 stated.source, data::propagator_name(theirs.kind));
}

Result result_of(const Canvas& canvas, const Plan& plan, const data::Scan& scan, const model::Model& model,
                 const config::Settings& settings, Log& log)
{
    const double coverage = settings.number("reconstruction.coverage");
    Result result;
    result.object = canvas.object(settings.number("reconstruction.fill"), coverage);
    if (const auto parts = plan.parts()) {
        log.info("reconstruction", "{}: real part times {:.5g}, imaginary part times {:.5g} fit the frames best",
                 scan.source, parts->s1, parts->s2);
        result.object =
            at::where(canvas.covered(coverage), physics::scaled_parts(result.object, *parts), result.object);
    }
    require(at::isfinite(at::view_as_real(result.object)).all().item<bool>(), Status::NotConverged,
            "{}: generator '{}' gives numbers that are not finite; the model was not trained well, or the frames are "
            "far from what it knows",
            scan.source, model.generator_name);
    result.coverage = canvas.weights() * canvas.covered(coverage);
    result.probe = plan.probe;
    result.positions = scan.positions.to(at::kCPU, at::kDouble).clone();
    result.origin_x = canvas.origin_x();
    result.origin_y = canvas.origin_y();
    result.dropped = canvas.dropped();
    result.object_pixel_m = scan.geometry.object_pixel_m.value_or(model.object_pixel_m);
    return result;
}

/// That of the frames the model was trained on.
data::Propagation propagation_of(const model::Model& model)
{
    if (model.settings.schema().options().empty())
        return {}; // put together by hand
    return data::propagation_of(model.settings, {}, "model");
}

/// Mean sum of the squares of a frame.
double mean_power(const at::Tensor& amplitude)
{
    return amplitude.square().sum(at::IntArrayRef({2, 3}), false, at::kDouble).mean().item<double>();
}

} // namespace

at::Tensor predict_patches(model::Model& model, const at::Tensor& amplitude, const at::Tensor& probe,
                           const at::Tensor& fractions)
{
    auto& generator = *model.generator;
    const auto side = model.problem.side;
    require(amplitude.defined() && amplitude.dim() == 4 && amplitude.size(2) == side && amplitude.size(3) == side,
            Status::Shape, "amplitudes: expected (B, G, {}, {}), found {}", side, side, base::shape_of(amplitude));
    require(!generator.grouped() || amplitude.size(1) == generator.channels(), Status::Shape,
            "amplitudes: generator '{}' takes groups of {} frames, found {}", model.generator_name,
            generator.channels(), base::shape_of(amplitude));
    const EvaluationMode evaluation(generator);
    at::Tensor patches;
    {
        const c10::InferenceMode inference;
        auto scaling = model::scaling_of(model);
        const auto frames = amplitude.to(model.device, at::kFloat);
        if (scaling.input == 0)
            scaling.input = model::scale_by_frames(model, mean_power(frames));
        auto input = scaling.input_of(frames);
        input.propagator = physics::Propagator::of(propagation_of(model), side);
        input.fractions = fractions;
        if (generator.needs_probe()) {
            require(probe.defined(), Status::State, "generator '{}' needs the probe of each frame",
                    model.generator_name);
            require(probe.dim() == 5 && probe.size(0) == amplitude.size(0) && probe.size(1) == amplitude.size(1) &&
                        probe.size(2) > 0 && probe.size(3) == side && probe.size(4) == side,
                    Status::Shape, "probes: expected ({}, {}, modes, {}, {}), found {}", amplitude.size(0),
                    amplitude.size(1), side, side, base::shape_of(probe));
            input.probe = probe.to(model.device, at::kComplexFloat);
        }
        patches = scaling.object_of(generators::predicted(generator, input, precision_of(model.settings)), input).cpu();
    }
    return patches
        .clone(); // a tensor as any other: one of inference mode could not be changed or take part in a gradient
}

Result reconstruct(model::Model& model, const data::Scan& given, const config::Settings& settings,
                   const Monitor& monitor, Log& log)
{
    data::check_scan(given);
    data::require_one_experiment(given);
    const auto scan = data::seen_as(given, settings);
    warn_of_other_lengths(given, scan, log);
    require(scan.side() == model.problem.side, Status::Shape,
            "{}: the frames are {} x {}, but the model was made for {} x {}", scan.source, scan.side(), scan.side(),
            model.problem.side, model.problem.side);
    training::check_near_field(settings.with(data::options_of(scan.propagation)));
    const EvaluationMode evaluation(*model.generator);
    generators::log_precision(precision_of(settings), model.device, "reconstruction", log);
    Plan plan(model, scan, optics_of(model, scan, settings, monitor, log), settings);
    Progress progress{.phase = "predict", .steps = plan.sweeps() * plan.rows()};
    const auto began = Clock::now();
    const auto sweep = [&](auto&& work) {
        auto stitched = canvas_for(scan);
        for (std::int64_t begin = 0; begin < plan.rows(); begin += plan.rows_per_batch()) {
            monitor.check();
            const auto end = std::min(begin + plan.rows_per_batch(), plan.rows());
            {
                const c10::InferenceMode inference;
                work(begin, end, stitched);
            }
            progress.step += end - begin;
            progress.seconds = base::seconds_since(began);
            const auto whole_rows = static_cast<double>(progress.step) / static_cast<double>(plan.sweeps());
            progress.frames_per_second = whole_rows / std::max(progress.seconds, 1e-9);
            monitor.report(progress);
        }
        return stitched;
    };
    const auto picture = [](const Canvas& stitched) { return stitched.object(/*fill=*/1, /*coverage=*/0); };
    const auto look = [&](const at::Tensor& known) {
        plan.begin_pass();
        return sweep([&](auto begin, auto end, Canvas& stitched) { plan.predict(begin, end, known, stitched); });
    };
    const auto impose = [&](const at::Tensor& known) {
        return picture(
            sweep([&](auto begin, auto end, Canvas& stitched) { plan.impose(begin, end, known, stitched); }));
    };
    auto canvas = look({});
    for (std::int64_t pass = 1; pass < plan.passes(); ++pass)
        canvas = look(physics::approached(picture(canvas), plan.agreement(), impose));
    return result_of(canvas, plan, scan, model, settings, log);
}

} // namespace ptk::reconstruction
