#include "model/model.h"

#include "base/json.h"
#include "base/random.h"
#include "data/normalisation.h"
#include "generators/initializers.h"
#include "model/settings.h"
#include "model/version.h"

#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

namespace ptk::model {

namespace {

using config::Json;

constexpr std::int64_t default_tile = 16;
constexpr std::int64_t default_draw = 4;
constexpr std::int64_t largest_side = 16384;

std::int64_t group_size(const generators::Generator& generator, const config::Settings& settings)
{
    if (generator.grouped())
        return generator.channels();
    if (settings.has("scan.group_size"))
        return settings.integer("scan.group_size");
    const auto& grouping = settings.text("scan.grouping");
    if (grouping == "min_dist" || grouping == "4_quadrant" || grouping == "raw_data")
        return default_draw;
    return grouping == "single" ? 1 : default_tile;
}

Json probe_json(const at::Tensor& probe)
{
    if (!probe.defined())
        return nullptr;
    return {{"modes", probe.size(0)},
            {"side", probe.size(1)},
            {"power", probe.abs().square().sum(at::kDouble).item<double>()}};
}

Json physics_json(const std::map<std::string, at::Tensor>& factors)
{
    auto json = Json::object();
    for (const auto& [name, value] : factors)
        json[name] = value.item<double>();
    return json;
}

} // namespace

std::unique_ptr<Model> make_model(const generators::GeneratorRegistry& registry, const config::Config& config,
                                  std::int64_t side, c10::Device device, FirstWeights first)
{
    require(side > 0 && side <= largest_side, Status::Shape,
            "a model takes frames of 1 to {0} pixels a side, found {1}", largest_side, side);
    const auto& entry = registry.get(chosen_generator(config));
    auto model = std::make_unique<Model>();
    model->generator_name = entry.metadata.name;
    model->settings = config::Settings(config::library_schema().with(entry.metadata.options), config);
    const auto& settings = model->settings;
    model->problem = {.side = side,
                      .group_size = settings.has("scan.group_size") ? settings.integer("scan.group_size") : 0};
    const auto seed = static_cast<std::uint64_t>(settings.integer("seed"));
    const bool drawn = first == FirstWeights::Drawn;
    model->generator =
        entry.make(model->problem, settings, drawn ? base::torch_generator(seed, "initialisation") : at::Generator());
    model->settings = model->settings.with(model->generator->settled());
    if (drawn)
        generators::initialize(*model->generator, settings.text("generator.initializer"),
                               base::torch_generator(seed, "initializer"));
    if (drawn && settings.text("compat") != "ptychopinn")
        model->generator->start_transparent();
    model->problem.group_size = group_size(*model->generator, settings);
    model->generator->to(device);
    model->device = device;
    model->provenance = Json{{"library", library_version}, {"libtorch", TORCH_VERSION}, {"seed", seed}}.dump();
    return model;
}

double scale_by_frames(const Model& model, double mean_power)
{
    return model.input_rms * data::parseval_scale(mean_power, model.problem.side, /*half_side=*/false);
}

Json history_json(const std::vector<HistoryRow>& history)
{
    Json rows = Json::array();
    for (const auto& row : history) {
        rows.push_back({{"epoch", row.epoch},
                        {"training_loss", row.training_loss},
                        {"validation_loss", row.validation_loss},
                        {"learning_rate", row.learning_rate},
                        {"seconds", row.seconds}});
        if (!row.terms.empty())
            rows.back()["terms"] = row.terms;
        if (!row.diagnostics.empty())
            rows.back()["diagnostics"] = row.diagnostics;
    }
    return rows;
}

std::string describe(Model& model)
{
    std::int64_t weights = 0;
    for (const auto& parameter : model.generator->parameters())
        weights += parameter.numel();
    const Json json{
        {"generator", model.generator_name},
        {"side", model.problem.side},
        {"group_size", model.problem.group_size},
        {"grouped", model.generator->grouped()},
        {"needs_probe", model.generator->needs_probe()},
        {"parameters", weights},
        {"device", model.device.str()},
        {"settings", model.settings.to_json()},
        {"probe", probe_json(model.probe)},
        {"statistics",
         {{"input_scale", model.input_scale},
          {"object_scale", model.object_scale},
          {"input_rms", model.input_rms},
          {"mean_power", model.mean_power},
          {"object_pixel_m", model.object_pixel_m}}},
        {"physics", physics_json(model.physics)},
        {"experiments", experiments_json(model.experiments)},
        {"history", history_json(model.history)},
        {"provenance", base::parse_json(model.provenance)},
    };
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

} // namespace ptk::model
