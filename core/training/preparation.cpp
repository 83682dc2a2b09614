#include "training/preparation.h"

#include "base/json.h"
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
    auto json = base::parse_json(before);
    if (!json.is_object())
        json = Json::object();
    json["training_source"] = training.source;
    json["training_frames"] = training.size();
    json["seed"] = settings.integer("seed");
    json["libtorch"] = TORCH_VERSION;
    return json.dump();
}

/// The probe that a preparation begins with: the file's, or what the model learnt of it. A model of one experiment does
/// not say which of several it knows.
/// @param given, mark  of the experiment
at::Tensor first_probe(const model::Model& model, const at::Tensor& given, const std::string& mark, bool several,
                       const config::Settings& settings)
{
    if (settings.text("probe.from") == "scan")
        return given;
    if (model.experiments.empty())
        return model.probe.defined() && !several ? model.probe : given;
    const auto* known = model::experiment_of(model.experiments, mark, settings);
    return known != nullptr ? known->probe : given;
}

Preparation prepared_alone(const model::Model& model, const data::Scan& scan, data::Scan training,
                           const config::Settings& settings, const Monitor& monitor, Log& log)
{
    const auto mark = model.experiments.empty() ? "" : data::experiment_mark(scan);
    training.probe = first_probe(model, scan.probe, mark, /*several=*/false, settings);
    return preparation_of(model, training, settings, monitor, log);
}

/// None when @p training is one experiment.
std::vector<model::Experiment> prepared_experiments(const model::Model& model, const data::Scan& training,
                                                    const config::Settings& settings, const Monitor& monitor, Log& log)
{
    std::vector<model::Experiment> all;
    for (const auto& experiment : training.experiments) {
        auto scan = data::experiment(training, static_cast<std::int64_t>(all.size()));
        scan.probe = first_probe(model, experiment.probe, experiment.mark, /*several=*/true, settings);
        const auto made = preparation_of(model, scan, settings, monitor, log);
        log.info("training", "experiment {} of {}: {}: {} frames to train on, {:.4g} counts each", all.size() + 1,
                 training.experiments.size(), experiment.source, scan.size(), made.power);
        all.push_back(
            {experiment.source, experiment.mark, made.probe, made.input_scale, made.object_scale, made.power});
    }
    return all;
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
    Preparation made;
    made.power = data::mean_power(scan);
    require(std::isfinite(made.power) && made.power > 0, Status::Format,
            "{}: the frames hold {} counts on average; expected a finite number above zero", scan.source, made.power);
    made.input_scale = input_scale(scan, made.power, settings);
    made.probe = prepared_probe(scan, made.power, settings, monitor, log);
    if (model::physics_model(settings) == model::PhysicsModel::Tiles) {
        made.object_scale = object_scale(made.probe, *model.generator, settings);
        return made;
    }
    made.mean_amplitude = data::frame_sums(scan).mean_amplitude;
    made.object_scale = reference_object_scale(model, made.probe, made.mean_amplitude, settings);
    return made;
}

void prepare_model(model::Model& model, const data::Scan& scan, const at::Tensor& frames,
                   const config::Settings& settings, const Monitor& monitor, Log& log)
{
    const auto training = data::subset(scan, frames);
    auto experiments = prepared_experiments(model, training, settings, monitor, log);
    Preparation made;
    if (experiments.empty()) {
        made = prepared_alone(model, scan, training, settings, monitor, log);
    } else {
        const auto& first = experiments.front();
        made = {first.probe, first.mean_power, first.input_scale, first.object_scale};
    }
    model.provenance = provenance(model.provenance, training, settings);
    model.input_scale = made.input_scale;
    model.object_scale = made.object_scale;
    model.mean_power = made.power;
    model.mean_amplitude = made.mean_amplitude;
    model.object_pixel_m = training.geometry.object_pixel_m.value_or(0);
    model.probe = std::move(made.probe);
    model.experiments = std::move(experiments);
    model.history.clear();
}

} // namespace ptk::training
