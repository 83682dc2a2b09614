#include "tracking/tracker.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <random>
#include <utility>

namespace ptk::tracking {

namespace {

using namespace std::chrono_literals;

constexpr const char* area = "tracking";
constexpr const char* section = "tracking.";
constexpr auto gather = 500ms;   ///< numbers of so long go in one request
constexpr auto first_pause = 1s; ///< after a try without an answer, then twice as long each time
constexpr auto longest_pause = 60s;
constexpr std::size_t most_at_once = 1000;

std::string trimmed(const std::string& text)
{
    const auto begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// "key=value,key=value"
std::map<std::string, std::string> tags_of(const std::string& text)
{
    std::map<std::string, std::string> tags;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        const auto pair = text.substr(begin, end - begin);
        const auto equals = pair.find('=');
        const auto name = trimmed(pair.substr(0, equals));
        require(equals != std::string::npos && !name.empty(), Status::InvalidConfig,
                "tracking.tags: expected NAME=VALUE,NAME=VALUE ..., found '{}'", pair);
        tags[name] = trimmed(pair.substr(equals + 1));
        begin = end + 1;
    }
    return tags;
}

} // namespace

Options options_of(const config::Settings& settings)
{
    Options options;
    if (const auto& uri = settings.text("tracking.uri"); !uri.empty())
        options.address = checked_address(uri);
    options.experiment = settings.text("tracking.experiment");
    require(!options.experiment.empty(), Status::InvalidConfig, "tracking.experiment: expected a name");
    options.run_name = settings.text("tracking.run_name");
    options.tags = tags_of(settings.text("tracking.tags"));
    for (const auto& [option, tag] :
         {std::pair{"tracking.notes", "mlflow.note.content"}, std::pair{"tracking.model_name", "model_name"}})
        if (const auto& text = settings.text(option); !text.empty())
            options.tags[tag] = text;
    options.every_steps = settings.integer("tracking.every_steps");
    options.artifacts = settings.flag("tracking.artifacts");
    options.timeout_s = settings.number("tracking.timeout_s");
    options.closing_s = settings.number("tracking.closing_s");
    return options;
}

config::Settings tracking_settings(const config::Config& given)
{
    config::Config ours;
    for (const auto& [key, value] : given.values())
        if (const auto* option = config::library_schema().find(key); option && option->name.starts_with(section))
            ours.set(option->name, value);
    return {config::library_schema().section("tracking"), ours};
}

std::string new_id()
{
    std::random_device device;
    std::string id;
    for (int i = 0; i < 4; ++i)
        id += fmt::format("{:08x}", device());
    return id;
}

Tracker::Tracker(Options options, RunDescription description, LogPtr log)
    : options_(std::move(options)), description_(std::move(description)), log_(std::move(log)),
      server_(options_.address, options_.timeout_s, credentials_of_environment())
{
    worker_.start([this] { work(); });
}

Tracker::~Tracker()
{
    finish(RunStatus::Failed, "", {});
}

void Tracker::log(std::int64_t step, const std::map<std::string, double>& values)
{
    const auto now = milliseconds_now();
    {
        const std::scoped_lock lock(mutex_);
        if (given_up_ || finishing_)
            dropped_ += values.size();
        else
            for (const auto& [name, value] : values)
                if (std::isfinite(value))
                    queue_.push_back({name, value, step, now});
        for (; queue_.size() > longest_queue; ++dropped_)
            queue_.pop_front();
    }
    changed_.notify_all();
    deliver_messages();
}

void Tracker::finish(RunStatus status, const std::string& reason, const std::vector<std::filesystem::path>& files)
{
    {
        const std::scoped_lock lock(mutex_);
        if (finishing_)
            return;
        finishing_ = true;
        status_ = status;
        reason_ = reason;
        if (options_.artifacts)
            std::copy_if(files.begin(), files.end(), std::back_inserter(files_), [](const auto& file) {
                std::error_code code;
                return std::filesystem::is_regular_file(file, code);
            });
        server_.end_by(Clock::now() +
                       std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.closing_s)));
    }
    changed_.notify_all();
    try {
        worker_.wait();
    } catch (const std::exception& error) { // out of memory, say: the training is worth more
        say(LogLevel::Warn, error.what());
    }
    deliver_messages();
    const auto lost = dropped_ + queue_.size();
    if (lost > 0)
        log_->info(area, "{} numbers did not reach {}; the run folder's history has all of them", lost,
                   options_.address);
}

void Tracker::work()
{
    std::unique_lock lock(mutex_);
    while (!given_up_) {
        try {
            if (send(lock))
                return;
        } catch (const Error& error) {
            if (!lock.owns_lock())
                lock.lock();
            if (error.status() != Status::Io) {
                refused(error.message()); // what it would not have is gone; the rest may please it
                continue;
            }
            no_answer(error.message());
            if (finishing_)
                return;
            wait(lock, pause_);
        }
    }
}

bool Tracker::send(std::unique_lock<std::mutex>& lock)
{
    if (!open_) {
        lock.unlock();
        run_.open(description_);
        open_ = true;
        lock.lock();
        say(LogLevel::Info,
            fmt::format("{}: run {} of experiment '{}'", options_.address, run_.run_id(), description_.experiment));
    }
    wait(lock, gather);
    const auto count = std::min(queue_.size(), most_at_once);
    const std::vector<Metric> batch(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    try {
        if (!batch.empty())
            run_.log(batch);
    } catch (const Error& error) {
        lock.lock();
        if (error.status() == Status::Io) // for another try
            queue_.insert(queue_.begin(), batch.begin(), batch.end());
        else
            dropped_ += batch.size();
        throw;
    }
    lock.lock();
    if (silent_)
        say(LogLevel::Info, options_.address + " answers again");
    silent_ = false;
    if (!finishing_ || !queue_.empty())
        return false;
    close(lock);
    return true;
}

void Tracker::close(std::unique_lock<std::mutex>& lock)
{
    const auto attempt = [&](const std::function<void()>& action) {
        lock.unlock();
        try {
            action();
            lock.lock();
        } catch (const Error& error) {
            lock.lock();
            if (error.status() == Status::Io)
                throw;
            refused(error.message());
        }
    };
    if (!reason_.empty())
        attempt([&] { run_.set_tag("ptychokit.end", reason_); });
    // Before the files: a large one may use up the time that is left.
    attempt([&] { run_.set_status(status_); });
    for (const auto& file : files_)
        attempt([&] { run_.upload(file); });
}

/// Until the end is asked for, or the time is over.
void Tracker::wait(std::unique_lock<std::mutex>& lock, Clock::duration longest)
{
    changed_.wait_for(lock, longest, [this] { return finishing_; });
}

void Tracker::no_answer(const std::string& reason)
{
    pause_ = silent_ ? std::min<Clock::duration>(2 * pause_, longest_pause) : first_pause;
    silent_ = true;
    if (!std::exchange(warned_, true))
        say(LogLevel::Warn, reason + "; the training goes on without it, and the history is kept in the run folder");
}

void Tracker::refused(const std::string& reason)
{
    given_up_ = !open_;
    if (!std::exchange(warned_, true))
        say(LogLevel::Warn, reason + (given_up_ ? "; nothing is sent to it" : ""));
}

/// With the lock, or after the thread's end.
void Tracker::say(LogLevel level, std::string message)
{
    messages_.emplace_back(level, std::move(message));
}

void Tracker::deliver_messages()
{
    std::vector<std::pair<LogLevel, std::string>> messages;
    {
        const std::scoped_lock lock(mutex_);
        messages.swap(messages_);
    }
    for (const auto& [level, message] : messages)
        log_->write(level, area, message);
}

} // namespace ptk::tracking
