#pragma once
#include "base/log.h"
#include "base/worker.h"
#include "config/config.h"
#include "tracking/mlflow.h"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ptk::tracking {

/// Where and how to send, options tracking.*
struct Options {
    std::string address; ///< "" = nowhere
    std::string experiment;
    std::string run_name;
    std::map<std::string, std::string> tags{};
    std::int64_t every_steps = 0; ///< 0 = epochs only
    bool artifacts = true;
    double timeout_s = 0;
    double closing_s = 0; ///< longest time that the end of a training waits for the server
};

/// @throws Error(InvalidConfig) for an address or tags that are none
Options options_of(const config::Settings& settings);

/// The options tracking.* of what a user gives, and of nothing else: a model's file must not make anyone's machine talk
/// to a server.
config::Settings tracking_settings(const config::Config& given);

/// Sends what a training tells to an MLflow server, on a thread of its own. Nothing waits for the server before
/// finish(): what it does not take stays in a queue, and the oldest is dropped when that is full. A server that is
/// absent, slow or gone is warned about once and tried again, less and less often; one that refuses is left alone.
/// Threads: one owner. Messages go to the log on the owner's thread.
class Tracker {
public:
    /// Numbers that may wait; more than a day of an absent server with one number a second.
    static constexpr std::size_t longest_queue = 100000;

    /// @throws Error(Unsupported) without libcurl
    Tracker(Options options, RunDescription description, LogPtr log);
    /// As finish(Failed) when that was not called.
    ~Tracker();
    Tracker(const Tracker&) = delete;
    Tracker& operator=(const Tracker&) = delete;

    /// Numbers of a step or epoch, by name; those that are not finite are left out. Returns at once.
    void log(std::int64_t step, const std::map<std::string, double>& values);

    /// Sends the rest, files and the status, for at most Options::closing_s.
    /// @param reason  of a failure, as a tag; "" = none
    /// @param files   those that exist are uploaded
    void finish(RunStatus status, const std::string& reason, const std::vector<std::filesystem::path>& files);

private:
    using Clock = std::chrono::steady_clock;

    void work();
    /// One exchange with the server; true when there is nothing left to do.
    bool send(std::unique_lock<std::mutex>& lock);
    void close(std::unique_lock<std::mutex>& lock);
    void wait(std::unique_lock<std::mutex>& lock, Clock::duration longest);
    void no_answer(const std::string& reason);
    void refused(const std::string& reason);
    void say(LogLevel level, std::string message);
    void deliver_messages();

    Options options_;
    RunDescription description_;
    LogPtr log_;
    HttpClient server_;
    MlflowRun run_{server_};

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Metric> queue_;
    std::size_t dropped_ = 0;
    std::vector<std::pair<LogLevel, std::string>> messages_;
    bool finishing_ = false;
    bool given_up_ = false;
    RunStatus status_ = RunStatus::Failed;
    std::string reason_;
    std::vector<std::filesystem::path> files_;

    // Of the thread alone.
    bool open_ = false;
    bool warned_ = false;
    bool silent_ = false; ///< the last try had no answer
    Clock::duration pause_{};

    base::Worker worker_; ///< last: it ends before what it uses
};

/// 32 hexadecimal digits that no other run has.
std::string new_id();

} // namespace ptk::tracking
