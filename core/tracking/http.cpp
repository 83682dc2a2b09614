#include "tracking/http.h"

#include "base/error.h"
#include "tracking/curl.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

namespace ptk::tracking {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_reply = std::size_t{4} << 20;

std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* body)
{
    auto& text = *static_cast<std::string*>(body);
    if (text.size() + size * count > longest_reply)
        return 0; // libcurl ends the request
    text.append(data, size * count);
    return size * count;
}

std::size_t give_file(char* data, std::size_t size, std::size_t count, void* file)
{
    auto& stream = *static_cast<std::ifstream*>(file);
    stream.read(data, static_cast<std::streamsize>(size * count));
    return stream.bad() ? CURL_READFUNC_ABORT : static_cast<std::size_t>(stream.gcount());
}

int ask_whether_to_end(void* end, curl_off_t, curl_off_t, curl_off_t, curl_off_t)
{
    const auto& time = *static_cast<std::atomic<Clock::rep>*>(end);
    return Clock::now().time_since_epoch().count() > time.load(std::memory_order_relaxed) ? 1 : 0;
}

} // namespace

Credentials credentials_of_environment()
{
    return {.token = environment("MLFLOW_TRACKING_TOKEN"),
            .user = environment("MLFLOW_TRACKING_USERNAME"),
            .password = environment("MLFLOW_TRACKING_PASSWORD"),
            .certificates = environment("MLFLOW_TRACKING_SERVER_CERT_PATH"),
            .trust_all = environment("MLFLOW_TRACKING_INSECURE_TLS") == "true"};
}

/// A handle of libcurl with what must live as long as a request.
struct HttpClient::Handle {
    Handle() : easy(curl().easy_init()) { require(easy != nullptr, Status::OutOfMemory, "libcurl gives no handle"); }
    ~Handle()
    {
        curl().slist_free_all(headers);
        curl().easy_cleanup(easy);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    template <class Value> void set(CURLoption option, Value value) { curl().easy_setopt(easy, option, value); }
    void set(CURLoption option, const std::string& value) { curl().easy_setopt(easy, option, value.c_str()); }
    void add_header(const std::string& line) { headers = curl().slist_append(headers, line.c_str()); }
    void clear()
    {
        curl().easy_reset(easy); // keeps the connection
        curl().slist_free_all(headers);
        headers = nullptr;
        body.clear();
        reason.fill('\0');
    }

    CURL* easy;
    curl_slist* headers = nullptr;
    std::string body;
    std::array<char, CURL_ERROR_SIZE> reason{};
};

HttpClient::HttpClient(std::string base, double timeout_s, Credentials credentials)
    : base_(std::move(base)), timeout_s_(timeout_s), credentials_(std::move(credentials)),
      end_(Clock::time_point::max().time_since_epoch().count()), handle_(std::make_unique<Handle>())
{
}

HttpClient::~HttpClient() = default;

void HttpClient::end_by(Clock::time_point time) noexcept
{
    end_.store(time.time_since_epoch().count(), std::memory_order_relaxed);
}

void HttpClient::prepare(const std::string& path)
{
    auto& h = *handle_;
    h.clear();
    h.set(CURLOPT_URL, base_ + path);
    h.set(CURLOPT_NOSIGNAL, 1L); // we are a thread of somebody else's process
    h.set(CURLOPT_ERRORBUFFER, h.reason.data());
    h.set(CURLOPT_WRITEFUNCTION, take_body);
    h.set(CURLOPT_WRITEDATA, &h.body);
    h.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout_s_ * 1000));
    h.set(CURLOPT_NOPROGRESS, 0L);
    h.set(CURLOPT_XFERINFOFUNCTION, ask_whether_to_end);
    h.set(CURLOPT_XFERINFODATA, &end_);
#if LIBCURL_VERSION_NUM >= 0x075700
    h.set(CURLOPT_QUICK_EXIT, 1L); // no waiting for a name server that does not answer
#endif
    if (!credentials_.token.empty()) {
        h.add_header("Authorization: Bearer " + credentials_.token);
    } else if (!credentials_.user.empty()) {
        h.set(CURLOPT_USERNAME, credentials_.user);
        h.set(CURLOPT_PASSWORD, credentials_.password);
    }
    if (!credentials_.certificates.empty())
        h.set(CURLOPT_CAINFO, credentials_.certificates);
    if (credentials_.trust_all) {
        h.set(CURLOPT_SSL_VERIFYPEER, 0L);
        h.set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

Reply HttpClient::perform()
{
    auto& h = *handle_;
    h.set(CURLOPT_HTTPHEADER, h.headers);
    const auto result = curl().easy_perform(h.easy);
    if (result != CURLE_OK) {
        const char* why = h.reason[0] != '\0' ? h.reason.data() : curl().easy_strerror(result);
        fail(Status::Io, "{}: {}", base_, why);
    }
    Reply reply;
    curl().easy_getinfo(h.easy, CURLINFO_RESPONSE_CODE, &reply.code);
    reply.body = std::move(h.body);
    return reply;
}

Reply HttpClient::get(const std::string& path)
{
    prepare(path);
    handle_->set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_s_ * 1000));
    return perform();
}

Reply HttpClient::post(const std::string& path, const std::string& json)
{
    prepare(path);
    auto& h = *handle_;
    h.set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_s_ * 1000));
    h.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
    h.set(CURLOPT_COPYPOSTFIELDS, json);
    h.add_header("Content-Type: application/json");
    h.add_header("Expect:"); // else libcurl waits a second for a "continue"
    return perform();
}

Reply HttpClient::put_file(const std::string& path, const std::filesystem::path& file)
{
    std::error_code code;
    const auto size = std::filesystem::file_size(file, code);
    std::ifstream stream(file, std::ios::binary);
    require(!code && stream.good(), Status::Io, "{}: cannot be read{}", file.string(),
            code ? ": " + code.message() : "");
    prepare(path);
    auto& h = *handle_;
    // A large file may take long, as long as it moves.
    h.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    h.set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(timeout_s_)));
    h.set(CURLOPT_UPLOAD, 1L);
    h.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    h.set(CURLOPT_READFUNCTION, give_file);
    h.set(CURLOPT_READDATA, &stream);
    h.add_header("Content-Type: application/octet-stream");
    h.add_header("Expect:");
    return perform();
}

std::string checked_address(const std::string& uri)
{
    const auto scheme = uri.find("://");
    const auto name = uri.substr(0, scheme == std::string::npos ? 0 : scheme);
    require(name == "http" || name == "https", Status::InvalidConfig,
            "tracking.uri: expected the address of an MLflow server, http://HOST:PORT or https://HOST");
    const auto rest = uri.substr(scheme + 3);
    // Said without the text, which may hold a secret.
    require(rest.substr(0, rest.find('/')).find('@') == std::string::npos, Status::InvalidConfig,
            "tracking.uri: holds a user or password, which would be stored with the settings; give them in the "
            "environment, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN)");
    const bool plain = std::all_of(rest.begin(), rest.end(), [](unsigned char c) {
        return std::isgraph(c) != 0 && c != '?' && c != '#' && c != '"' && c != '\\';
    });
    require(plain && !rest.empty() && rest.front() != '/', Status::InvalidConfig,
            "tracking.uri: expected http://HOST:PORT/PATH without spaces, '?' and '#'");
    auto address = uri;
    while (address.back() == '/')
        address.pop_back();
    return address;
}

std::string escaped(const std::string& text, const std::string& keep)
{
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte < 128 && std::isalnum(byte) != 0) ||
                           std::string("-._~").find(c) != std::string::npos || keep.find(c) != std::string::npos;
        if (plain) {
            out += c;
            continue;
        }
        std::array<char, 4> code{};
        std::snprintf(code.data(), code.size(), "%%%02X", byte);
        out += code.data();
    }
    return out;
}

} // namespace ptk::tracking
