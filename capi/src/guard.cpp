#include "guard.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <filesystem>
#include <new>

namespace ptk::capi {

namespace {

/// Status and message of a thread's last failure; fixed size, so that recording one cannot fail.
struct Failure {
    ptk_status status = PTK_OK;
    std::array<char, 1024> message{};
    bool left_by_callback = false;
};

thread_local Failure last_failure;
thread_local LogPtr current_log;

/// The part of the text that fits, cut between two UTF-8 characters and marked as cut.
void copy_message(const char* text) noexcept
{
    constexpr std::string_view mark = "...";
    auto& message = last_failure.message;
    std::size_t length = std::strlen(text);
    const bool fits = length < message.size();
    if (!fits) {
        length = message.size() - 1 - mark.size();
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
            --length;
    }
    std::memmove(message.data(), text, length);
    if (!fits)
        std::memcpy(message.data() + length, mark.data(), mark.size());
    message[length + (fits ? 0 : mark.size())] = '\0';
}

ptk_status record(Status status, const char* function, const char* text) noexcept
{
    last_failure.status = static_cast<ptk_status>(status);
    last_failure.left_by_callback = false;
    std::array<char, 2048> line{};
    if (status == Status::Callback) // the callback's words are reported as they are
        std::snprintf(line.data(), line.size(), "%s", text);
    else
        std::snprintf(line.data(), line.size(), "%s: %s", function, text);
    copy_message(line.data());
    return last_failure.status;
}

/// LibTorch reports a failed allocation of host memory as a plain error.
Status status_of(const c10::Error& error)
{
    const std::string_view text = error.what_without_backtrace();
    return text.find("DefaultCPUAllocator") == std::string_view::npos ? Status::Internal : Status::OutOfMemory;
}

ptk_status record_torch(Status status, const char* function, const c10::Error& error) noexcept
{
    if (current_log)
        current_log->write(LogLevel::Debug, "torch", error.what());
    return record(status, function, error.what_without_backtrace());
}

} // namespace

LogScope::LogScope() noexcept : outer_(std::move(current_log))
{
    current_log = nullptr;
}

LogScope::~LogScope()
{
    current_log = std::move(outer_);
}

ptk_status record_failure(const char* function) noexcept
{
    try {
        throw;
    } catch (const Error& error) {
        return record(error.status(), function, error.what());
    } catch (const c10::OutOfMemoryError& error) {
        return record_torch(Status::OutOfMemory, function, error);
    } catch (const c10::AcceleratorError& error) {
        return record_torch(Status::Device, function, error);
    } catch (const c10::Error& error) {
        return record_torch(status_of(error), function, error);
    } catch (const std::bad_alloc&) {
        return record(Status::OutOfMemory, function, "out of memory");
    } catch (const std::filesystem::filesystem_error& error) {
        return record(Status::Io, function, error.what());
    } catch (const std::exception& error) {
        return record(Status::Internal, function, error.what());
    } catch (...) {
        return record(Status::Internal, function, "unknown exception");
    }
}

void forget_callback_message() noexcept
{
    last_failure.left_by_callback = false;
}

std::optional<std::string> callback_message()
{
    if (!last_failure.left_by_callback)
        return std::nullopt;
    return last_failure.message.data();
}

void Session::Warnings::process(const c10::Warning& warning)
{
    log_->write(LogLevel::Warn, "torch", warning.msg());
}

Session::Session(const Context& context) : warnings_(context.log), handler_(&warnings_), device_(context.device)
{
    current_log = context.log;
}

void require_text_out(const char* buf, std::size_t capacity, const std::size_t* needed_out)
{
    require(needed_out != nullptr, Status::InvalidArgument, "needed_out is NULL");
    require(buf != nullptr || capacity == 0, Status::InvalidArgument, "buf is NULL, but capacity is {}", capacity);
}

void give_text(const std::string& text, char* buf, std::size_t capacity, std::size_t* needed_out)
{
    require_text_out(buf, capacity, needed_out);
    *needed_out = text.size() + 1;
    if (buf == nullptr)
        return;
    if (capacity <= text.size()) {
        if (capacity > 0)
            buf[0] = '\0';
        fail(Status::BufferTooSmall, "the text needs {} bytes, but capacity is {}", text.size() + 1, capacity);
    }
    std::memcpy(buf, text.c_str(), text.size() + 1);
}

std::string json_text(const config::Json& json)
{
    return json.dump(-1, ' ', false, config::Json::error_handler_t::replace);
}

namespace {

ptk_progress to_c(const Progress& progress)
{
    return {.struct_size = sizeof(ptk_progress),
            .phase = progress.phase,
            .epoch = progress.epoch,
            .epochs = progress.epochs,
            .step = progress.step,
            .steps = progress.steps,
            .loss = progress.loss,
            .validation_loss = progress.validation_loss,
            .frames_per_second = progress.frames_per_second,
            .seconds = progress.seconds};
}

/// One call of the caller's function: true to go on. Its message, or the exception of a C++ caller, is kept in @p
/// failure.
bool ask(ptk_progress_fn function, void* user_data, const Progress& progress, std::optional<std::string>& failure)
{
    const auto state = to_c(progress);
    forget_callback_message();
    try {
        if (function(&state, user_data) == 0)
            return true;
    } catch (const std::exception& error) {
        failure = error.what();
        return false;
    }
    failure = callback_message();
    return false;
}

} // namespace

Watch::Watch(const ptk_cancel* cancel, ptk_progress_fn progress, void* user_data)
    : failure_(std::make_shared<std::optional<std::string>>())
{
    Monitor::Report report;
    if (progress != nullptr)
        report = [progress, user_data, failure = failure_](const Progress& state) {
            return ask(progress, user_data, state, *failure);
        };
    monitor_ = Monitor(std::move(report), cancel == nullptr ? nullptr : impl(cancel)->token);
}

void Watch::rethrow_callback_failure(const Error& error) const
{
    if (error.status() == Status::Cancelled && failure_->has_value())
        throw Error(Status::Callback, **failure_);
}

} // namespace ptk::capi

ptk_status ptk_last_error(void)
{
    return ptk::capi::last_failure.status;
}

const char* ptk_last_error_message(void)
{
    return ptk::capi::last_failure.message.data();
}

void ptk_set_error_message(const char* message)
{
    ptk::capi::copy_message(message == nullptr ? "" : message);
    ptk::capi::last_failure.status = PTK_ERR_CALLBACK;
    ptk::capi::last_failure.left_by_callback = true;
}
