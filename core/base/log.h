#pragma once
#include <fmt/core.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace ptk {

/// Values equal enum ptk_log_level_code of the C ABI.
enum class LogLevel : int { Error = 1, Warn = 2, Info = 3, Debug = 4 };

/// Where messages go. Silent until a sink is set; never writes to stdout or stderr.
/// Threads: any; the sink is called by one thread at a time.
class Log {
public:
    using Sink = std::function<void(LogLevel, const char* area, const char* message)>;

    void set(LogLevel level, Sink sink);
    bool wants(LogLevel level) const noexcept;
    void write(LogLevel level, const char* area, const std::string& message) noexcept;

    template <class... Args> void warn(const char* area, fmt::format_string<Args...> text, Args&&... args)
    {
        format(LogLevel::Warn, area, text, std::forward<Args>(args)...);
    }
    template <class... Args> void info(const char* area, fmt::format_string<Args...> text, Args&&... args)
    {
        format(LogLevel::Info, area, text, std::forward<Args>(args)...);
    }
    template <class... Args> void debug(const char* area, fmt::format_string<Args...> text, Args&&... args)
    {
        format(LogLevel::Debug, area, text, std::forward<Args>(args)...);
    }

private:
    template <class... Args>
    void format(LogLevel level, const char* area, fmt::format_string<Args...> text, Args&&... args)
    {
        if (wants(level))
            write(level, area, fmt::format(text, std::forward<Args>(args)...));
    }

    mutable std::mutex mutex_;
    LogLevel level_ = LogLevel::Warn;
    Sink sink_;
};

using LogPtr = std::shared_ptr<Log>;

} // namespace ptk
