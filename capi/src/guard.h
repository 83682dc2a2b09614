// The wall between C++ and C: no exception leaves, no state of LibTorch on the caller's thread changes.
#pragma once
#include "handles.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <utility>

namespace ptk::capi {

/// Turns the exception that is being handled into this thread's status and message.
ptk_status record_failure(const char* function) noexcept;

/// What a callback on this thread leaves with ptk_set_error_message() between the two calls.
void forget_callback_message() noexcept;
std::optional<std::string> callback_message();

/// The log that technical details of a failure go to: that of the innermost call on this thread.
class LogScope {
public:
    LogScope() noexcept;
    ~LogScope();
    LogScope(const LogScope&) = delete;
    LogScope& operator=(const LogScope&) = delete;

private:
    LogPtr outer_;
};

/// Runs the body of an entry point.
template <class Body> ptk_status guard(const char* function, Body&& body) noexcept
{
    const LogScope log;
    try {
        std::forward<Body>(body)();
        return PTK_OK;
    } catch (...) {
        return record_failure(function);
    }
}

/// While an entry point computes: LibTorch's warnings go to the context's log, its device is current, gradients work
/// whatever mode the caller's thread is in. All of it is put back at the end.
class Session {
public:
    explicit Session(const Context& context);

private:
    class Warnings : public c10::WarningHandler {
    public:
        explicit Warnings(LogPtr log) : log_(std::move(log)) {}
        void process(const c10::Warning& warning) override;

    private:
        LogPtr log_;
    };

    Warnings warnings_;
    c10::WarningUtils::WarningHandlerGuard handler_;
    c10::DeviceGuard device_;
    c10::InferenceMode mode_{false};
};

/// Copies a text out by the two-call pattern.
void give_text(const std::string& text, char* buf, std::size_t capacity, std::size_t* needed_out);
/// What give_text() needs, checked before the work.
void require_text_out(const char* buf, std::size_t capacity, const std::size_t* needed_out);

/// JSON as text; what is not UTF-8 is replaced.
std::string json_text(const config::Json& json);

/// Runs @p work with a Monitor over the caller's flag and function. A callback's own failure becomes Error(Callback).
class Watch {
public:
    Watch(const ptk_cancel* cancel, ptk_progress_fn progress, void* user_data);

    template <class Work> auto run(Work&& work)
    {
        try {
            return std::forward<Work>(work)(monitor_);
        } catch (const Error& error) {
            rethrow_callback_failure(error);
            throw;
        }
    }

private:
    void rethrow_callback_failure(const Error& error) const;

    std::shared_ptr<std::optional<std::string>> failure_;
    Monitor monitor_;
};

} // namespace ptk::capi
