// One step: a batch, its loss, the gradients.
#include "base/clock.h"
#include "data/experiments.h"
#include "data/groups.h"
#include "model/scaling.h"
#include "training/run.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ptk::training {

namespace {

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

bool all_finite(const std::vector<double>& numbers)
{
    return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
}

} // namespace

std::vector<Pass> Run::passes(const Batch& batch, generators::Precision precision)
{
    if (!reference_)
        return predicted_passes(generator_, batch, scaling_, subpixel_, precision);
    const auto patches = predicted_patches(generator_, batch, scaling_, {}, precision);
    return std::vector<Pass>{Pass{patches, patches}};
}

at::Tensor Run::input_scales(const Batch& batch) const
{
    if (scaling_.per_group)
        return data::group_scales(batch.amplitude, scaling_.norm);
    return at::full({1, 1, 1, 1}, scaling_.input, batch.amplitude.options());
}

void Run::step()
{
    const auto began = base::Clock::now();
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
    step_seconds_ += base::seconds_since(began);
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

void Run::move_probe(double schedule)
{
    probe_optimizer_->step(setting_.settings.number("probe.learning_rate") * schedule);
    for (auto& probe : probes_)
        probe.restore_power();
    illumination_->set_probe(light(), /*lasting=*/false);
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
    return model::of_groups(units_, batch.experiments, batch.amplitude);
}

bool Run::probe_moves() const
{
    return !probes_.empty() && position_.step >= setting_.settings.integer("probe.start_step");
}

at::Tensor Run::light() const
{
    std::vector<at::Tensor> each;
    for (const auto& probe : probes_)
        each.push_back(probe.probe());
    return each.size() == 1 ? each.front() : at::stack(each);
}

} // namespace ptk::training
