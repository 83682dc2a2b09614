#pragma once
#include "tracking/http.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ptk::tracking {

/// One number of a run at one time.
struct Metric {
    std::string name;
    double value = 0; ///< finite
    std::int64_t step = 0;
    std::int64_t milliseconds = 0; ///< since 1970
};

/// How a run stands; the words are MLflow's.
enum class RunStatus { Running, Finished, Failed, Killed };

/// What a run is opened with.
struct RunDescription {
    std::string experiment;
    std::string name; ///< "" = the server makes one
    std::string id;   ///< ours, 32 hexadecimal digits: a run that has it already is gone on with
    std::map<std::string, std::string> parameters{};
    std::map<std::string, std::string> tags{};
};

/// A run on an MLflow server, by its REST interface 2.0 (mlflow.org/docs/latest/rest-api.html).
/// Every call: @throws Error(Io) when there is no answer, or the server says that it cannot now (5xx, 429): worth
/// another try; Error(Unsupported) when it refuses (other codes), with its words. Threads: one.
class MlflowRun {
public:
    explicit MlflowRun(HttpClient& server) : server_(server) {}

    /// Finds or makes experiment and run; sends parameters and tags. May be called again after it failed: it makes no
    /// second run, because the run is looked for by RunDescription::id first.
    void open(const RunDescription& description);
    /// Any number of them; what was sent twice counts once.
    void log(const std::vector<Metric>& metrics);
    void set_tag(const std::string& name, const std::string& value);
    void set_status(RunStatus status);
    /// A file by the name that it has, through the server (mlflow-artifacts).
    /// @throws Error(Unsupported) also when the server keeps artifacts where it does not take them itself
    void upload(const std::filesystem::path& file);

    /// MLflow's own name of the run; "" before open().
    const std::string& run_id() const noexcept { return run_id_; }

private:
    std::string experiment_id(const std::string& name);
    bool find_run(const std::string& experiment, const std::string& id);
    void create_run(const std::string& experiment, const RunDescription& description);
    void log_parameters(const std::map<std::string, std::string>& parameters);

    HttpClient& server_;
    std::string run_id_;
    std::string artifacts_; ///< where the server keeps those of the run
};

/// Milliseconds since 1970, now.
std::int64_t milliseconds_now();

} // namespace ptk::tracking
