#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "parallel/group.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ptk::training {

/// What a training does together with those in other processes. All of them have the same scan, settings and weights;
/// each takes its part of every batch, gradients are summed, and every one makes the same step: the weights are those
/// of one process with the same batches, to rounding. Alone it costs and changes nothing.
///
/// A request to stop that reaches one of them stops all at the next batch. Calls throw parallel::Lost.
class Team {
public:
    /// @param group  nullptr: alone
    explicit Team(parallel::GroupPtr group = nullptr) : group_(std::move(group)) {}

    bool alone() const { return group_ == nullptr; }
    std::int64_t rank() const { return alone() ? 0 : group_->rank(); }
    std::int64_t size() const { return alone() ? 1 : group_->size(); }
    /// The one that writes files.
    bool writes() const { return rank() == 0; }

    /// Do something that may fail in one of them: then it fails in all.
    void together(const std::function<void()>& work);
    /// @throws Error(State) when this text differs between them. @param what  names it in the message
    void require_same(const std::string& text, const char* what);
    /// Tensors become those of rank 0.
    void spread(const std::vector<at::Tensor>& tensors);

    /// Monitor::check() and report(), but a request to stop waits for the next agree() or share().
    void check(const Monitor& monitor);
    void report(const Monitor& monitor, const Progress& progress);
    /// @throws Error(Cancelled) in all of them when one was asked to stop
    void agree() { summed({}); }

    /// Rows [begin, end) of @p count that are ours: as even as it goes.
    struct Part {
        std::int64_t begin;
        std::int64_t end;
    };
    Part part_of(std::int64_t count) const;
    /// What our part of a batch counts for in the whole: @p weight over the sum of all. @throws Error(Cancelled)
    double share(double weight);
    /// Mean of values by their weights; 0 where there is no weight. @throws Error(Cancelled)
    double mean(double value, double weight);
    /// Gradients of the parameters and numbers become their sums. A parameter without a gradient in any of them keeps
    /// none.
    void sum(const std::vector<at::Tensor>& parameters, std::vector<double>& numbers);

private:
    std::vector<double> summed(std::vector<double> numbers);
    /// Ask the user, and keep a request to stop for later when there are others.
    template <class Ask> void remember_stop(const Ask& ask);

    parallel::GroupPtr group_;
    bool stop_ = false; ///< asked of us
};

/// This process among those that train together by option training.parallel. @throws Error(InvalidConfig)
std::optional<base::Rank> rank_of_training(const config::Settings& settings);

/// By option training.parallel: the processes that were started with this one, or none.
/// @param device  of the model, for training.parallel_transport
/// @throws Error(InvalidConfig); parallel::Lost when they do not come within training.parallel_timeout
parallel::GroupPtr group_of_process(const config::Settings& settings, c10::Device device, Log& log);

/// Rank 0 says everything; of the others only warnings go to @p log, with their rank.
LogPtr log_of_rank(const Team& team, LogPtr log);

} // namespace ptk::training
