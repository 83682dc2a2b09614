#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

namespace ptk {

/// State of a long call; the C ABI hands it on as ptk_progress.
struct Progress {
    const char* phase = ""; ///< "warm probe", "train", "validate", "predict", "refine"
    std::int64_t epoch = 0; ///< 1-based, 0 when the phase has none
    std::int64_t epochs = 0;
    std::int64_t step = 0;  ///< steps done in the phase
    std::int64_t steps = 0; ///< 0 when unknown
    double loss = std::numeric_limits<double>::quiet_NaN();
    double validation_loss = std::numeric_limits<double>::quiet_NaN();
    double frames_per_second = std::numeric_limits<double>::quiet_NaN();
    double seconds = 0; ///< since the call began
};

/// A flag that any thread or signal handler may raise.
class CancelToken {
public:
    void request() noexcept { flag_.store(true, std::memory_order_relaxed); }
    void reset() noexcept { flag_.store(false, std::memory_order_relaxed); }
    bool requested() const noexcept { return flag_.load(std::memory_order_relaxed); }

private:
    std::atomic<bool> flag_{false};
    static_assert(std::atomic<bool>::is_always_lock_free);
};

/// What a long call reports to and is stopped by. Both parts may be empty.
class Monitor {
public:
    using Report = std::function<bool(const Progress&)>; ///< true to go on

    Monitor() = default;
    Monitor(Report report, std::shared_ptr<const CancelToken> cancel)
        : report_(std::move(report)), cancel_(std::move(cancel))
    {
    }

    /// Throws Error(Cancelled) when the token was raised.
    void check() const;
    /// Reports, then checks; throws Error(Cancelled) when the receiver wants to stop.
    /// Called on the thread of the long call only.
    void report(const Progress& progress) const;

private:
    Report report_;
    std::shared_ptr<const CancelToken> cancel_;
};

} // namespace ptk
