#include "training/preparation.h"

#include "data/groups.h"
#include "physics/iterative_engine.h"
#include "physics/probe.h"

#include <ATen/TensorOperators.h>
#include <torch/version.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

using config::Json;

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

at::Tensor prepared_probe(const model::Model& model, data::Scan scan, double power, const config::Settings& settings,
                          const Monitor& monitor, Log& log)
{
    if (model.probe.defined() && settings.text("probe.from") == "model")
        scan.probe = model.probe;
    require(scan.probe.defined(), Status::State,
            "{}: holds no probe and the model has none; training needs a first guess (in NPZ the array 'probeGuess'), "
            "which probe.warm_epochs improves",
            scan.source);
    const auto modes = settings.integer("probe.modes"), epochs = settings.integer("probe.warm_epochs");
    const auto side = scan.side();
    auto probe = epochs == 0 ? physics::with_modes(physics::canonical_probe(scan.probe, side), modes)
                             : physics::warm_probe(scan, modes, epochs,
                                                   static_cast<std::uint64_t>(settings.integer("seed")), monitor, log);
    if (const auto mask = probe_mask(settings, side); mask.defined())
        probe = probe * mask;
    return physics::with_power(probe, power).to(at::kCPU).contiguous();
}

void prepare_model(model::Model& model, const data::Scan& training, const config::Settings& settings,
                   const Monitor& monitor, Log& log)
{
    const double power = data::mean_power(training);
    require(std::isfinite(power) && power > 0, Status::Format,
            "{}: the frames hold {} counts on average; expected a finite number above zero", training.source, power);
    auto probe = prepared_probe(model, training, power, settings, monitor, log);
    model.provenance = provenance(model.provenance, training, settings);
    model.input_scale = data::parseval_scale(power, training.side(), /*half_side=*/false);
    model.mean_power = power;
    model.object_pixel_m = training.geometry.object_pixel_m.value_or(0);
    model.probe = std::move(probe);
    model.history.clear();
}

} // namespace ptk::training
