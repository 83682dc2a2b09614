// A server that plays MLflow as far as we talk to it, and remembers what it was told.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ptk::tracking::testing {

using Json = nlohmann::json;

struct Request {
    std::string method, path, head, body;
};

struct Answer {
    int code = 200;
    std::string body = "{}";
    int wait_ms = 0;
};

/// HTTP/1.1 on a free port of the loopback, one connection at a time. Threads: one of its own.
class FakeServer {
public:
    using Handler = std::function<Answer(const Request&)>;

    explicit FakeServer(Handler handler) : handler_(std::move(handler))
    {
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        EXPECT_EQ(::listen(socket_, 8), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() { stop(); }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    /// From now on the port refuses.
    void stop()
    {
        if (stopped_.exchange(true))
            return;
        thread_.join();
        ::close(socket_);
    }
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::vector<Request> requests() const
    {
        const std::scoped_lock lock(mutex_);
        return requests_;
    }

private:
    static bool readable(int socket)
    {
        pollfd one{socket, POLLIN, 0};
        return ::poll(&one, 1, 10) > 0;
    }

    void serve()
    {
        while (!stopped_) {
            if (!readable(socket_))
                continue;
            const int peer = ::accept(socket_, nullptr, nullptr);
            converse(peer);
            ::close(peer);
        }
    }

    void converse(int peer)
    {
        std::string data;
        while (!stopped_) {
            if (!readable(peer))
                continue;
            char part[65536];
            const auto got = ::recv(peer, part, sizeof part, 0);
            if (got <= 0)
                return;
            data.append(part, static_cast<std::size_t>(got));
            const auto end = data.find("\r\n\r\n");
            if (end == std::string::npos)
                continue;
            const auto length = data.find("Content-Length: ");
            const auto size = length < end ? std::stoul(data.substr(length + 16)) : 0;
            if (data.size() < end + 4 + size)
                continue;
            answer(peer, data.substr(0, end), data.substr(end + 4, size));
            data.erase(0, end + 4 + size);
        }
    }

    void answer(int peer, const std::string& head, const std::string& body)
    {
        const auto first = head.find(' '), second = head.find(' ', first + 1);
        const Request request{head.substr(0, first), head.substr(first + 1, second - first - 1), head, body};
        {
            const std::scoped_lock lock(mutex_);
            requests_.push_back(request);
        }
        const auto answer = handler_(request);
        for (int waited = 0; waited < answer.wait_ms && !stopped_; waited += 10)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        const auto text = "HTTP/1.1 " + std::to_string(answer.code) +
                          " said\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
        (void)::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
    }

    Handler handler_;
    int socket_ = -1;
    int port_ = 0;
    std::atomic<bool> stopped_{false};
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
};

/// Runs, parameters, metrics and files by what the REST interface says of them. Ask for them when it is stopped or
/// silent.
struct FakeMlflow {
    struct Run {
        std::map<std::string, std::string> tags, parameters, files;
        std::vector<Json> metrics;
        std::string status = "RUNNING";
        bool ended = false;
    };

    std::map<std::string, std::string> experiments; ///< id by name
    std::vector<Run> runs;

    Answer operator()(const Request& request)
    {
        const auto has = [&](const char* part) { return request.path.find(part) != std::string::npos; };
        if (has("/mlflow-artifacts/artifacts/"))
            return put(request);
        if (has("get-by-name"))
            return experiment(request.path.substr(request.path.find('=') + 1));
        const auto json = Json::parse(request.body, nullptr, false);
        if (json.is_discarded())
            return {400, R"({"message": "not JSON"})"};
        if (has("experiments/create")) {
            experiments[json["name"]] = std::to_string(experiments.size() + 7);
            return {200, Json{{"experiment_id", experiments[json["name"]]}}.dump()};
        }
        if (has("runs/search"))
            return search(json["filter"]);
        if (has("runs/create"))
            return create(json);
        const auto index = std::stoul(json["run_id"].get<std::string>().substr(3));
        if (index >= runs.size())
            return {404, R"({"message": "no such run"})"};
        auto& run = runs[index];
        if (has("runs/log-batch"))
            return log(run, json);
        if (has("runs/set-tag"))
            run.tags[json["key"]] = json["value"];
        if (has("runs/update")) {
            run.status = json["status"];
            run.ended = json.contains("end_time");
        }
        return {};
    }

    /// Values of a metric in the order of their steps.
    static std::vector<double> values(const Run& run, const std::string& name)
    {
        std::map<std::int64_t, double> sorted;
        for (const auto& metric : run.metrics)
            if (metric["key"] == name)
                sorted[metric["step"]] = metric["value"];
        std::vector<double> list;
        for (const auto& [step, value] : sorted)
            list.push_back(value);
        return list;
    }

private:
    static Json info(std::size_t index)
    {
        const auto id = "run" + std::to_string(index);
        return {{"info", {{"run_id", id}, {"artifact_uri", "mlflow-artifacts:/7/" + id + "/artifacts"}}}};
    }

    Answer experiment(const std::string& name)
    {
        if (!experiments.contains(name))
            return {404, R"({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such experiment"})"};
        return {200, Json{{"experiment", {{"experiment_id", experiments[name]}}}}.dump()};
    }

    Answer search(const std::string& filter)
    {
        for (std::size_t i = 0; i < runs.size(); ++i)
            if (filter == "tags.`ptychokit.id` = '" + runs[i].tags["ptychokit.id"] + "'")
                return {200, Json{{"runs", Json::array({info(i)})}}.dump()};
        return {};
    }

    Answer create(const Json& json)
    {
        Run run;
        for (const auto& tag : json["tags"])
            run.tags[tag["key"]] = tag["value"];
        run.tags["mlflow.runName"] = json.value("run_name", "");
        runs.push_back(run);
        return {200, Json{{"run", info(runs.size() - 1)}}.dump()};
    }

    static Answer log(Run& run, const Json& json)
    {
        const auto parameters = json.value("params", Json::array()), metrics = json.value("metrics", Json::array());
        if (parameters.size() > 100 || metrics.size() > 1000)
            return {400, R"({"message": "too many"})"};
        for (const auto& parameter : parameters)
            run.parameters[parameter["key"]] = parameter["value"];
        run.metrics.insert(run.metrics.end(), metrics.begin(), metrics.end());
        return {};
    }

    Answer put(const Request& request)
    {
        const auto part = request.path.find("/run");
        const auto index = std::stoul(request.path.substr(part + 4));
        runs.at(index).files[request.path.substr(request.path.rfind('/') + 1)] = request.body;
        return {200, ""}; // as the real one
    }
};

} // namespace ptk::tracking::testing
