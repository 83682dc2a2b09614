#include "training/trainer.h"

#include "training/checkpoint.h"
#include "training/coherence.h"
#include "training/run.h"
#include "training/team.h"

#include <optional>
#include <utility>
#include <vector>

namespace ptk::training {

namespace {

/// Options of the network, without where its program lies: what that holds is another option.
config::Json network_options(const config::Settings& settings)
{
    auto options = settings.to_json()["generator"];
    options.erase("file");
    return options;
}

/// What of @p before another value takes in @p after.
void log_changes(const config::Settings& before, const config::Settings& after, Log& log)
{
    auto old = before.to_json(), now = after.to_json();
    for (auto* settings : {&old, &now}) { // where programs lie and who is told says nothing of the training
        settings->erase("plugins");
        settings->erase("tracking");
        (*settings)["generator"].erase("file");
    }
    old = old.flatten();
    now = now.flatten();
    for (const auto& [key, value] : now.items()) {
        const auto found = old.find(key);
        if (found != old.end() && *found != value)
            log.warn("training", "resumed with another {}: {} instead of {}", key.substr(1), value.dump(),
                     found->dump());
    }
}

/// What a network sees and what its patches mean.
std::vector<config::Json> input_of(const config::Settings& settings)
{
    const auto json = settings.to_json();
    const auto& physics = json["physics"];
    return {json["input"],         physics["object_scale"],   physics["model"],
            physics["alpha_beta"], physics["scale_contract"], json["probe"]["scale"]};
}

} // namespace

struct Trainer::State {
    std::shared_ptr<model::Model> model;
    config::Config config;
    std::string run_folder;
    LogPtr log;
    tracking::Options tracking;
    std::optional<Checkpoint> checkpoint{}; ///< to go on from; its model has become ours
    parallel::GroupPtr group{};             ///< given, or found for each fit()
};

Trainer::Trainer(std::shared_ptr<model::Model> model, const config::Config& config, std::string run_folder, LogPtr log)
    : state_(std::make_unique<State>())
{
    require(model != nullptr, Status::InvalidArgument, "training: no model");
    state_->model = std::move(model);
    state_->config = config;
    const auto settings = state_->model->settings.with(config);
    check_coherence(settings, config, *state_->model->generator);
    stages_of(settings, *state_->model->generator);
    state_->tracking = tracking::options_of(tracking::tracking_settings(config));
    state_->run_folder = std::move(run_folder);
    state_->log = log ? std::move(log) : std::make_shared<Log>();
}

Trainer::~Trainer() = default;

void Trainer::fit(const data::Scan& scan, const Monitor& monitor)
{
    auto& model = *state_->model;
    auto settings = model.settings.with(state_->config);
    require(network_options(settings) == network_options(model.settings), Status::InvalidConfig,
            "generator.*: the model was made with other values than the training is asked to use");
    if (state_->checkpoint) {
        require(
            input_of(settings) == input_of(model.settings), Status::InvalidConfig,
            "input.*, physics.object_scale, model, scale_contract and alpha_beta, and probe.scale: a training cannot "
            "go on with other values than it began with");
        log_changes(model.settings, settings, *state_->log);
    }
    const auto seen = data::seen_as(scan, settings);
    settings = settings.with(data::options_of(seen.propagation)); // what the model was trained through
    check_near_field(settings);
    require(!seen.propagation.near_field() || seen.experiments.empty(), Status::InvalidConfig,
            "physics.propagator = '{}' trains on one experiment, but {} holds {}, each with lengths of its own",
            data::propagator_name(seen.propagation.kind), seen.source, seen.experiments.size());
    Team team(state_->group ? state_->group : group_of_process(settings, model.device, *state_->log));
    Run run(
        {model, settings, seen, state_->run_folder, monitor, log_of_rank(team, state_->log), state_->tracking, team},
        state_->checkpoint ? &*state_->checkpoint : nullptr);
    state_->checkpoint.reset();
    run.train();
}

void Trainer::share_with(parallel::GroupPtr group)
{
    state_->group = std::move(group);
}

void Trainer::resume(const generators::GeneratorRegistry& registry, const std::string& path)
{
    auto& model = *state_->model;
    auto checkpoint = load_checkpoint(registry, path, model.device);
    const auto& found = *checkpoint.model;
    require(found.generator_name == model.generator_name && found.problem.side == model.problem.side,
            Status::InvalidArgument, "{}: holds a '{}' for N = {}, the model is a '{}' for N = {}", path,
            found.generator_name, found.problem.side, model.generator_name, model.problem.side);
    model = std::move(*checkpoint.model);
    checkpoint.model.reset();
    state_->checkpoint = std::move(checkpoint);
}

} // namespace ptk::training
