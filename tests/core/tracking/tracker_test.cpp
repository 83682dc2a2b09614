// Addresses, credentials, and a server that refuses, hangs or comes back.
#include "base/error.h"
#include "core/tracking/fake_mlflow.h"
#include "tracking/tracker.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace ptk::tracking {
namespace {

using testing::Answer;
using testing::FakeMlflow;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Request;

std::pair<Status, std::string> error_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

/// Keeps what is said, by level.
struct Heard {
    LogPtr log = std::make_shared<Log>();
    std::vector<std::string> warnings, rest;

    Heard()
    {
        log->set(LogLevel::Debug, [this](LogLevel level, const char*, const char* message) {
            (level == LogLevel::Warn ? warnings : rest).emplace_back(message);
        });
    }
};

/// A variable of the environment for as long as it lives.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
};

Options quick(const std::string& address)
{
    Options options;
    options.address = address;
    options.timeout_s = 5;
    options.closing_s = 5;
    return options;
}

RunDescription fresh()
{
    RunDescription run;
    run.experiment = "E";
    run.id = new_id();
    return run;
}

void wait_for(const std::function<bool()>& condition)
{
    for (int i = 0; i < 1000 && !condition(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(Tracking, AddressesHoldNoSecretsAndErrorsDoNotRepeatThem)
{
    EXPECT_EQ(checked_address("http://host:5000/"), "http://host:5000");
    EXPECT_EQ(checked_address("https://host/mlflow/"), "https://host/mlflow");
    for (const char* wrong : {"host:5000", "ftp://host", "file:///mlruns", "http://", "http:///x", "http://a b",
                              "http://user:secret@host", "http://host?token=secret", "http://host#secret"}) {
        const auto [status, message] = error_of([&] { checked_address(wrong); });
        EXPECT_EQ(status, Status::InvalidConfig) << wrong;
        EXPECT_THAT(message, HasSubstr("tracking.uri: "));
        EXPECT_THAT(message, Not(HasSubstr("secret")));
    }
    EXPECT_THAT(error_of([] { checked_address("http://user:secret@host"); }).second,
                HasSubstr("MLFLOW_TRACKING_USERNAME"));
    EXPECT_EQ(escaped("a b/ü~", "/"), "a%20b/%C3%BC~");
}

TEST(Tracking, OptionsAreThoseOfTheUserAlone)
{
    const auto given = config::Config::from_json(
        R"({"experiment_name": "star", "tracking.uri": "http://h", "training.epochs": 3, "notes": "first",
            "tracking.tags": ["beamline=2-ID", " sample = IC "]})");
    const auto options = options_of(tracking_settings(given));
    EXPECT_EQ(options.address, "http://h");
    EXPECT_EQ(options.experiment, "star");
    EXPECT_EQ(options.tags, (std::map<std::string, std::string>{
                                {"beamline", "2-ID"}, {"sample", "IC"}, {"mlflow.note.content", "first"}}));
    EXPECT_THAT(error_of([] {
                    options_of(tracking_settings(config::Config::from_json(R"({"tracking.tags": "a=1,b"})")));
                }).second,
                HasSubstr("tracking.tags: expected NAME=VALUE,NAME=VALUE ..., found 'b'"));
}

TEST(Tracking, CredentialsOfTheEnvironmentAreSentAndNotSaid)
{
    const Variable token("MLFLOW_TRACKING_TOKEN", "s3cret");
    FakeServer server([](const Request&) { return Answer{401, R"({"message": "who are you?"})"}; });
    Heard heard;
    Tracker tracker(quick(server.address()), fresh(), heard.log);
    wait_for([&] { return !server.requests().empty(); });
    tracker.finish(RunStatus::Finished, "", {});
    ASSERT_EQ(server.requests().size(), 1U) << "a server that refuses is left alone";
    EXPECT_THAT(server.requests()[0].head, HasSubstr("Authorization: Bearer s3cret"));
    ASSERT_EQ(heard.warnings.size(), 1U);
    EXPECT_THAT(heard.warnings[0], HasSubstr("HTTP 401: who are you?; nothing is sent to it"));
    EXPECT_THAT(heard.warnings[0], Not(HasSubstr("s3cret")));
}

TEST(Tracking, UserAndPasswordAreBasicCredentials)
{
    const Variable user("MLFLOW_TRACKING_USERNAME", "me"), password("MLFLOW_TRACKING_PASSWORD", "pw");
    FakeServer server([](const Request&) { return Answer{403}; });
    Heard heard;
    Tracker(quick(server.address()), fresh(), heard.log).finish(RunStatus::Failed, "", {});
    ASSERT_GE(server.requests().size(), 1U);
    EXPECT_THAT(server.requests()[0].head, HasSubstr("Authorization: Basic bWU6cHc="));
}

TEST(Tracking, ARunGoesOnWhenItsServerCanNotForAWhile)
{
    FakeMlflow mlflow;
    std::atomic<int> count{0};
    FakeServer server([&](const Request& request) {
        // Ill after the run was made, so that it is not made twice.
        const int number = ++count;
        return number == 5 || number == 6 ? Answer{503, "busy"} : mlflow(request);
    });
    Heard heard;
    auto described = fresh();
    described.parameters = {{"p", "1"}};
    Tracker tracker(quick(server.address()), described, heard.log);
    for (int step = 1; step <= 5; ++step) {
        tracker.log(step, {{"loss", 1.0 / step}, {"nothing", std::nan("")}});
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    wait_for([&] { return count > 7; });
    tracker.finish(RunStatus::Finished, "", {});
    ASSERT_EQ(mlflow.runs.size(), 1U);
    EXPECT_EQ(mlflow.runs[0].status, "FINISHED");
    EXPECT_EQ(mlflow.runs[0].parameters.at("p"), "1");
    EXPECT_THAT(FakeMlflow::values(mlflow.runs[0], "loss"), ::testing::ElementsAre(1, 0.5, 1.0 / 3, 0.25, 0.2));
    EXPECT_TRUE(FakeMlflow::values(mlflow.runs[0], "nothing").empty());
    ASSERT_EQ(heard.warnings.size(), 1U);
    EXPECT_THAT(heard.warnings[0], HasSubstr("HTTP 503: busy; the training goes on without it"));
    EXPECT_THAT(heard.rest, ::testing::Contains(HasSubstr("answers again")));
}

TEST(Tracking, WhatDoesNotFitIntoTheQueueIsCounted)
{
    std::string address;
    {
        FakeServer gone([](const Request&) { return Answer{}; });
        address = gone.address();
    }
    Heard heard;
    Tracker tracker(quick(address), fresh(), heard.log);
    const std::size_t more = 50;
    for (std::size_t step = 0; step < Tracker::longest_queue + more; ++step)
        tracker.log(static_cast<std::int64_t>(step), {{"loss", 1}});
    tracker.finish(RunStatus::Finished, "", {});
    EXPECT_EQ(heard.warnings.size(), 1U);
    ASSERT_FALSE(heard.rest.empty());
    EXPECT_THAT(heard.rest.back(), HasSubstr(std::to_string(Tracker::longest_queue + more) + " numbers did not reach"));
}

TEST(Tracking, AServerThatHangsIsWaitedForAsLongAsAllowed)
{
    FakeServer server([](const Request&) { return Answer{200, "{}", 60000}; });
    Heard heard;
    auto options = quick(server.address());
    options.timeout_s = 3600;
    options.closing_s = 0.3;
    const auto begin = std::chrono::steady_clock::now();
    Tracker tracker(options, fresh(), heard.log);
    wait_for([&] { return !server.requests().empty(); });
    tracker.finish(RunStatus::Finished, "", {});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_EQ(heard.warnings.size(), 1U);
}

TEST(Tracking, WhatIsNoMlflowServerIsSaid)
{
    FakeServer server([](const Request&) { return Answer{200, "<html>hello</html>"}; });
    Heard heard;
    Tracker(quick(server.address()), fresh(), heard.log).finish(RunStatus::Failed, "", {});
    ASSERT_EQ(heard.warnings.size(), 1U);
    EXPECT_THAT(heard.warnings[0], HasSubstr("the answer is not JSON; is this an MLflow server?"));
}

} // namespace
} // namespace ptk::tracking
