#include "session.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>

namespace cli {

namespace {

ptk_cancel* interrupt_target = nullptr;

std::int64_t milliseconds()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

/// The first signal asks for a clean end, a later one ends the program at once. One key press may arrive twice (a shell
/// or `timeout` signals the process and its group), so "later" means by more than half a second.
extern "C" void on_interrupt(int number)
{
    static volatile std::sig_atomic_t asked = 0;
    static std::int64_t first = 0;
    if (asked == 0) {
        asked = 1;
        first = milliseconds();
        if (interrupt_target != nullptr)
            ptk_cancel_request(interrupt_target);
        return;
    }
    if (milliseconds() - first < 500)
        return;
    std::signal(number, SIG_DFL);
    std::raise(number);
}

void on_log(ptk_log_level level, const char* area, const char* message, void*)
{
    const char* kind = level == PTK_LOG_ERROR ? "error: " : level == PTK_LOG_WARN ? "warning: " : "";
    std::fprintf(stderr, "%s%s: %s\n", kind, area, message);
}

Config read_config(const Common& common)
{
    auto config = common.config_file.empty() ? make<Config>(ptk_config_create)
                                             : make<Config>(ptk_config_load, common.config_file.c_str());
    for (const auto& setting : common.settings) {
        const auto equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            throw Failure(PTK_ERR_INVALID_CONFIG,
                          "--set " + setting + ": expected KEY=VALUE, e.g. --set training.epochs=10");
        check(ptk_config_set_text(config.get(), setting.substr(0, equals).c_str(), setting.substr(equals + 1).c_str()));
    }
    std::string plugins;
    for (const auto& file : common.plugins)
        plugins += (plugins.empty() ? "" : ":") + file;
    if (!plugins.empty())
        check(ptk_config_set_string(config.get(), "plugins", plugins.c_str()));
    if (common.threads > 0)
        check(ptk_config_set_int(config.get(), "threads", common.threads));
    return config;
}

std::string duration(double seconds)
{
    const auto total = static_cast<long>(seconds + 0.5);
    char text[48];
    if (total < 3600)
        std::snprintf(text, sizeof text, "%ld:%02ld", total / 60, total % 60);
    else
        std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
    return text;
}

std::string progress_line(const ptk_progress& progress)
{
    std::string line = progress.phase;
    if (progress.epoch > 0)
        line += "  epoch " + std::to_string(progress.epoch) +
                (progress.epochs > 0 ? "/" + std::to_string(progress.epochs) : "");
    if (std::isfinite(progress.loss))
        line += (line.rfind("train", 0) == 0 || line.rfind("validate", 0) == 0 ? "  loss " : "  error ") +
                number(progress.loss);
    if (std::isfinite(progress.validation_loss))
        line += "  held out " + number(progress.validation_loss);
    if (std::isfinite(progress.frames_per_second))
        line += "  " + number(progress.frames_per_second, 3) + " frames/s";
    if (progress.steps > 0 && progress.step > 0 && progress.step < progress.steps && progress.seconds > 2)
        line += "  " +
                duration(progress.seconds * static_cast<double>(progress.steps - progress.step) /
                         static_cast<double>(progress.step)) +
                " left";
    return line;
}

} // namespace

void check(ptk_status status)
{
    if (status != PTK_OK)
        throw Failure(status, ptk_last_error_message());
}

int exit_code(ptk_status status)
{
    switch (status) {
    case PTK_OK:
        return 0;
    case PTK_ERR_INVALID_ARGUMENT:
    case PTK_ERR_INVALID_CONFIG:
    case PTK_ERR_NOT_FOUND:
        return 2;
    case PTK_ERR_SHAPE:
    case PTK_ERR_IO:
    case PTK_ERR_FORMAT:
        return 3;
    case PTK_ERR_NOT_CONVERGED:
        return 4;
    case PTK_ERR_CANCELLED:
        return 130;
    default:
        return 1;
    }
}

std::string text_of(const std::function<ptk_status(char*, size_t, size_t*)>& call)
{
    size_t needed = 0;
    const ptk_status status = call(nullptr, 0, &needed);
    if (status != PTK_ERR_BUFFER_TOO_SMALL)
        check(status);
    std::string text(needed, '\0');
    check(call(text.data(), text.size(), &needed));
    text.resize(needed == 0 ? 0 : needed - 1);
    return text;
}

nlohmann::json json_of(const std::function<ptk_status(char*, size_t, size_t*)>& call)
{
    return nlohmann::json::parse(text_of(call));
}

Session::Session(const Common& common)
    : config_(read_config(common)), cancel_(make<Cancel>(ptk_cancel_create)), quiet_(common.quiet),
      terminal_(::isatty(STDERR_FILENO) != 0)
{
    context_ = make<Context>(ptk_context_create, common.device.c_str(), static_cast<const ptk_config*>(config_.get()));
    check(ptk_context_set_log(context_.get(),
                              common.verbose ? PTK_LOG_DEBUG
                              : quiet_       ? PTK_LOG_ERROR
                                             : PTK_LOG_INFO,
                              on_log, nullptr));
    check(ptk_config_check(context_.get(), config_.get(), "library"));
    interrupt_target = cancel_.get();
    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
}

bool Session::leads()
{
    const auto about = json_of([&](char* buf, size_t capacity, size_t* needed) {
        return ptk_context_describe(context(), buf, capacity, needed);
    });
    if (about["rank"].get<int>() == 0)
        return true;
    check(ptk_context_set_log(context(), quiet_ ? PTK_LOG_ERROR : PTK_LOG_WARN, on_log, nullptr));
    quiet_ = true;
    return false;
}

void Session::say(const std::string& line)
{
    end_bar();
    if (!quiet_)
        std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

void Session::end_bar()
{
    if (bar_open_)
        std::fputc('\n', stderr);
    bar_open_ = false;
}

int32_t Session::on_progress(const ptk_progress* progress, void* session)
{
    static_cast<Session*>(session)->show(*progress);
    return 0;
}

void Session::show(const ptk_progress& progress)
{
    if (quiet_)
        return;
    const bool new_phase = last_phase_ != progress.phase;
    const bool finished = progress.steps > 0 && progress.step >= progress.steps;
    // A terminal gets a bar five times a second, a log a line every ten seconds.
    const double pause = terminal_ ? 0.2 : 10;
    if (!new_phase && !finished && progress.seconds - last_shown_ < pause && progress.seconds >= last_shown_)
        return;
    if (new_phase)
        end_bar();
    last_shown_ = progress.seconds;
    last_phase_ = progress.phase;
    const auto line = progress_line(progress);
    if (!terminal_) {
        std::fprintf(stderr, "%s\n", line.c_str());
        return;
    }
    const double part =
        progress.steps > 0 ? static_cast<double>(progress.step) / static_cast<double>(progress.steps) : 0;
    const int filled = static_cast<int>(part * 24);
    std::fprintf(stderr, "\r\033[K[%s%s] %s", std::string(static_cast<size_t>(filled), '#').c_str(),
                 std::string(static_cast<size_t>(24 - filled), '.').c_str(), line.c_str());
    std::fflush(stderr);
    bar_open_ = true;
    if (finished)
        end_bar();
}

void make_folder(const std::string& path)
{
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code || !std::filesystem::is_directory(path))
        throw Failure(PTK_ERR_IO,
                      path + ": cannot make this folder" + (code ? ": " + code.message() : ": a file has that name"));
}

bool file_exists(const std::string& path)
{
    std::error_code code;
    return std::filesystem::is_regular_file(path, code);
}

std::string number(double value, int digits)
{
    if (!std::isfinite(value))
        return "-";
    char text[32];
    if (std::abs(value) >= std::pow(10, digits) && std::abs(value) < 1e7)
        std::snprintf(text, sizeof text, "%.0f", value);
    else
        std::snprintf(text, sizeof text, "%.*g", digits, value);
    return text;
}

} // namespace cli
