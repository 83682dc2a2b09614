#pragma once
#include <fmt/core.h>

#include <exception>
#include <string>
#include <utility>

namespace ptk {

/// What went wrong; values equal enum ptk_status_code of the C ABI (a test compares them).
enum class Status : int {
    Ok = 0,
    Internal = 1,
    InvalidArgument = 2,
    InvalidConfig = 3,
    Shape = 4,
    NotFound = 5,
    Exists = 6,
    BufferTooSmall = 7,
    OutOfMemory = 8,
    Io = 9,
    Format = 10,
    Device = 11,
    Unsupported = 12,
    State = 13,
    NotConverged = 14,
    Cancelled = 15,
    Callback = 16,
};

/// The one exception of the library: a status for programs, a message for people.
/// The message says where (file, key, axis), what was expected and what was found.
class Error : public std::exception {
public:
    Error(Status status, std::string message) : status_(status), message_(std::move(message)) {}
    Status status() const noexcept { return status_; }
    const std::string& message() const noexcept { return message_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    Status status_;
    std::string message_;
};

/// Throw an Error with a formatted message.
template <class... Args> [[noreturn]] void fail(Status status, fmt::format_string<Args...> text, Args&&... args)
{
    throw Error(status, fmt::format(text, std::forward<Args>(args)...));
}

/// Throw unless the condition holds.
template <class... Args> void require(bool condition, Status status, fmt::format_string<Args...> text, Args&&... args)
{
    if (!condition)
        fail(status, text, std::forward<Args>(args)...);
}

} // namespace ptk
