#pragma once
#include <nlohmann/json_fwd.hpp>
#include <ptychokit/ptychokit.h>

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace cli {

/// A call of the library that failed: its status decides the exit code.
class Failure : public std::runtime_error {
public:
    Failure(ptk_status status, const std::string& message) : std::runtime_error(message), status(status) {}
    ptk_status status;
};

/// Throw unless the call succeeded.
void check(ptk_status status);

/// 0 done, 1 failed, 2 wrong options, 3 a file that cannot be used, 4 not converged, 130 interrupted.
int exit_code(ptk_status status);

template <class T, void (*Release)(T*)> struct Releaser {
    void operator()(T* handle) const { Release(handle); }
};
template <class T, void (*Release)(T*)> using Handle = std::unique_ptr<T, Releaser<T, Release>>;
using Context = Handle<ptk_context, ptk_context_free>;
using Config = Handle<ptk_config, ptk_config_free>;
using Cancel = Handle<ptk_cancel, ptk_cancel_free>;
using Dataset = Handle<ptk_dataset, ptk_dataset_free>;
using Model = Handle<ptk_model, ptk_model_free>;
using Trainer = Handle<ptk_trainer, ptk_trainer_free>;
using Reconstructor = Handle<ptk_reconstructor, ptk_reconstructor_free>;
using Canvas = Handle<ptk_canvas, ptk_canvas_free>;

/// A handle out of a call whose first parameter is the output.
template <class H, class Call, class... Args> H make(Call call, Args... args)
{
    typename H::pointer raw = nullptr;
    check(call(&raw, args...));
    return H(raw);
}

/// A text out of a call that ends in (buf, capacity, needed_out).
std::string text_of(const std::function<ptk_status(char*, size_t, size_t*)>& call);
nlohmann::json json_of(const std::function<ptk_status(char*, size_t, size_t*)>& call);

/// Options that every command has.
struct Common {
    std::string device = "cpu";
    std::string config_file;
    std::vector<std::string> settings; ///< "key=value"
    std::vector<std::string> plugins;  ///< files whose generators are loaded
    int threads = 0;
    bool quiet = false;
    bool verbose = false;
};

/// Context, configuration, log, progress and interrupt of one run of the program.
class Session {
public:
    explicit Session(const Common& common);

    ptk_context* context() const { return context_.get(); }
    ptk_config* config() const { return config_.get(); }
    ptk_cancel* cancel() const { return cancel_.get(); }
    void* progress_data() { return this; }
    /// The one that speaks and writes among processes that train together; the others then say warnings only.
    bool leads();
    /// A line for the user, unless quiet.
    void say(const std::string& line);

    static int32_t on_progress(const ptk_progress* progress, void* session);

private:
    void show(const ptk_progress& progress);
    void end_bar();

    Context context_;
    Config config_;
    Cancel cancel_;
    bool quiet_;
    bool terminal_;
    bool bar_open_ = false;
    double last_shown_ = -1e9;
    std::string last_phase_;
};

/// Make a folder (and those above it). @throws Failure(PTK_ERR_IO)
void make_folder(const std::string& path);
bool file_exists(const std::string& path);
/// A number in few digits, or "-" when it is not finite.
std::string number(double value, int digits = 4);

} // namespace cli
