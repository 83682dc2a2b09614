#include "training/preparation.h"

#include "data/experiments.h"
#include "data/normalisation.h"
#include "model/physics_model.h"
#include "model/scaling.h"
#include "physics/iterative_engine.h"
#include "physics/probe.h"
#include "training/ptychopinn_physics.h"

#include <ATen/TensorOperators.h>
#include <torch/version.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

using config::Json;

double input_scale(const data::Scan& training, double power, const config::Settings& settings)
{
    if (settings.text("input.normalize") == "none")
        return 1;
    if (settings.flag("physics.alpha_beta"))
        return settings.number("physics.intensity_scale");
    const auto norm = model::input_norm(settings);
    if (norm.kind == data::InputNorm::Kind::Parseval && !norm.intensity)
        return data::parseval_scale(power, training.side(), norm.half_side);
    return data::input_scale(data::frame_sums(training), training.side(), norm);
}

/// PtychoPINN's forward model divides the probe by probe_scale mean|P|, once more by probe_scale, and the amplitude by
/// the input's factor; what its network predicts is larger than the object by these.
double object_scale(const at::Tensor& probe, const generators::Generator& generator, const config::Settings& settings)
{
    if (settings.text("physics.object_scale") != "ptychopinn")
        return 0;
    require(!generator.needs_probe() && settings.text("input.images") == "amplitude", Status::InvalidConfig,
            "physics.object_scale = 'ptychopinn' is for generators that see scaled amplitudes and nothing else "
            "(input.images = 'amplitude', a generator without probe)");
    const double probe_scale = settings.number("probe.scale");
    return physics::normalised_like_ptychopinn(probe, probe_scale, {}).factor / probe_scale;
}

double reference_object_scale(const model::Model& model, const at::Tensor& probe, double mean_amplitude,
                              const config::Settings& settings)
{
    const auto side = model.problem.side;
    const auto chosen = model::ptychopinn_settings(settings, *model.generator, model.problem.group_size, side);
    const auto factor =
        physics::normalised_like_ptychopinn(probe, chosen.probe_scale, probe_mask(settings, side)).factor;
    return ptychopinn_object_scale(chosen, factor, data::physics_scale(mean_amplitude));
}

at::Tensor prepared_probe(const data::Scan& scan, double power, const config::Settings& settings,
                          const Monitor& monitor, Log& log)
{
    require(scan.probe.defined(), Status::State,
            "{}: holds no probe and the model has none; training needs a first guess (in NPZ the array 'probeGuess'), "
            "which probe.warm_epochs improves",
            scan.source);
    const auto modes = settings.integer("probe.modes"), epochs = settings.integer("probe.warm_epochs");
    const auto side = scan.side();
    auto probe = epochs == 0 ? physics::with_modes(physics::canonical_probe(scan.probe, side), modes)
                             : physics::warm_probe(scan, modes, epochs,
                                                   static_cast<std::uint64_t>(settings.integer("seed")), monitor, log);
    // PtychoPINN's physics masks what the object sees, and not what patches are weighted with.
    if (const auto mask = probe_mask(settings, side);
        mask.defined() && model::physics_model(settings) == model::PhysicsModel::Tiles)
        probe = probe * mask;
    if (settings.text("probe.power") == "frames")
        probe = physics::with_power(probe, power);
    return probe.to(at::kCPU).contiguous();
}

std::string provenance(const std::string& before, const data::Scan& training, const config::Settings& settings)
{
    auto json = Json::parse(before, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object())
        json = Json::object();
    json["training_source"] = training.source;
    json["training_frames"] = training.size();
    json["seed"] = settings.integer("seed");
    json["libtorch"] = TORCH_VERSION;
    return json.dump();
}

/// With the probe that @p scan holds.
Preparation prepared(const model::Model& model, const data::Scan& scan, const config::Settings& settings,
                     const Monitor& monitor, Log& log)
{
    Preparation made;
    made.power = data::mean_power(scan);
    require(std::isfinite(made.power) && made.power > 0, Status::Format,
            "{}: the frames hold {} counts on average; expected a finite number above zero", scan.source, made.power);
    made.input_scale = input_scale(scan, made.power, settings);
    made.probe = prepared_probe(scan, made.power, settings, monitor, log);
    made.object_scale = object_scale(made.probe, *model.generator, settings);
    return made;
}

/// The probe that an experiment's preparation begins with: of the model when it was trained on this one, else the
/// file's.
at::Tensor first_probe(const model::Model& model, const data::Experiment& experiment, const config::Settings& settings)
{
    if (settings.text("probe.from") == "model")
        for (const auto& known : model.experiments)
            if (known.mark == experiment.mark)
                return known.probe;
    return experiment.probe;
}

std::vector<model::Experiment> prepared_experiments(const model::Model& model, const data::Scan& training,
                                                    const config::Settings& settings, const Monitor& monitor, Log& log)
{
    std::vector<model::Experiment> all;
    for (const auto& experiment : training.experiments) {
        auto scan = data::experiment(training, static_cast<std::int64_t>(all.size()));
        require(scan.size() > 0, Status::Shape, "{}: no frames of it are left to train on", experiment.source);
        scan.probe = first_probe(model, experiment, settings);
        const auto made = prepared(model, scan, settings, monitor, log);
        all.push_back(
            {experiment.source, experiment.mark, made.probe, made.input_scale, made.object_scale, made.power});
    }
    return all;
}

Preparation preparation_of(const model::Experiment& experiment)
{
    return {experiment.probe, experiment.mean_power, experiment.input_scale, experiment.object_scale};
}

} // namespace

at::Tensor probe_mask(const config::Settings& settings, std::int64_t side)
{
    if (!settings.flag("probe.mask"))
        return {};
    std::optional<double> diameter;
    if (settings.has("probe.mask_diameter"))
        diameter = settings.number("probe.mask_diameter");
    return physics::soft_disk(side, diameter, settings.number("probe.mask_sigma"));
}

Preparation preparation_of(const model::Model& model, const data::Scan& scan, const config::Settings& settings,
                           const Monitor& monitor, Log& log)
{
    auto lit = scan;
    const bool has_one = model.probe.defined() && model.experiments.empty(); // of several it may be none
    if (settings.text("probe.from") == "model" && (has_one || !scan.probe.defined()))
        lit.probe = model.probe;
    return prepared(model, lit, settings, monitor, log);
}

void prepare_model(model::Model& model, const data::Scan& training, const config::Settings& settings,
                   const Monitor& monitor, Log& log)
{
    std::vector<model::Experiment> experiments;
    if (!training.experiments.empty())
        experiments = prepared_experiments(model, training, settings, monitor, log);
    const auto made = experiments.empty() ? preparation_of(model, training, settings, monitor, log)
                                          : preparation_of(experiments.front());
    model.provenance = provenance(model.provenance, training, settings);
    model.input_scale = made.input_scale;
    model.object_scale = made.object_scale;
    model.mean_power = made.power;
    model.mean_amplitude = made.mean_amplitude;
    model.object_pixel_m = training.geometry.object_pixel_m.value_or(0);
    model.probe = made.probe;
    model.experiments = std::move(experiments);
    model.history.clear();
}

} // namespace ptk::training
