// What comes after the steps of an epoch: validation, files, what is kept to go on from.
#include "base/atomic_file.h"
#include "generators/blocks/activation_watch.h"
#include "model/bundle.h"
#include "training/history.h"
#include "training/run.h"
#include "training/run_description.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ptk::training {

namespace {

constexpr std::int64_t validation_batch_frames = 64; ///< predicted at once

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

} // namespace

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
