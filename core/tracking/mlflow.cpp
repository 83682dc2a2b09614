#include "tracking/mlflow.h"

#include "base/error.h"
#include "base/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <utility>

namespace ptk::tracking {

namespace {

using Json = nlohmann::json;

constexpr const char* interface = "/api/2.0/mlflow/";
constexpr const char* artifact_interface = "/api/2.0/mlflow-artifacts/artifacts/";
constexpr const char* id_tag = "ptychokit.id";
constexpr std::size_t most_metrics = 1000;   ///< in one log-batch; these limits are MLflow's
constexpr std::size_t most_parameters = 100; ///< the same
constexpr std::size_t longest_value = 500;   ///< of a parameter, in the oldest servers that are in use
constexpr std::size_t longest_tag = 4096;    ///< of a tag; MLflow takes 5000
constexpr std::size_t longest_complaint = 300;

std::string text_of(const Json& json)
{
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The server's words on one line, as far as they fit into a message.
std::string complaint(const Reply& reply)
{
    const auto json = base::parse_json(reply.body);
    auto words = reply.body;
    if (json.is_object() && json.contains("message") && json["message"].is_string())
        words = json["message"].get<std::string>();
    std::replace_if(
        words.begin(), words.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
    return words.substr(0, longest_complaint);
}

bool can_not_now(long code)
{
    return code >= 500 || code == 429 || code == 408;
}

void check_code(const HttpClient& server, const Reply& reply, const std::string& what)
{
    if (reply.code < 200 || reply.code >= 300)
        fail(can_not_now(reply.code) ? Status::Io : Status::Unsupported, "{}: {}: HTTP {}: {}", server.base(), what,
             reply.code, complaint(reply));
}

Json checked(const HttpClient& server, const Reply& reply, const std::string& what)
{
    check_code(server, reply, what);
    auto json = base::parse_json(reply.body);
    require(json.is_object(), Status::Unsupported, "{}: {}: the answer is not JSON; is this an MLflow server?",
            server.base(), what);
    return json;
}

Json call(HttpClient& server, const std::string& what, const Json& request)
{
    return checked(server, server.post(interface + what, text_of(request)), what);
}

/// A text at a path of an answer.
std::string field(const HttpClient& server, const Json& json, const char* path)
{
    const Json::json_pointer pointer(path);
    require(json.contains(pointer) && json[pointer].is_string(), Status::Unsupported,
            "{}: the answer has no '{}'; is this an MLflow server?", server.base(), path);
    return json[pointer].get<std::string>();
}

Json pairs(const std::map<std::string, std::string>& values, std::size_t longest)
{
    Json list = Json::array();
    for (const auto& [name, value] : values)
        list.push_back({{"key", name}, {"value", value.substr(0, longest)}});
    return list;
}

const char* word_of(RunStatus status)
{
    switch (status) {
    case RunStatus::Running:
        return "RUNNING";
    case RunStatus::Finished:
        return "FINISHED";
    case RunStatus::Failed:
        return "FAILED";
    case RunStatus::Killed:
        return "KILLED";
    }
    return "FAILED";
}

} // namespace

std::int64_t milliseconds_now()
{
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string MlflowRun::experiment_id(const std::string& name)
{
    const auto ask = [&] {
        return server_.get(interface + ("experiments/get-by-name?experiment_name=" + escaped(name)));
    };
    auto reply = ask();
    if (reply.code == 404) {
        const auto made = server_.post(std::string(interface) + "experiments/create", text_of({{"name", name}}));
        if (made.code == 200)
            return field(server_, checked(server_, made, "experiments/create"), "/experiment_id");
        reply = ask(); // another one may have made it just now
        if (reply.code == 404)
            checked(server_, made, "experiments/create");
    }
    return field(server_, checked(server_, reply, "experiments/get-by-name"), "/experiment/experiment_id");
}

bool MlflowRun::find_run(const std::string& experiment, const std::string& id)
{
    const auto found = call(server_, "runs/search",
                            {{"experiment_ids", Json::array({experiment})},
                             {"filter", "tags.`" + std::string(id_tag) + "` = '" + id + "'"},
                             {"max_results", 1}});
    if (!found.contains("runs") || found["runs"].empty())
        return false;
    run_id_ = field(server_, found, "/runs/0/info/run_id");
    artifacts_ = field(server_, found, "/runs/0/info/artifact_uri");
    return true;
}

void MlflowRun::create_run(const std::string& experiment, const RunDescription& description)
{
    auto tags = description.tags;
    tags[id_tag] = description.id;
    Json request{{"experiment_id", experiment}, {"start_time", milliseconds_now()}, {"tags", pairs(tags, longest_tag)}};
    if (!description.name.empty())
        request["run_name"] = description.name;
    const auto made = call(server_, "runs/create", request);
    run_id_ = field(server_, made, "/run/info/run_id");
    artifacts_ = field(server_, made, "/run/info/artifact_uri");
}

void MlflowRun::log_parameters(const std::map<std::string, std::string>& parameters)
{
    const auto list = pairs(parameters, longest_value);
    for (std::size_t begin = 0; begin < list.size(); begin += most_parameters) {
        const auto end = std::min(begin + most_parameters, list.size());
        const auto first = list.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last = list.begin() + static_cast<std::ptrdiff_t>(end);
        call(server_, "runs/log-batch", {{"run_id", run_id_}, {"params", Json(Json::array_t(first, last))}});
    }
}

void MlflowRun::open(const RunDescription& description)
{
    const auto experiment = experiment_id(description.experiment);
    if (!find_run(experiment, description.id)) {
        create_run(experiment, description);
        log_parameters(description.parameters);
        return;
    }
    set_status(RunStatus::Running);
    try {
        log_parameters(description.parameters);
    } catch (const Error& error) {
        // A run that is gone on with may have others now; MLflow keeps the first ones.
        if (error.status() != Status::Unsupported)
            throw;
    }
}

void MlflowRun::log(const std::vector<Metric>& metrics)
{
    for (std::size_t begin = 0; begin < metrics.size(); begin += most_metrics) {
        Json list = Json::array();
        for (std::size_t i = begin; i < std::min(begin + most_metrics, metrics.size()); ++i) {
            const auto& m = metrics[i];
            list.push_back({{"key", m.name}, {"value", m.value}, {"step", m.step}, {"timestamp", m.milliseconds}});
        }
        call(server_, "runs/log-batch", {{"run_id", run_id_}, {"metrics", std::move(list)}});
    }
}

void MlflowRun::set_tag(const std::string& name, const std::string& value)
{
    call(server_, "runs/set-tag", {{"run_id", run_id_}, {"key", name}, {"value", value.substr(0, longest_tag)}});
}

void MlflowRun::set_status(RunStatus status)
{
    Json request{{"run_id", run_id_}, {"status", word_of(status)}};
    if (status != RunStatus::Running)
        request["end_time"] = milliseconds_now();
    call(server_, "runs/update", request);
}

void MlflowRun::upload(const std::filesystem::path& file)
{
    // "mlflow-artifacts:/1/RUN/artifacts", or with a host before the path, which is the one that we talk to.
    const std::string scheme = "mlflow-artifacts:";
    require(artifacts_.starts_with(scheme), Status::Unsupported,
            "{}: keeps artifacts at {}, which it does not take itself (mlflow server --serve-artifacts)",
            server_.base(), artifacts_.substr(0, artifacts_.find('?')));
    auto path = artifacts_.substr(scheme.size());
    if (path.starts_with("//"))
        path = path.find('/', 2) == std::string::npos ? "" : path.substr(path.find('/', 2));
    path.erase(0, path.find_first_not_of('/'));
    path += (path.empty() ? "" : "/") + file.filename().string();
    // The answer says nothing but its code.
    check_code(server_, server_.put_file(artifact_interface + escaped(path, "/"), file),
               "upload of " + file.filename().string());
}

} // namespace ptk::tracking
