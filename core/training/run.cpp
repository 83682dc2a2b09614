#include "training/run.h"

#include "base/atomic_file.h"
#include "data/experiments.h"
#include "data/groups.h"
#include "data/normalisation.h"
#include "generators/blocks/activation_watch.h"
#include "model/bundle.h"
#include "physics/probe.h"
#include "training/history.h"
#include "training/preparation.h"
#include "training/run_description.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_unique.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <set>
#include <system_error>
#include <utility>

namespace ptk::training {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t most_validation_frames = 64;
constexpr std::int64_t validation_batch_frames = 64; ///< predicted at once
constexpr const char* network_prefix = "optimizer.network.";
constexpr const char* probe_optimizer_prefix = "optimizer.probe.";
constexpr const char* average_prefix = "average.";

double seconds_since(Clock::time_point begin)
{
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Training mode of the network, and no gradients left behind.
class TrainingMode {
public:
    TrainingMode(generators::Generator& generator, Optimizer& optimizer) : generator_(generator), optimizer_(optimizer)
    {
        generator_.set_training(true);
    }
    ~TrainingMode()
    {
        generator_.set_training(false);
        optimizer_.clear_gradients();
        for (const auto& [name, tensor] : generator_.named_parameters()) // a stage may have frozen some
            tensor->requires_grad_(true);
    }
    TrainingMode(const TrainingMode&) = delete;
    TrainingMode& operator=(const TrainingMode&) = delete;

private:
    generators::Generator& generator_;
    Optimizer& optimizer_;
};

/// What a forward pass of a network may change, as it was.
class Buffers {
public:
    explicit Buffers(generators::Generator& generator) : generator_(generator)
    {
        for (const auto& buffer : generator.named_buffers())
            before_.push_back(buffer.tensor->clone());
    }
    void put_back() const
    {
        const auto buffers = generator_.named_buffers();
        for (std::size_t i = 0; i < buffers.size(); ++i)
            buffers[i].tensor->copy_(before_[i]);
    }

private:
    generators::Generator& generator_;
    std::vector<at::Tensor> before_;
};

/// Of the trained probe of an experiment.
std::string probe_name(std::size_t number)
{
    return number == 0 ? "probe" : fmt::format("probe_{}", number);
}

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

void put_all(std::map<std::string, at::Tensor>& into, const char* prefix, const std::map<std::string, at::Tensor>& from)
{
    for (const auto& [name, tensor] : from)
        into[prefix + name] = tensor;
}

bool all_finite(const std::vector<at::Tensor>& tensors)
{
    std::vector<at::Tensor> floating;
    for (const auto& tensor : tensors)
        if (tensor.is_floating_point() || tensor.is_complex())
            floating.push_back(tensor);
    return floating.empty() || at::stack(at::_foreach_norm(floating)).isfinite().all().item<bool>();
}

bool all_finite(const std::vector<double>& numbers)
{
    return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
}

/// " (amplitude 0.02 + tv_phase 0.001)", or nothing.
std::string terms_text(const std::map<std::string, double>& terms)
{
    std::string text;
    for (const auto& [name, value] : terms)
        text += fmt::format("{}{} {:.4g}", text.empty() ? " (" : " + ", name, value);
    return text.empty() ? text : text + ")";
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

const Stage& Run::stage_of(std::int64_t epoch) const
{
    const auto found =
        std::find_if(stages_.begin(), stages_.end(), [&](const Stage& stage) { return epoch < stage.end(); });
    return found == stages_.end() ? stages_.back() : *found;
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

std::span<const model::HistoryRow> Run::history_of(const Stage& stage) const
{
    const std::span<const model::HistoryRow> all(setting_.model.history);
    return all.subspan(std::min(all.size(), static_cast<std::size_t>(stage.first_epoch)));
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

std::vector<Pass> Run::passes(const Batch& batch, generators::Precision precision)
{
    if (!reference_)
        return predicted_passes(generator_, batch, scaling_, subpixel_, precision);
    const auto patches = predicted_patches(generator_, batch, scaling_, {}, precision);
    return std::vector<Pass>{Pass{patches, patches}};
}

std::vector<Optimizer::Parameter> Run::parameters()
{
    auto all = parameters_of(generator_);
    if (reference_)
        for (const auto& [name, tensor] : reference_->trained())
            all.push_back({name, tensor});
    return all;
}

at::Tensor Run::input_scales(const Batch& batch) const
{
    if (scaling_.per_group)
        return data::group_scales(batch.amplitude, scaling_.norm);
    return at::full({1, 1, 1, 1}, scaling_.input, batch.amplitude.options());
}

void Run::train()
{
    find_rate();
    start_tracking();
    try {
        train_epochs();
    } catch (const std::exception& error) {
        const auto* ours = dynamic_cast<const Error*>(&error);
        const bool cancelled = ours != nullptr && ours->status() == Status::Cancelled;
        stop_tracking(cancelled ? tracking::RunStatus::Killed : tracking::RunStatus::Failed, error.what());
        throw;
    }
    stop_tracking(tracking::RunStatus::Finished, "");
}

void Run::start_tracking()
{
    if (setting_.tracking.address.empty() || !team_.writes())
        return;
    if (position_.tracking_id.empty())
        position_.tracking_id = tracking::new_id();
    tracker_ = std::make_unique<tracking::Tracker>(
        setting_.tracking,
        run_description(setting_.tracking, position_.tracking_id, setting_.folder, setting_.model, setting_.scan),
        setting_.log);
}

void Run::stop_tracking(tracking::RunStatus status, const std::string& reason)
{
    if (!tracker_)
        return;
    std::vector<std::filesystem::path> files;
    if (keeps_files())
        files = {path("history.csv"), path("history.json"), path("best.ptk")};
    tracker_->finish(status, reason, files);
}

void Run::track_step(const std::vector<double>& terms, double gradient_norm)
{
    const auto every = setting_.tracking.every_steps;
    if (!tracker_ || every == 0 || position_.step % every != 0)
        return;
    tracker_->log(position_.step, {{"step_loss", std::accumulate(terms.begin(), terms.end(), 0.0)},
                                   {"step_learning_rate", learning_rate_},
                                   {"step_gradient_norm", gradient_norm}});
}

void Run::train_epochs()
{
    const TrainingMode mode(generator_, *network_optimizer_);
    try {
        while (position_.epoch < epochs_ && !stalled()) {
            team_.spread(weights()); // machines may round differently
            if (position_.epoch == stage().first_epoch || good_weights_.empty())
                enter_stage();
            remember_good_weights();
            while (position_.step < (position_.epoch + 1) * steps_per_epoch_)
                step();
            finish_epoch();
        }
    } catch (const parallel::Lost&) { // it may have been the one that writes: each that is left does
        hand_probe_to_model();
        if (!setting_.folder.empty())
            save_last();
        throw;
    } catch (const Error& error) {
        hand_probe_to_model();
        if (error.status() == Status::Cancelled && keeps_files())
            save_last();
        throw;
    }
    if (position_.epoch < epochs_ && keeps_files())
        save_last();
    if (average_)
        average_->swap();
    hand_probe_to_model();
}

bool Run::stalled() const
{
    const auto patience = setting_.settings.integer("training.patience");
    const auto history = history_of(stages_.back());
    if (patience == 0 || history.empty())
        return false;
    const auto better = [](const model::HistoryRow& a, const model::HistoryRow& b) {
        return judged_loss(a) < judged_loss(b);
    };
    const auto best = std::min_element(history.begin(), history.end(), better);
    if (std::distance(best, history.end()) <= patience)
        return false;
    setting_.log->info("training", "stops in epoch {}: the loss has not fallen since epoch {} (training.patience {})",
                       position_.epoch, best->epoch, patience);
    return true;
}

double Run::rate_fraction(std::int64_t step) const
{
    const auto& stage = stage_of(step / steps_per_epoch_);
    return stage.schedule({step - stage.first_epoch * steps_per_epoch_, stage.epochs * steps_per_epoch_,
                           steps_per_epoch_, history_of(stage)});
}

/// More groups in a step make its gradient surer, so that it may be longer.
/// Source: linear Goyal et al., arXiv:1706.02677; root Krizhevsky, arXiv:1404.5997.
double Run::rate_factor() const
{
    const auto& scaling = setting_.settings.text("training.rate_scaling");
    const auto groups = static_cast<double>(batch_size_ * parts_);
    return scaling == "linear" ? groups : scaling == "sqrt" ? std::sqrt(groups) : 1;
}

double Run::rate_at(std::int64_t step) const
{
    return stage_of(step / steps_per_epoch_).learning_rate * rate_factor() * rate_fraction(step);
}

void Run::step()
{
    const auto began = Clock::now();
    const double schedule = rate_fraction(position_.step);
    learning_rate_ = rate_at(position_.step);

    const auto slope = gradients();
    require_finite(slope);
    network_optimizer_->step(learning_rate_);
    if (average_)
        average_->update();
    if (probe_moves())
        move_probe(schedule);

    ++position_.step;
    add_up(slope.terms);
    track_step(slope.terms, slope.norm);
    step_seconds_ += seconds_since(began);
    team_.report(setting_.monitor, progress("train"));
}

bool Run::Slope::is_finite() const
{
    return all_finite(terms) && std::isfinite(norm) && std::isfinite(probe_norm);
}

/// Of all processes together, so that all of them give up.
void Run::require_finite(const Slope& slope)
{
    const auto& terms = slope.terms;
    for (std::size_t i = 0; i < terms.size(); ++i)
        if (!std::isfinite(terms[i]))
            give_up(i + penalties_.size() < terms.size() ? "the loss" : "the regularizer " + term_names()[i]);
    if (!std::isfinite(slope.norm))
        give_up("the gradient");
    if (!std::isfinite(slope.probe_norm))
        give_up("the gradient of the probe");
}

std::vector<at::Tensor> Run::trained()
{
    std::vector<at::Tensor> all;
    for (const auto& parameter : generator_.named_parameters())
        all.push_back(*parameter.tensor);
    if (reference_)
        for (const auto& factor : reference_->trained())
            all.push_back(factor.tensor);
    for (auto& probe : probes_)
        all.push_back(probe.value());
    return all;
}

Run::Slope Run::gradients()
{
    if (precision_ == generators::Precision::Float32)
        return gradients_in(precision_);
    const Buffers buffers(generator_);
    const auto frames = frames_trained_;
    if (auto slope = gradients_in(precision_); slope.is_finite())
        return slope;
    buffers.put_back();
    frames_trained_ = frames;
    if (++repeated_ == 1)
        setting_.log->warn("training",
                           "step {}: loss or gradient are not finite in bfloat16; the step is done again in float32, "
                           "and so are others of this epoch like it",
                           position_.step + 1);
    return gradients_in(generators::Precision::Float32);
}

/// How many steps of an epoch did not go in bfloat16.
void Run::log_repeated()
{
    if (repeated_ > 0)
        setting_.log->info("training", "epoch {}: {} of {} steps were done again in float32", position_.epoch,
                           repeated_, steps_per_epoch_);
    repeated_ = 0;
}

Run::Slope Run::gradients_in(generators::Precision precision)
{
    network_optimizer_->clear_gradients();
    if (probe_optimizer_)
        probe_optimizer_->clear_gradients();
    Slope slope;
    slope.terms.resize(term_names().size());
    for (std::int64_t part = 0; part < parts_; ++part) {
        const auto more = accumulate(part, precision);
        for (std::size_t i = 0; i < more.size(); ++i)
            slope.terms[i] += more[i] / static_cast<double>(parts_);
        if (team_.alone() && !all_finite(slope.terms))
            return slope;
    }
    team_.sum(trained(), slope.terms);
    if (!all_finite(slope.terms))
        return slope;
    const auto& settings = setting_.settings;
    const auto limit = builtin_gradient_limits().get(settings.text("training.gradient_clip_by")).make;
    const double largest = settings.number("training.gradient_clip");
    slope.norm = network_optimizer_->clip_gradients(largest, limit);
    if (probe_optimizer_)
        slope.probe_norm = probe_optimizer_->clip_gradients(largest, limit);
    return slope;
}

void Run::find_rate()
{
    const auto& wish = setting_.settings.text("training.find_rate");
    if (wish == "no" || position_.step > 0 || position_.found_rate > 0)
        return;
    const TrainingMode mode(generator_, *network_optimizer_);
    remember_good_weights();
    const auto position = position_;
    const auto put_back = [&] {
        restore_good_weights();
        position_ = position;
        frames_trained_ = 0;
    };
    Optimizer optimizer(parameters(), optimizer_options());
    freeze();
    RangeTest test;
    try {
        while (!test.over()) {
            learning_rate_ = test.rate();
            const auto slope = gradients();
            if (!slope.is_finite())
                break;
            optimizer.step(test.rate());
            test.add(std::accumulate(slope.terms.begin(), slope.terms.end(), 0.0));
            ++position_.step;
            team_.report(setting_.monitor, progress("find rate"));
        }
    } catch (const Error& error) {
        put_back();
        if (error.status() != Status::NotConverged) // which ends the test as it should
            throw;
    }
    put_back();
    use_rate(test.suggestion(), wish == "use");
}

void Run::use_rate(std::optional<double> rate, bool use)
{
    const double own = stages_.front().learning_rate;
    if (!rate) {
        setting_.log->warn("training", "find_rate: the loss fell at no rate from {} to {}; {:.3g} stays",
                           RangeTest::lowest, RangeTest::highest, own);
        return;
    }
    setting_.log->info("training", "find_rate: {:.3g} ({} training.learning_rate = {:.3g})", *rate,
                       use ? "used instead of" : "not used; now", own);
    if (!use)
        return;
    position_.found_rate = *rate / rate_factor();
    scale_rates();
}

/// Other stages keep their relation to the first.
void Run::scale_rates()
{
    if (!(position_.found_rate > 0) || setting_.settings.text("training.find_rate") != "use")
        return;
    const double before = stages_.front().learning_rate;
    for (auto& stage : stages_)
        stage.learning_rate = before > 0 ? stage.learning_rate * position_.found_rate / before : position_.found_rate;
    config::Config found;
    found.set("training.learning_rate", position_.found_rate);
    setting_.model.settings = setting_.model.settings.with(found);
}

void Run::add_up(const std::vector<double>& terms)
{
    position_.loss_sum += std::accumulate(terms.begin(), terms.end(), 0.0);
    const auto names = term_names();
    if (names.size() == 1)
        return;
    for (std::size_t i = 0; i < names.size(); ++i)
        position_.term_sums[names[i]] += terms[i];
}

std::vector<double> Run::accumulate(std::int64_t part, generators::Precision precision)
{
    const auto number = position_.step * parts_ + part;
    const auto groups = groups_of(number);
    const auto data = batch(groups, probe_moves());
    if (number + 1 < steps() * parts_)
        amplitudes_->expect(groups_of(number + 1));
    const auto shares = shares_of(data);
    at::Tensor losses;
    std::vector<double> values;
    for (const auto& pass : passes(data, precision)) {
        values.clear();
        for (const auto& term : terms_of(pass, data, shares)) {
            values.push_back(term.item<double>());
            losses = losses.defined() ? losses + term : term;
        }
        if (team_.alone() && !all_finite(values))
            return values;
    }
    (parts_ == 1 ? losses : losses / static_cast<double>(parts_)).backward();
    frames_trained_ += groups.numel() * team_.size();
    return values;
}

std::vector<at::Tensor> Run::terms_of(const Pass& pass, const Batch& batch, std::span<const double> shares) const
{
    const auto& now = stage();
    const auto value = [&](const Goal& goal) {
        return goal.loss(compared(goal, pass, batch), truth(goal, batch), batch.good);
    };
    std::vector<at::Tensor> terms;
    if (const double weight = now.weight(position_.epoch); now.before) {
        terms.push_back((1 - weight) * value(*now.before));
        terms.push_back(weight * value(now.goal));
    } else {
        terms.push_back(value(now.goal));
    }
    for (const auto& penalty : penalties_)
        terms.push_back(penalty.weight * penalty.of(pass.patches));
    for (std::size_t i = 0; i < terms.size() && !team_.alone(); ++i)
        terms[i] = terms[i] * shares[i];
    return terms;
}

std::vector<double> Run::shares_of(const Batch& batch)
{
    if (team_.alone())
        return {};
    const auto share = [&](const Goal& goal) {
        return team_.share(batch_weight(goal.per, truth(goal, batch), batch.good));
    };
    std::vector<double> shares;
    if (stage().before)
        shares.push_back(share(*stage().before));
    shares.push_back(share(stage().goal));
    // Regularizers are means over patches, of which each process has as many.
    shares.insert(shares.end(), penalties_.size(), 1 / static_cast<double>(team_.size()));
    return shares;
}

std::vector<std::string> Run::term_names() const
{
    const auto& now = stage();
    std::vector<std::string> names;
    if (now.before)
        names.push_back(now.before->name);
    names.push_back(now.goal.name);
    for (const auto& penalty : penalties_)
        names.push_back(penalty.name);
    return names;
}

std::map<std::string, double> Run::epoch_terms() const
{
    std::map<std::string, double> means;
    const auto names = term_names();
    if (names.size() == 1)
        return means;
    for (const auto& name : names)
        if (const auto sum = position_.term_sums.find(name); sum != position_.term_sums.end())
            means[name] = sum->second / static_cast<double>(steps_per_epoch_);
    return means;
}

void Run::move_probe(double schedule)
{
    probe_optimizer_->step(setting_.settings.number("probe.learning_rate") * schedule);
    for (auto& probe : probes_)
        probe.restore_power();
    illumination_->set_probe(light(), /*lasting=*/false);
}

/// Everything that may be interrupted comes before the first change, so that it can be done again.
void Run::finish_epoch()
{
    const double training_loss = position_.loss_sum / static_cast<double>(steps_per_epoch_);
    double validation_loss = 0;
    Findings findings;
    {
        const Averaged averaged(average_);
        const generators::ActivationWatch watch;
        validation_loss = validate();
        findings = findings_of(watch, generator_);
    }
    auto report = progress("validate");
    report.validation_loss = validation_loss;
    if (validation_groups_.size(0) > 0 && !std::isfinite(validation_loss))
        give_up("the validation loss");
    team_.report(setting_.monitor, report);
    team_.agree();
    if (!all_finite(weights()))
        give_up("a weight");

    recentre_probe();
    const auto terms = epoch_terms(); // of the stage that may end here
    ++position_.epoch;
    setting_.model.history.push_back(
        {position_.epoch, training_loss, validation_loss, learning_rate_, seconds(), terms, findings.numbers});
    position_.loss_sum = 0;
    position_.term_sums.clear();
    setting_.log->info("training", "epoch {}/{}: loss {:.5g}{}, validation {:.5g}, learning rate {:.3g}, {:.1f} s",
                       position_.epoch, epochs_, training_loss, terms_text(setting_.model.history.back().terms),
                       validation_loss, learning_rate_, seconds());
    warn_of(findings);
    log_repeated();
    if (tracker_)
        tracker_->log(position_.epoch, epoch_metrics(setting_.model.history.back()));
    save_epoch(validation_groups_.size(0) > 0 ? validation_loss : training_loss);
}

/// Once for each thing: it may last for all epochs.
void Run::warn_of(const Findings& findings)
{
    for (const auto& [what, warning] : findings.warnings)
        if (warned_of_.insert(what).second)
            setting_.log->warn("training", "epoch {}: {}", position_.epoch, warning);
}

/// Loss of the validation frames alone, without regularizers, each predicted and merged with its neighbours; NaN
/// without validation frames.
double Run::validate()
{
    const auto count = validation_groups_.size(0), size = validation_groups_.size(1);
    if (count == 0)
        return std::numeric_limits<double>::quiet_NaN();
    const c10::InferenceMode inference;
    generator_.set_training(false);
    const auto& goal = stage().goal;
    std::vector<at::Tensor> predicted, measured;
    at::Tensor good;
    const auto at_once = std::max<std::int64_t>(1, validation_batch_frames / size);
    const auto ours = team_.part_of(count);
    for (auto begin = ours.begin; begin < ours.end; begin += at_once) {
        const auto groups = validation_groups_.narrow(0, begin, std::min(at_once, ours.end - begin));
        const auto data = batch(groups, false);
        predicted.push_back(compared(goal, passes(data).back(), data).narrow(1, 0, 1));
        good = data.good;
        measured.push_back(truth(goal, data).narrow(1, 0, 1));
        team_.check(setting_.monitor);
    }
    generator_.set_training(true);
    if (predicted.empty()) // fewer validation frames than processes
        return team_.mean(0, 0);
    const auto all = at::cat(measured);
    return team_.mean(goal.loss(at::cat(predicted), all, good).item<double>(), batch_weight(goal.per, all, good));
}

void Run::recentre_probe()
{
    if (propagator_) // in the near field the frames tell where it is
        return;
    bool moved = false;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
        const auto shift = probes_[i].drift();
        if (shift.rows == 0 && shift.columns == 0)
            continue;
        moved = true;
        probes_[i].move(shift);
        auto& moments = probe_optimizer_->moments(probe_name(i));
        moments.mean = at::roll(moments.mean, {shift.rows, shift.columns}, {1, 2});
        if (moments.mean_square.defined())
            moments.mean_square = at::roll(moments.mean_square, {shift.rows, shift.columns}, {1, 2});
    }
    if (moved)
        illumination_->set_probe(light(), /*lasting=*/false);
}

void Run::save_epoch(double loss)
{
    const bool better = loss < position_.best_loss;
    if (better)
        position_.best_loss = loss;
    hand_probe_to_model();
    if (!keeps_files())
        return;
    base::write_text(path("history.csv"), history_csv(setting_.model.history));
    base::write_text(path("history.json"), history_text(setting_.model.history));
    if (better) {
        const Averaged averaged(average_);
        model::save_bundle(setting_.model, path("best.ptk"));
    }
    if (position_.epoch == epochs_ || position_.epoch % setting_.settings.integer("training.checkpoint_epochs") == 0)
        save_last();
}

at::Tensor Run::groups_of(std::int64_t batch)
{
    const auto ours = team_.part_of(batch_size_);
    return training_groups_.index_select(0, order_->take(batch * batch_size_ + ours.begin, ours.end - ours.begin));
}

Batch Run::batch(const at::Tensor& groups, bool probe_moves)
{
    Batch batch;
    batch.amplitude = amplitudes_->of(groups);
    if (setting_.scan.bad_pixels.defined())
        batch.good = setting_.scan.bad_pixels.logical_not().to(batch.amplitude.device(), at::kFloat);
    batch.propagator = propagator_;
    batch.corners = grid_.corners.index_select(0, groups.reshape({-1})).view({groups.size(0), groups.size(1), 2});
    if (subpixel_ == Subpixel::Interpolate)
        batch.relative = data::relative_positions(setting_.scan.positions, groups).relative;
    if (!setting_.scan.experiments.empty())
        batch.experiments = data::experiments_of(setting_.scan, groups.select(1, 0));
    if (reference_) // which has its own
        return batch;
    batch.light = probe_moves ? illumination_->on(groups, light()) : illumination_->on(groups);
    if (labels_)
        batch.labels = labels_->of(groups);
    return batch;
}

at::Tensor Run::compared(const Goal& goal, const Pass& pass, const Batch& batch) const
{
    if (reference_)
        return reference_->predicted(pass.patches, batch.relative.to(pass.patches.device(), at::kFloat),
                                     input_scales(batch));
    if (goal.compared == Compared::Objects)
        return pass.agreed;
    const auto intensity = predicted_intensity(pass.agreed, batch);
    const auto unit = unit_of(goal, batch);
    return unit.defined() ? intensity * unit.square() : intensity;
}

at::Tensor Run::truth(const Goal& goal, const Batch& batch) const
{
    if (goal.compared == Compared::Objects)
        return batch.labels;
    const auto unit = unit_of(goal, batch);
    return unit.defined() ? batch.amplitude * unit : batch.amplitude;
}

at::Tensor Run::unit_of(const Goal& goal, const Batch& batch) const
{
    if (!goal.relative || !batch.experiments.defined())
        return {};
    return units_.index_select(0, batch.experiments).to(batch.amplitude.device()).view({-1, 1, 1, 1});
}

bool Run::probe_moves() const
{
    return !probes_.empty() && position_.step >= setting_.settings.integer("probe.start_step");
}

double Run::seconds() const
{
    return seconds_before_ + seconds_since(begin_);
}

Progress Run::progress(const char* phase) const
{
    Progress progress;
    progress.phase = phase;
    progress.epoch = position_.epoch + 1;
    progress.epochs = epochs_;
    progress.step = position_.step;
    progress.steps = steps();
    const auto in_epoch = position_.step - position_.epoch * steps_per_epoch_;
    progress.loss = position_.loss_sum / static_cast<double>(std::max<std::int64_t>(1, in_epoch));
    if (step_seconds_ > 0)
        progress.frames_per_second = static_cast<double>(frames_trained_) / step_seconds_;
    progress.seconds = seconds_since(begin_);
    return progress;
}

std::vector<at::Tensor> Run::weights()
{
    std::vector<at::Tensor> tensors;
    for (const auto& named : generator_.named_parameters())
        tensors.push_back(named.tensor->detach());
    for (const auto& named : generator_.named_buffers())
        tensors.push_back(*named.tensor);
    if (reference_)
        for (const auto& factor : reference_->trained())
            tensors.push_back(factor.tensor.detach());
    for (auto& probe : probes_)
        tensors.push_back(probe.value().detach());
    return tensors;
}

void Run::remember_good_weights()
{
    good_weights_.clear();
    for (const auto& tensor : weights())
        good_weights_.push_back(tensor.clone());
}

void Run::restore_good_weights()
{
    const at::NoGradGuard no_gradient;
    auto now = weights();
    for (std::size_t i = 0; i < now.size(); ++i)
        now[i].copy_(good_weights_[i]);
    if (!probes_.empty())
        illumination_->set_probe(light(), /*lasting=*/false);
}

void Run::give_up(const std::string& what)
{
    restore_good_weights();
    fail(Status::NotConverged,
         "{} is not finite in step {} of {} (epoch {}, learning rate {:.3g}); the model has the weights from before "
         "this epoch. A smaller training.learning_rate or training.gradient_clip may help",
         what, position_.step + 1, steps(), position_.epoch + 1, learning_rate_);
}

at::Tensor Run::light() const
{
    std::vector<at::Tensor> each;
    for (const auto& probe : probes_)
        each.push_back(probe.probe());
    return each.size() == 1 ? each.front() : at::stack(each);
}

void Run::hand_probe_to_model()
{
    if (probes_.empty())
        return;
    const at::NoGradGuard no_gradient;
    auto& model = setting_.model;
    model.probe = probes_.front().probe().cpu();
    for (std::size_t i = 0; i < model.experiments.size(); ++i)
        model.experiments[i].probe = probes_[i].probe().cpu();
}

void Run::save_last()
{
    position_.seconds = seconds();
    std::map<std::string, at::Tensor> tensors;
    put_all(tensors, network_prefix, network_optimizer_->state());
    if (average_)
        put_all(tensors, average_prefix, average_->state());
    for (std::size_t i = 0; i < probes_.size(); ++i)
        put_all(tensors, (probe_name(i) + ".").c_str(), probes_[i].state());
    if (probe_optimizer_)
        put_all(tensors, probe_optimizer_prefix, probe_optimizer_->state());
    save_checkpoint(setting_.model, path("last.ptk"), position_, scan_mark_, tensors);
}

} // namespace ptk::training
