#pragma once
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace ptk::tracking {

/// What a server answered.
struct Reply {
    long code = 0; ///< HTTP status
    std::string body;
};

/// Who we are to a server. Read from the environment only, so that no secret gets into options, models or logs.
struct Credentials {
    std::string token; ///< MLFLOW_TRACKING_TOKEN; wins over the other two
    std::string user;  ///< MLFLOW_TRACKING_USERNAME
    std::string password;
    std::string certificates; ///< MLFLOW_TRACKING_SERVER_CERT_PATH
    bool trust_all = false;   ///< MLFLOW_TRACKING_INSECURE_TLS = true
};
Credentials credentials_of_environment();

/// Requests to one server, one after the other. Redirections are not followed: they could lead credentials elsewhere.
/// Threads: one, but for end_by().
class HttpClient {
public:
    /// @param base       "http://host:port/path" without a slash at the end, see checked_address()
    /// @param timeout_s  longest time of a request, and longest silence during an upload
    /// @throws Error(Unsupported) without libcurl
    HttpClient(std::string base, double timeout_s, Credentials credentials);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// @param path  begins with '/', escaped
    /// @throws Error(Io) when there is no answer, with the reason
    Reply get(const std::string& path);
    Reply post(const std::string& path, const std::string& json);
    /// Reads the file while it sends. @throws Error(Io) also when the file cannot be read
    Reply put_file(const std::string& path, const std::filesystem::path& file);

    /// From then on requests fail, also one that is under way. Threads: any.
    void end_by(std::chrono::steady_clock::time_point time) noexcept;

    const std::string& base() const noexcept { return base_; }

private:
    struct Handle;

    void prepare(const std::string& path);
    Reply perform();

    std::string base_;
    double timeout_s_;
    Credentials credentials_;
    std::atomic<std::chrono::steady_clock::rep> end_;
    std::unique_ptr<Handle> handle_;
};

/// The address of a server, without a slash at its end.
/// @throws Error(InvalidConfig) unless it is http:// or https:// with a host, and nothing in it looks like a secret
/// (user:password@, a query): options are stored in models, credentials are not
std::string checked_address(const std::string& uri);

/// A text as a part of an address (RFC 3986): all but letters, digits and "-._~" escaped.
/// @param keep  further characters that stay, e.g. "/"
std::string escaped(const std::string& text, const std::string& keep = "");

} // namespace ptk::tracking
