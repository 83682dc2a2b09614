#include "base/log.h"

namespace ptk {

void Log::set(LogLevel level, Sink sink)
{
    const std::scoped_lock lock(mutex_);
    level_ = level;
    sink_ = std::move(sink);
}

bool Log::wants(LogLevel level) const noexcept
{
    const std::scoped_lock lock(mutex_);
    return sink_ && static_cast<int>(level) <= static_cast<int>(level_);
}

void Log::write(LogLevel level, const char* area, const std::string& message) noexcept
{
    const std::scoped_lock lock(mutex_);
    if (!sink_ || static_cast<int>(level) > static_cast<int>(level_))
        return;
    try {
        sink_(level, area, message.c_str());
    } catch (...) { // NOLINT(bugprone-empty-catch): a failing log sink must not end the work
    }
}

} // namespace ptk
