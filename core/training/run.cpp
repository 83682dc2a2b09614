#include "training/run.h"

#include "base/atomic_file.h"
#include "data/groups.h"
#include "data/normalisation.h"
#include "model/bundle.h"
#include "physics/probe.h"
#include "training/history.h"
#include "training/preparation.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_unique.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
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
constexpr const char* probe_prefix = "probe.";
constexpr const char* probe_parameter = "probe";

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
    }
    TrainingMode(const TrainingMode&) = delete;
    TrainingMode& operator=(const TrainingMode&) = delete;

private:
    generators::Generator& generator_;
    Optimizer& optimizer_;
};

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
    : setting_(std::move(setting)), generator_(*setting_.model.generator), subpixel_(subpixel_of(setting_.settings)),
      schedule_(make_schedule(setting_.settings)), batch_size_(setting_.settings.integer("training.batch_size")),
      parts_(setting_.settings.integer("training.accumulate")), epochs_(setting_.settings.integer("training.epochs"))
{
    check_scan();
    choose_loss();
    scan_mark_ = scan_mark(setting_.scan);
    require(!from || from->scan_mark == scan_mark_, Status::State,
            "{}: is not the scan of the checkpoint ({}; the checkpoint: {})", setting_.scan.source, scan_mark_,
            from ? from->scan_mark : "");
    if (!setting_.folder.empty())
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
    amplitudes_.emplace(scan, setting_.model.device);
    if (!from)
        prepare_model(setting_.model, data::subset(scan, split.training), settings, setting_.monitor, setting_.log);
    setting_.model.settings = settings;
    scaling_ = model::scaling_of(setting_.model);
    start(from);
    setting_.log.info("training",
                      "{}: {} frames to train on, {} kept for validation; {} groups of {}, {} epochs of {} steps",
                      scan.source, split.training.size(0), split.validation.size(0), training_groups_.size(0),
                      grouping.size, epochs_, steps_per_epoch_);
    log_left_out(split.training.size(0));
}

void Run::choose_loss()
{
    const auto& settings = setting_.settings;
    const auto& loss = builtin_losses().get(settings.text("training.loss")).make;
    loss_ = loss.make(settings);
    penalties_ = penalties_of(settings);
    const bool tiles = model::physics_model(settings) == model::PhysicsModel::Tiles;
    if (!tiles) // all of it is checked before the probe is warmed
        model::ptychopinn_settings(settings, generator_, setting_.model.problem.group_size,
                                   setting_.model.problem.side);
    if (loss.compared == Compared::Intensities)
        return;
    require(!settings.flag("probe.trainable"), Status::InvalidConfig,
            "training.loss = '{}' does not look at the probe, so that probe.trainable cannot be true",
            settings.text("training.loss"));
    labels_.emplace(setting_.scan, subpixel_, settings.flag("training.phase_subtraction"),
                    settings.text("compat") == "ptychopinn", setting_.model.device);
}

/// Frames that no group holds are not trained on, which nobody would see otherwise.
void Run::log_left_out(std::int64_t frames) const
{
    const auto used = std::get<0>(at::_unique(training_groups_)).numel();
    if (used < frames)
        setting_.log.info("training", "{} of {} training frames are in no group ({})", frames - used, frames,
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

/// Optimizers, probe and the position in the training.
void Run::start(const Checkpoint* from)
{
    const auto& settings = setting_.settings;
    auto& model = setting_.model;
    Optimizer::Options options;
    options.method = builtin_optimizers().get(settings.text("training.optimizer")).make;
    options.momentum = settings.number("training.momentum");
    options.beta1 = settings.number("training.adam_beta1");
    options.beta2 = settings.number("training.adam_beta2");
    options.weight_decay = settings.number("training.weight_decay");
    if (model::physics_model(settings) != model::PhysicsModel::Tiles)
        start_reference(from);
    network_optimizer_.emplace(parameters(), options);
    if (const double decay = settings.number("training.average"); decay > 0)
        average_.emplace(averaged_weights(parameters()), decay);

    require(model.probe.defined(), Status::State, "the checkpoint's model has no probe");
    illumination_.emplace(grid_.fractions, subpixel_, weighting_of(settings), model.device);
    const bool trainable = settings.flag("probe.trainable");
    illumination_->set_probe(model.probe, /*lasting=*/!trainable);
    if (trainable) {
        auto mask = probe_mask(settings, model.problem.side);
        probe_.emplace(model.probe.to(model.device), mask.defined() ? mask.to(model.device) : mask);
        options.weight_decay = 0;
        probe_optimizer_.emplace(std::vector<Optimizer::Parameter>{{probe_parameter, probe_->value()}}, options);
        // The light of the parameter, also before it moves: what a continued run starts from.
        illumination_->set_probe(probe_->probe(), /*lasting=*/false);
    }
    if (!from)
        return;
    position_ = from->position;
    seconds_before_ = position_.seconds;
    if (position_.step > 0)
        learning_rate_ = settings.number("training.learning_rate") * schedule_(schedule_time(position_.step - 1));
    network_optimizer_->load_state(from->tensors, network_prefix);
    // An average that starts in the continuation begins with the weights of now.
    if (average_ && from->tensors.contains(std::string(average_prefix) + "steps"))
        average_->load_state(from->tensors, average_prefix);
    // A probe that starts to be trained in the continuation has no state yet.
    if (trainable && from->tensors.contains(std::string(probe_prefix) + "value")) {
        probe_->load_state(from->tensors, probe_prefix);
        probe_optimizer_->load_state(from->tensors, probe_optimizer_prefix);
        illumination_->set_probe(probe_->probe(), /*lasting=*/false);
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
    loss_ = [this](const at::Tensor& predicted, const at::Tensor& measured, const at::Tensor& good) {
        return reference_->loss(predicted, measured, good);
    };
    const auto relative = data::relative_positions(setting_.scan.positions, training_groups_).relative;
    const double reach = relative.abs().max().item<double>();
    if (const double margin = static_cast<double>(chosen.padded - side) / 2;
        chosen.merge != physics::PatchMerge::None && reach > margin)
        setting_.log.warn("training",
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
    const double factor = reference_->calibrate(compared(passes(data).back(), data), data.amplitude);
    setting_.log.info("training", "s1 = s2 = {:.5g} from the first batch", factor);
}

std::vector<Pass> Run::passes(const Batch& batch)
{
    if (!reference_)
        return predicted_passes(generator_, batch, scaling_, subpixel_);
    const auto patches = predicted_patches(generator_, batch, scaling_);
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
    const TrainingMode mode(generator_, *network_optimizer_);
    try {
        while (position_.epoch < epochs_ && !stalled()) {
            remember_good_weights();
            while (position_.step < (position_.epoch + 1) * steps_per_epoch_)
                step();
            finish_epoch();
        }
    } catch (const Error& error) {
        hand_probe_to_model();
        if (error.status() == Status::Cancelled && !setting_.folder.empty())
            save_last();
        throw;
    }
    if (position_.epoch < epochs_ && !setting_.folder.empty())
        save_last();
    if (average_)
        average_->swap();
    hand_probe_to_model();
}

bool Run::stalled() const
{
    const auto patience = setting_.settings.integer("training.patience");
    const auto& history = setting_.model.history;
    if (patience == 0 || history.empty())
        return false;
    const auto better = [](const model::HistoryRow& a, const model::HistoryRow& b) {
        return judged_loss(a) < judged_loss(b);
    };
    const auto best = std::min_element(history.begin(), history.end(), better);
    if (std::distance(best, history.end()) <= patience)
        return false;
    setting_.log.info("training", "stops in epoch {}: the loss has not fallen since epoch {} (training.patience {})",
                      position_.epoch, best->epoch, patience);
    return true;
}

ScheduleTime Run::schedule_time(std::int64_t step) const
{
    return {step, steps(), steps_per_epoch_, setting_.model.history};
}

void Run::step()
{
    const auto began = Clock::now();
    const auto& settings = setting_.settings;
    const double schedule = schedule_(schedule_time(position_.step));
    learning_rate_ = settings.number("training.learning_rate") * schedule;

    network_optimizer_->clear_gradients();
    if (probe_optimizer_)
        probe_optimizer_->clear_gradients();
    std::vector<double> terms(term_names().size());
    for (std::int64_t part = 0; part < parts_; ++part) {
        const auto more = accumulate(part);
        for (std::size_t i = 0; i < terms.size(); ++i)
            terms[i] += more[i] / static_cast<double>(parts_);
    }

    const double largest = settings.number("training.gradient_clip");
    const auto limit = builtin_gradient_limits().get(settings.text("training.gradient_clip_by")).make;
    if (!std::isfinite(network_optimizer_->clip_gradients(largest, limit)))
        give_up("the gradient");
    if (probe_optimizer_ && !std::isfinite(probe_optimizer_->clip_gradients(largest, limit)))
        give_up("the gradient of the probe");
    network_optimizer_->step(learning_rate_);
    if (average_)
        average_->update();
    if (probe_moves())
        move_probe(schedule);

    ++position_.step;
    add_up(terms);
    step_seconds_ += seconds_since(began);
    setting_.monitor.report(progress("train"));
}

void Run::add_up(const std::vector<double>& terms)
{
    position_.loss_sum += std::accumulate(terms.begin(), terms.end(), 0.0);
    if (penalties_.empty())
        return;
    const auto names = term_names();
    for (std::size_t i = 0; i < names.size(); ++i)
        position_.term_sums[names[i]] += terms[i];
}

std::vector<double> Run::accumulate(std::int64_t part)
{
    const auto number = position_.step * parts_ + part;
    const auto groups = groups_of(number);
    const auto data = batch(groups, probe_moves());
    if (number + 1 < steps() * parts_)
        amplitudes_->expect(groups_of(number + 1));
    at::Tensor losses;
    std::vector<double> values;
    for (const auto& pass : passes(data)) {
        values.clear();
        for (const auto& term : terms_of(pass, data)) {
            values.push_back(term.item<double>());
            if (!std::isfinite(values.back()))
                give_up(values.size() == 1 ? "the loss" : "the regularizer " + term_names()[values.size() - 1]);
            losses = losses.defined() ? losses + term : term;
        }
    }
    (parts_ == 1 ? losses : losses / static_cast<double>(parts_)).backward();
    frames_trained_ += groups.numel();
    return values;
}

std::vector<at::Tensor> Run::terms_of(const Pass& pass, const Batch& batch) const
{
    std::vector<at::Tensor> terms{loss_(compared(pass, batch), truth(batch), batch.good)};
    for (const auto& penalty : penalties_)
        terms.push_back(penalty.weight * penalty.of(pass.patches));
    return terms;
}

std::vector<std::string> Run::term_names() const
{
    std::vector<std::string> names{setting_.settings.text("training.loss")};
    for (const auto& penalty : penalties_)
        names.push_back(penalty.name);
    return names;
}

std::map<std::string, double> Run::epoch_terms() const
{
    std::map<std::string, double> means;
    if (penalties_.empty())
        return means;
    for (const auto& name : term_names())
        if (const auto sum = position_.term_sums.find(name); sum != position_.term_sums.end())
            means[name] = sum->second / static_cast<double>(steps_per_epoch_);
    return means;
}

void Run::move_probe(double schedule)
{
    probe_optimizer_->step(setting_.settings.number("probe.learning_rate") * schedule);
    probe_->restore_power();
    illumination_->set_probe(probe_->probe(), /*lasting=*/false);
}

/// Everything that may be interrupted comes before the first change, so that it can be done again.
void Run::finish_epoch()
{
    const double training_loss = position_.loss_sum / static_cast<double>(steps_per_epoch_);
    double validation_loss = 0;
    {
        const Averaged averaged(average_);
        validation_loss = validate();
    }
    auto report = progress("validate");
    report.validation_loss = validation_loss;
    if (validation_groups_.size(0) > 0 && !std::isfinite(validation_loss))
        give_up("the validation loss");
    setting_.monitor.report(report);
    if (!all_finite(weights()))
        give_up("a weight");

    recentre_probe();
    ++position_.epoch;
    setting_.model.history.push_back(
        {position_.epoch, training_loss, validation_loss, learning_rate_, seconds(), epoch_terms()});
    position_.loss_sum = 0;
    position_.term_sums.clear();
    setting_.log.info("training", "epoch {}/{}: loss {:.5g}{}, validation {:.5g}, learning rate {:.3g}, {:.1f} s",
                      position_.epoch, epochs_, training_loss, terms_text(setting_.model.history.back().terms),
                      validation_loss, learning_rate_, seconds());
    save_epoch(validation_groups_.size(0) > 0 ? validation_loss : training_loss);
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
    std::vector<at::Tensor> predicted, measured;
    at::Tensor good;
    const auto at_once = std::max<std::int64_t>(1, validation_batch_frames / size);
    for (std::int64_t begin = 0; begin < count; begin += at_once) {
        const auto groups = validation_groups_.narrow(0, begin, std::min(at_once, count - begin));
        const auto data = batch(groups, false);
        predicted.push_back(compared(passes(data).back(), data).narrow(1, 0, 1));
        good = data.good;
        measured.push_back(truth(data).narrow(1, 0, 1));
        setting_.monitor.check();
    }
    generator_.set_training(true);
    return loss_(at::cat(predicted), at::cat(measured), good).item<double>();
}

void Run::recentre_probe()
{
    if (!probe_)
        return;
    const auto shift = probe_->drift();
    if (shift.rows == 0 && shift.columns == 0)
        return;
    probe_->move(shift);
    auto& moments = probe_optimizer_->moments(probe_parameter);
    moments.mean = at::roll(moments.mean, {shift.rows, shift.columns}, {1, 2});
    moments.mean_square = at::roll(moments.mean_square, {shift.rows, shift.columns}, {1, 2});
    illumination_->set_probe(probe_->probe(), /*lasting=*/false);
}

void Run::save_epoch(double loss)
{
    const bool better = loss < position_.best_loss;
    if (better)
        position_.best_loss = loss;
    hand_probe_to_model();
    if (setting_.folder.empty())
        return;
    base::write_text(path("history.csv"), history_csv(setting_.model.history));
    if (better) {
        const Averaged averaged(average_);
        model::save_bundle(setting_.model, path("best.ptk"));
    }
    if (position_.epoch == epochs_ || position_.epoch % setting_.settings.integer("training.checkpoint_epochs") == 0)
        save_last();
}

at::Tensor Run::groups_of(std::int64_t batch)
{
    return training_groups_.index_select(0, order_->take(batch * batch_size_, batch_size_));
}

Batch Run::batch(const at::Tensor& groups, bool probe_moves)
{
    Batch batch;
    batch.amplitude = amplitudes_->of(groups);
    if (setting_.scan.bad_pixels.defined())
        batch.good = setting_.scan.bad_pixels.logical_not().to(batch.amplitude.device(), at::kFloat);
    batch.corners = grid_.corners.index_select(0, groups.reshape({-1})).view({groups.size(0), groups.size(1), 2});
    if (subpixel_ == Subpixel::Interpolate)
        batch.relative = data::relative_positions(setting_.scan.positions, groups).relative;
    if (reference_) // which has its own
        return batch;
    batch.light = probe_moves ? illumination_->on(groups, probe_->probe()) : illumination_->on(groups);
    if (labels_)
        batch.labels = labels_->of(groups);
    return batch;
}

at::Tensor Run::compared(const Pass& pass, const Batch& batch) const
{
    if (reference_)
        return reference_->predicted(pass.patches, batch.relative.to(pass.patches.device(), at::kFloat),
                                     input_scales(batch));
    return labels_ ? pass.agreed : predicted_intensity(pass.agreed, batch);
}

bool Run::probe_moves() const
{
    return probe_ && position_.step >= setting_.settings.integer("probe.start_step");
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
    if (probe_)
        tensors.push_back(probe_->value().detach());
    return tensors;
}

void Run::remember_good_weights()
{
    good_weights_.clear();
    for (const auto& tensor : weights())
        good_weights_.push_back(tensor.clone());
}

void Run::give_up(const std::string& what)
{
    const at::NoGradGuard no_gradient;
    auto now = weights();
    for (std::size_t i = 0; i < now.size(); ++i)
        now[i].copy_(good_weights_[i]);
    if (probe_)
        illumination_->set_probe(probe_->probe(), /*lasting=*/false);
    fail(Status::NotConverged,
         "{} is not finite in step {} of {} (epoch {}, learning rate {:.3g}); the model has the weights from before "
         "this epoch. A smaller training.learning_rate or training.gradient_clip may help",
         what, position_.step + 1, steps(), position_.epoch + 1, learning_rate_);
}

void Run::hand_probe_to_model()
{
    if (!probe_)
        return;
    const at::NoGradGuard no_gradient;
    setting_.model.probe = probe_->probe().cpu();
}

void Run::save_last()
{
    position_.seconds = seconds();
    std::map<std::string, at::Tensor> tensors;
    put_all(tensors, network_prefix, network_optimizer_->state());
    if (average_)
        put_all(tensors, average_prefix, average_->state());
    if (probe_) {
        put_all(tensors, probe_prefix, probe_->state());
        put_all(tensors, probe_optimizer_prefix, probe_optimizer_->state());
    }
    save_checkpoint(setting_.model, path("last.ptk"), position_, scan_mark_, tensors);
}

} // namespace ptk::training
