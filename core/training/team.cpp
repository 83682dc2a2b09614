#include "training/team.h"

#include "base/checksum.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

/// Numbers that a double holds exactly.
std::vector<double> parts_of(std::uint64_t checksum)
{
    return {static_cast<double>(checksum >> 32), static_cast<double>(checksum & 0xffffffffULL)};
}

parallel::Transport transport_of(const config::Settings& settings)
{
    const auto& name = settings.text("training.parallel_transport");
    if (name == "gloo")
        return parallel::Transport::Gloo;
    return name == "nccl" ? parallel::Transport::Nccl : parallel::Transport::Auto;
}

} // namespace

void Team::together(const std::function<void()>& work)
{
    if (alone()) {
        work();
        return;
    }
    std::optional<Error> failure;
    try {
        work();
    } catch (const Error& error) {
        failure = error;
    } catch (const std::exception& error) {
        failure = Error(Status::Internal, error.what());
    }
    const bool cancelled = failure && failure->status() == Status::Cancelled;
    const auto all = at::tensor({cancelled ? 1.0 : 0.0, failure && !cancelled ? 1.0 : 0.0}, at::kDouble);
    try {
        group_->sum({all});
    } catch (const parallel::Lost&) {
        if (!failure)
            throw;
    }
    if (failure)
        throw *failure;
    require(all[1].item<double>() == 0, Status::State,
            "rank {} of {}: another process of this training failed; its message says why", rank(), size());
    require(all[0].item<double>() == 0, Status::Cancelled, "cancelled in another process of this training");
}

void Team::require_same(const std::string& text, const char* what)
{
    if (alone())
        return;
    const auto mine = at::tensor(parts_of(base::checksum(text.data(), text.size())), at::kDouble);
    const auto first = mine.clone();
    group_->copy_from_first({first});
    const auto different = at::tensor({mine.equal(first) ? 0.0 : 1.0}, at::kDouble);
    group_->sum({different});
    const auto count = different[0].item<double>();
    require(count == 0, Status::State,
            "rank {} of {}: {} of the processes have another {} than rank 0; start all with the same arguments and "
            "files",
            rank(), size(), count, what);
}

void Team::spread(const std::vector<at::Tensor>& tensors)
{
    if (!alone())
        group_->copy_from_first(tensors);
}

template <class Ask> void Team::remember_stop(const Ask& ask)
{
    try {
        ask();
    } catch (const Error& error) {
        if (alone() || error.status() != Status::Cancelled)
            throw;
        stop_ = true;
    }
}

void Team::check(const Monitor& monitor)
{
    remember_stop([&] { monitor.check(); });
}

void Team::report(const Monitor& monitor, const Progress& progress)
{
    remember_stop([&] { monitor.report(progress); });
}

Team::Part Team::part_of(std::int64_t count) const
{
    return {count * rank() / size(), count * (rank() + 1) / size()};
}

double Team::share(double weight)
{
    if (alone())
        return 1;
    const auto all = summed({weight})[0];
    return all > 0 ? weight / all : 1 / static_cast<double>(size());
}

double Team::mean(double value, double weight)
{
    if (alone())
        return value;
    const auto all = summed({weight > 0 ? value * weight : 0, weight});
    return all[1] > 0 ? all[0] / all[1] : 0;
}

void Team::sum(const std::vector<at::Tensor>& parameters, std::vector<double>& numbers)
{
    if (alone())
        return;
    const at::NoGradGuard no_gradient;
    // Numbers, then for each parameter whether it has a gradient.
    auto told = numbers;
    std::vector<at::Tensor> travelling;
    for (const auto& parameter : parameters) {
        const auto& gradient = parameter.grad();
        told.push_back(gradient.defined() ? 1 : 0);
        travelling.push_back(gradient.defined() ? gradient : at::zeros_like(parameter));
    }
    const auto all = at::tensor(told, at::kDouble);
    travelling.push_back(all);
    group_->sum(travelling);
    const auto* value = all.const_data_ptr<double>();
    std::copy_n(value, numbers.size(), numbers.begin());
    for (std::size_t i = 0; i < parameters.size(); ++i)
        if (value[numbers.size() + i] > 0)
            parameters[i].mutable_grad() = travelling[i];
}

std::vector<double> Team::summed(std::vector<double> numbers)
{
    if (alone())
        return numbers;
    numbers.push_back(stop_ ? 1 : 0);
    const auto all = at::tensor(numbers, at::kDouble);
    group_->sum({all});
    const auto* value = all.const_data_ptr<double>();
    const auto stopping = value[numbers.size() - 1];
    require(stopping == 0, Status::Cancelled, "cancelled in {} of the {} processes of this training", stopping, size());
    return {value, value + numbers.size() - 1};
}

std::optional<base::Rank> rank_of_training(const config::Settings& settings)
{
    const auto& mode = settings.text("training.parallel");
    if (mode == "off")
        return std::nullopt;
    const auto rank = base::rank_of_process(/*any_slurm=*/mode == "env");
    require(rank || mode != "env", Status::InvalidConfig,
            "training.parallel is 'env', but no launcher started several processes: there is no RANK and WORLD_SIZE "
            "(torchrun), OMPI_COMM_WORLD_RANK and _SIZE, PMI_RANK and PMI_SIZE (MPI) or SLURM_PROCID and SLURM_NTASKS "
            "above 1 in the environment; start it with one of these, or set training.parallel = auto");
    return rank;
}

parallel::GroupPtr group_of_process(const config::Settings& settings, c10::Device device, Log& log)
{
    const auto rank = rank_of_training(settings);
    if (!rank)
        return nullptr;
    require(!rank->address.empty(), Status::InvalidConfig,
            "environment: {} started {} processes, but MASTER_ADDR does not say on which machine rank 0 is; set it to "
            "that machine's name, with Slurm: export MASTER_ADDR=$(scontrol show hostnames $SLURM_JOB_NODELIST | head "
            "-n 1); on one machine 127.0.0.1. Or set training.parallel = off",
            rank->launcher, rank->size);
    const auto limit = std::chrono::milliseconds(std::llround(settings.number("training.parallel_timeout") * 1000));
    auto group = parallel::join(*rank, limit, device, transport_of(settings));
    if (rank->rank == 0)
        log.info("training",
                 "{} processes train together, started by {}; gradients travel by {}; each waits at most {} s "
                 "for the others",
                 rank->size, rank->launcher, group->transport(), settings.number("training.parallel_timeout"));
    return group;
}

LogPtr log_of_rank(const Team& team, LogPtr log)
{
    if (team.writes())
        return log;
    auto ours = std::make_shared<Log>();
    ours->set(LogLevel::Warn, [log, rank = team.rank()](LogLevel level, const char* area, const char* message) {
        log->write(level, area, fmt::format("rank {}: {}", rank, message));
    });
    return ours;
}

} // namespace ptk::training
