// What comes before the first step: frames, groups, probe, optimizers, or a checkpoint's.
#include "data/groups.h"
#include "data/normalisation.h"
#include "generators/precision.h"
#include "model/physics_model.h"
#include "physics/probe.h"
#include "training/preparation.h"
#include "training/run.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_unique.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

namespace ptk::training {

namespace {

constexpr std::int64_t most_validation_frames = 64;

/// One, or that of each experiment.
std::vector<at::Tensor> probes_of(const model::Model& model)
{
    std::vector<at::Tensor> probes;
    for (const auto& one : model.experiments)
        probes.push_back(one.probe);
    return probes.empty() ? std::vector<at::Tensor>{model.probe} : probes;
}

/// Of each experiment: what brings its amplitudes to the power of the first, (E) float32; undefined for none.
at::Tensor units_of(const std::vector<model::Experiment>& experiments)
{
    std::vector<float> units;
    for (const auto& one : experiments)
        units.push_back(static_cast<float>(std::sqrt(experiments.front().mean_power / one.mean_power)));
    return units.empty() ? at::Tensor() : at::tensor(units);
}

std::vector<Optimizer::Parameter> parameters_of(generators::Generator& generator)
{
    std::vector<Optimizer::Parameter> parameters;
    for (const auto& [name, tensor] : generator.named_parameters())
        parameters.push_back({name, tensor->requires_grad_(true)});
    return parameters;
}

std::vector<WeightAverage::Weight> averaged_weights(const std::vector<Optimizer::Parameter>& parameters)
{
    std::vector<WeightAverage::Weight> weights;
    for (const auto& [name, tensor] : parameters)
        weights.push_back({name, tensor});
    return weights;
}

void make_folder(const std::string& folder)
{
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    require(!code, Status::Io, "{}: cannot make the folder: {}", folder, code.message());
}

} // namespace

Run::Run(Setting setting, const Checkpoint* from)
    : setting_(std::move(setting)), generator_(*setting_.model.generator), team_(setting_.team),
      subpixel_(subpixel_of(setting_.settings)),
      precision_(generators::precision_of(setting_.settings, "training.precision")),
      stages_(stages_of(setting_.settings, generator_)), penalties_(penalties_of(setting_.settings)),
      batch_size_(setting_.settings.integer("training.batch_size")),
      parts_(setting_.settings.integer("training.accumulate")), epochs_(stages_.back().end())
{
    team_.together([&] { prepare(from); });
    check_team();
    share_preparation();
    team_.together([&] { start(from); });
    team_.require_same(std::to_string(position_.step), "checkpoint");
}

void Run::prepare(const Checkpoint* from)
{
    check_scan();
    prepare_labels();
    scan_mark_ = scan_mark(setting_.scan);
    require(!from || from->scan_mark == scan_mark_, Status::State,
            "{}: is not the scan of the checkpoint ({}; the checkpoint: {})", setting_.scan.source, scan_mark_,
            from ? from->scan_mark : "");
    require(batch_size_ % team_.size() == 0, Status::InvalidConfig,
            "training.batch_size is {}, which {} processes cannot share evenly; take {} (groups in a step of all "
            "together), or another number of processes",
            batch_size_, team_.size(), (batch_size_ / team_.size() + 1) * team_.size());
    if (keeps_files())
        make_folder(setting_.folder);

    const auto& settings = setting_.settings;
    const auto& scan = setting_.scan;
    const auto seed = static_cast<std::uint64_t>(settings.integer("seed"));
    const auto split = split_frames(scan.size(), settings.number("training.validation_fraction"), seed);
    const auto grouping = resolve_grouping(settings, generator_);
    training_groups_ = training_groups(scan, split, grouping, settings);
    validation_groups_ = validation_groups(scan, split, grouping.size, most_validation_frames);
    order_.emplace(training_groups_.size(0), seed);
    const auto frames_per_step = grouping.size * batch_size_ * parts_;
    steps_per_epoch_ = (split.training.size(0) + frames_per_step - 1) / frames_per_step;

    grid_ = physics::pixel_grid(scan.positions.to(at::kCPU, at::kDouble), scan.side());
    propagator_ = physics::Propagator::of(scan.propagation, scan.side());
    amplitudes_.emplace(scan, setting_.model.device);
    if (!from)
        prepare_model(setting_.model, scan, split.training, settings, setting_.monitor, *setting_.log);
    setting_.model.settings = settings;
    setting_.log->info("training",
                       "{}: {} frames to train on, {} kept for validation; {} groups of {}, {} epochs of {} steps",
                       scan.source, split.training.size(0), split.validation.size(0), training_groups_.size(0),
                       grouping.size, epochs_, steps_per_epoch_);
    generators::log_precision(precision_, setting_.model.device, "training", *setting_.log);
    log_left_out(split.training.size(0));
    if (const auto start = settings.integer("probe.start_step"); settings.flag("probe.trainable") && start >= steps())
        setting_.log->warn("training", "probe.start_step = {}: the probe never moves, because there are {} steps",
                           start, steps());
}

/// Different programmes would wait for each other in different places.
void Run::check_team()
{
    if (team_.alone())
        return;
    auto settings = setting_.settings.to_json();
    for (const auto* key : {"threads", "plugins", "kernels"}) // each machine's own
        settings.erase(key);
    settings["generator"].erase("file");
    team_.require_same(settings.dump(), "configuration");
    team_.require_same(scan_mark_, "scan");
    if (team_.writes() && !generator_.named_buffers().empty())
        setting_.log->warn("training",
                           "'{}' keeps statistics of its batches, which each process takes from its own part "
                           "of a batch: weights are not those of one process",
                           setting_.model.generator_name);
}

void Run::share_preparation()
{
    if (team_.alone())
        return;
    auto& model = setting_.model;
    const auto numbers =
        at::tensor({model.input_scale, model.object_scale, model.mean_power, model.object_pixel_m}, at::kDouble);
    auto shared = weights();
    shared.push_back(numbers);
    if (model.probe.defined())
        shared.push_back(model.probe);
    std::vector<at::Tensor> of_experiments;
    for (auto& one : model.experiments) {
        of_experiments.push_back(at::tensor({one.input_scale, one.object_scale, one.mean_power}, at::kDouble));
        shared.insert(shared.end(), {of_experiments.back(), one.probe});
    }
    team_.spread(shared);
    model.input_scale = numbers[0].item<double>();
    model.object_scale = numbers[1].item<double>();
    model.mean_power = numbers[2].item<double>();
    model.object_pixel_m = numbers[3].item<double>();
    for (std::size_t i = 0; i < of_experiments.size(); ++i) {
        model.experiments[i].input_scale = of_experiments[i][0].item<double>();
        model.experiments[i].object_scale = of_experiments[i][1].item<double>();
        model.experiments[i].mean_power = of_experiments[i][2].item<double>();
    }
}

void Run::prepare_labels()
{
    const auto& settings = setting_.settings;
    const bool several = !setting_.scan.experiments.empty();
    // All of it is checked before the probe is warmed.
    if (model::physics_model(settings) != model::PhysicsModel::Tiles) {
        require(!several, Status::InvalidConfig,
                "physics.model = '{}' trains on one experiment, but {} holds {}, each with its own probe; "
                "physics.model = 'tiles' trains on several",
                settings.text("physics.model"), setting_.scan.source, setting_.scan.experiments.size());
        require(team_.alone(), Status::InvalidConfig,
                "physics.model = '{}' trains in one process, but {} were started; training.parallel = 'off' lets each "
                "train for itself, physics.model = 'tiles' lets them train together",
                settings.text("physics.model"), team_.size());
        model::ptychopinn_settings(settings, generator_, setting_.model.problem.group_size,
                                   setting_.model.problem.side);
    }
    for (const auto& stage : stages_) {
        if (stage.goal.compared == Compared::Intensities)
            continue;
        require(!several, Status::InvalidConfig,
                "training.loss = '{}' trains on one experiment, but {} holds {}, whose objects are different",
                stage.goal.name, setting_.scan.source, setting_.scan.experiments.size());
        require(!settings.flag("probe.trainable"), Status::InvalidConfig,
                "training.loss = '{}' does not look at the probe, so that probe.trainable cannot be true",
                stage.goal.name);
        if (!labels_)
            labels_.emplace(setting_.scan, subpixel_, settings.flag("training.phase_subtraction"),
                            settings.text("compat") == "ptychopinn", setting_.model.device);
    }
}

void Run::freeze()
{
    const auto& names = stage().frozen;
    const std::set<std::string> frozen(names.begin(), names.end());
    for (const auto& [name, tensor] : generator_.named_parameters())
        tensor->requires_grad_(!frozen.contains(name));
}

void Run::enter_stage()
{
    const auto& now = stage();
    freeze();
    if (stages_.size() == 1)
        return;
    const bool begins = position_.step == now.first_epoch * steps_per_epoch_;
    if (begins && now.first_epoch > 0 && stage_of(now.first_epoch - 1).goal.name != now.goal.name)
        position_.best_loss = std::numeric_limits<double>::infinity(); // of another loss
    setting_.log->info("training", "stage of epochs {} to {}: {}{}, learning rate {:.3g}{}", now.first_epoch + 1,
                       now.end(), now.before ? now.before->name + " into " : "", now.goal.name, now.learning_rate,
                       now.frozen.empty() ? "" : fmt::format(", {} parameters frozen", now.frozen.size()));
}

/// Frames that no group holds are not trained on, which nobody would see otherwise.
void Run::log_left_out(std::int64_t frames) const
{
    const auto used = std::get<0>(at::_unique(training_groups_)).numel();
    if (used < frames)
        setting_.log->info("training", "{} of {} training frames are in no group ({})", frames - used, frames,
                           "scan.grouping = " + setting_.settings.text("scan.grouping"));
}

void Run::check_scan() const
{
    const auto& scan = setting_.scan;
    data::check_scan(scan);
    const auto side = setting_.model.problem.side;
    require(scan.side() == side, Status::Shape, "{}: the frames are {} x {}, but the model was made for {} x {}",
            scan.source, scan.side(), scan.side(), side, side);
}

Optimizer::Options Run::optimizer_options() const
{
    const auto& settings = setting_.settings;
    Optimizer::Options options;
    options.method = builtin_optimizers().get(settings.text("training.optimizer")).make;
    options.momentum = settings.number("training.momentum");
    options.beta1 = settings.number("training.adam_beta1");
    options.beta2 = settings.number("training.adam_beta2");
    options.weight_decay = settings.number("training.weight_decay");
    return options;
}

/// Optimizers, probe and the position in the training.
void Run::start(const Checkpoint* from)
{
    const auto& settings = setting_.settings;
    auto& model = setting_.model;
    scaling_ = model::scaling_of(model);
    units_ = units_of(model.experiments);
    auto options = optimizer_options();
    if (model::physics_model(settings) != model::PhysicsModel::Tiles)
        start_reference(from);
    network_optimizer_.emplace(parameters(), options);
    if (const double decay = settings.number("training.average"); decay > 0)
        average_.emplace(averaged_weights(parameters()), decay);

    require(model.probe.defined(), Status::State, "the checkpoint's model has no probe");
    illumination_.emplace(grid_.fractions, setting_.scan.experiment_of, subpixel_, weighting_of(settings),
                          model.device);
    const auto probes = probes_of(model);
    const bool trainable = settings.flag("probe.trainable");
    illumination_->set_probe(probes.size() == 1 ? probes.front() : at::stack(probes), /*lasting=*/!trainable);
    if (trainable) {
        auto mask = probe_mask(settings, model.problem.side);
        std::vector<Optimizer::Parameter> parameters;
        for (const auto& probe : probes) {
            probes_.emplace_back(probe.to(model.device), mask.defined() ? mask.to(model.device) : mask);
            parameters.push_back({probe_name(parameters.size()), probes_.back().value()});
        }
        options.weight_decay = 0;
        probe_optimizer_.emplace(std::move(parameters), options);
        // The light of the parameter, also before it moves: what a continued run starts from.
        illumination_->set_probe(light(), /*lasting=*/false);
    }
    if (!from)
        return;
    position_ = from->position;
    scale_rates();
    seconds_before_ = position_.seconds;
    if (position_.step > 0)
        learning_rate_ = rate_at(position_.step - 1);
    network_optimizer_->load_state(from->tensors, network_prefix);
    // An average that starts in the continuation begins with the weights of now.
    if (average_ && from->tensors.contains(std::string(average_prefix) + "steps"))
        average_->load_state(from->tensors, average_prefix);
    // A probe that starts to be trained in the continuation has no state yet.
    if (trainable && from->tensors.contains(probe_name(0) + ".value")) {
        for (std::size_t i = 0; i < probes_.size(); ++i)
            probes_[i].load_state(from->tensors, probe_name(i) + ".");
        probe_optimizer_->load_state(from->tensors, probe_optimizer_prefix);
        illumination_->set_probe(light(), /*lasting=*/false);
    }
}

void Run::start_reference(const Checkpoint* from)
{
    auto& model = setting_.model;
    const auto& settings = setting_.settings;
    const auto side = model.problem.side;
    require(model.probe.defined(), Status::State, "the checkpoint's model has no probe");
    const auto chosen = model::ptychopinn_settings(settings, generator_, training_groups_.size(1), side);
    const auto mask = probe_mask(settings, side);
    const auto normalised = physics::normalised_like_ptychopinn(model.probe, chosen.probe_scale, mask);
    PtychoPinnStatistics statistics;
    statistics.probe_factor = normalised.factor;
    statistics.physics_scale = data::physics_scale(model.mean_amplitude);
    statistics.mean_intensity = model.mean_power / static_cast<double>(side * side);
    statistics.input_scale = model.input_scale;
    model.physics = PtychoPinnPhysics::factors_of(chosen, model.physics, model.device);
    reference_.emplace(chosen, statistics, normalised.probe.to(model.device),
                       mask.defined() ? mask.to(model.device) : mask, model.physics);
    for (const auto& factor : reference_->trained())
        factor.tensor.requires_grad_(true);
    // Patches stay as the network makes them; this physics has their factors.
    scaling_.object = 0;
    for (auto& stage : stages_) {
        require(!stage.before && stage.goal.name == settings.text("training.loss"), Status::InvalidConfig,
                "training.stages: physics.model = '{}' has one loss, training.loss = '{}', in all stages",
                settings.text("physics.model"), settings.text("training.loss"));
        stage.goal.loss = [this](const at::Tensor& predicted, const at::Tensor& measured, const at::Tensor& good) {
            return reference_->loss(predicted, measured, good);
        };
    }
    const auto relative = data::relative_positions(setting_.scan.positions, training_groups_).relative;
    const double reach = relative.abs().max().item<double>();
    if (const double margin = static_cast<double>(chosen.padded - side) / 2;
        chosen.merge != physics::PatchMerge::None && reach > margin)
        setting_.log->warn(
            "training",
            "patches lie up to {:.1f} pixels from their group's centre, and {:g} of them are kept beyond "
            "the frame's side as in PtychoPINN; a larger scan.max_distance keeps more",
            reach, margin);
    if (chosen.scales_from_data && !from)
        calibrate_reference();
}

void Run::calibrate_reference()
{
    const at::NoGradGuard no_gradient;
    const auto data = batch(groups_of(0), false);
    const auto& goal = stages_.front().goal;
    const double factor = reference_->calibrate(compared(goal, passes(data).back(), data), data.amplitude);
    setting_.log->info("training", "s1 = s2 = {:.5g} from the first batch", factor);
}

std::vector<Optimizer::Parameter> Run::parameters()
{
    auto all = parameters_of(generator_);
    if (reference_)
        for (const auto& [name, tensor] : reference_->trained())
            all.push_back({name, tensor});
    return all;
}

} // namespace ptk::training
