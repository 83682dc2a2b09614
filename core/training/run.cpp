// The course of a training: its epochs, its stages, its learning rate, what is told of it.
#include "training/run.h"

#include "base/clock.h"
#include "training/history.h"
#include "training/run_description.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

namespace ptk::training {

namespace {

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

} // namespace

const Stage& Run::stage_of(std::int64_t epoch) const
{
    const auto found =
        std::find_if(stages_.begin(), stages_.end(), [&](const Stage& stage) { return epoch < stage.end(); });
    return found == stages_.end() ? stages_.back() : *found;
}

std::span<const model::HistoryRow> Run::history_of(const Stage& stage) const
{
    const std::span<const model::HistoryRow> all(setting_.model.history);
    return all.subspan(std::min(all.size(), static_cast<std::size_t>(stage.first_epoch)));
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

double Run::seconds() const
{
    return seconds_before_ + base::seconds_since(begin_);
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
    progress.seconds = base::seconds_since(begin_);
    return progress;
}

} // namespace ptk::training
