// What an MLflow server learns of a training, and that the training does not depend on it.
#include "base/atomic_file.h"
#include "core/tracking/fake_mlflow.h"
#include "core/training/training_testing.h"
#include "model/bundle.h"
#include "training/trainer.h"

#include <nlohmann/json.hpp>

namespace ptk::training {
namespace {

using testing::error_of;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;
using tracking::testing::Answer;
using tracking::testing::FakeMlflow;
using tracking::testing::FakeServer;
using tracking::testing::Request;

config::Config small_config(const std::string& address, const std::string& more = "{}")
{
    auto config = testing::small_config(R"({"tracking": {"experiment": "star", "every_steps": 2, "closing_s": 20}})");
    config.set("tracking.uri", address);
    config.merge(config::Config::from_json(more));
    return config;
}

struct Trained {
    std::shared_ptr<model::Model> model;
    std::string folder;
    std::vector<std::string> warnings;
    std::pair<Status, std::string> error;
};

Trained train(const config::Config& config, const std::string& name, const Monitor& monitor = {},
              const std::string& checkpoint = "")
{
    Trained result{make_model(config), scratch(name).string(), {}, {}};
    const auto log = std::make_shared<Log>();
    log->set(LogLevel::Warn,
             [&](LogLevel, const char*, const char* message) { result.warnings.emplace_back(message); });
    Trainer trainer(result.model, config, result.folder, log);
    if (!checkpoint.empty())
        trainer.resume(registry(), checkpoint);
    const auto scan = simulate(6, 6).scan;
    result.error = error_of([&] { trainer.fit(scan, monitor); });
    log->set(LogLevel::Warn, {});
    return result;
}

at::Tensor weights_of(model::Model& model)
{
    std::vector<at::Tensor> all;
    for (const auto& parameter : model.generator->parameters())
        all.push_back(parameter.detach().flatten());
    return at::cat(all).clone();
}

std::vector<double> column(const model::Model& model, double model::HistoryRow::*member)
{
    std::vector<double> values;
    for (const auto& row : model.history)
        values.push_back(row.*member);
    return values;
}

TEST(TrackedTraining, TellsParametersMetricsTagsAndFiles)
{
    FakeMlflow mlflow;
    FakeServer server([&](const Request& request) { return mlflow(request); });
    const auto run = train(small_config(server.address(), R"({"tracking.tags": "sample=IC"})"), "tracked");
    server.stop();
    EXPECT_EQ(run.error.second, "no error");
    EXPECT_THAT(run.warnings, ::testing::IsEmpty());
    EXPECT_TRUE(mlflow.experiments.contains("star"));
    ASSERT_EQ(mlflow.runs.size(), 1U);
    const auto& told = mlflow.runs[0];
    EXPECT_EQ(told.status, "FINISHED");
    EXPECT_TRUE(told.ended);
    EXPECT_EQ(told.tags.at("sample"), "IC");
    EXPECT_EQ(told.tags.at("mlflow.runName"), std::filesystem::path(run.folder).filename().string());
    EXPECT_EQ(told.parameters.at("training.epochs"), "3");
    EXPECT_EQ(told.parameters.at("generator.width"), "4");
    EXPECT_EQ(told.parameters.at("training.loss"), "amplitude");
    EXPECT_EQ(told.parameters.at("frames"), "36");
    EXPECT_GT(told.parameters.size(), 100U) << "every option, in more than one request";
    EXPECT_EQ(FakeMlflow::values(told, "training_loss"), column(*run.model, &model::HistoryRow::training_loss));
    EXPECT_EQ(FakeMlflow::values(told, "validation_loss"), column(*run.model, &model::HistoryRow::validation_loss));
    EXPECT_EQ(FakeMlflow::values(told, "step_loss").size(), 6U) << "every second of 12 steps";
    EXPECT_EQ(FakeMlflow::values(told, "step_gradient_norm").size(), 6U);
    for (const char* file : {"history.csv", "history.json", "best.ptk"})
        EXPECT_EQ(told.files.at(file), base::read_text(run.folder + "/" + file)) << file;
    const auto history = nlohmann::json::parse(told.files.at("history.json"));
    EXPECT_EQ(history["history"][2]["training_loss"], run.model->history[2].training_loss);
}

TEST(TrackedTraining, SaysHowItEnded)
{
    FakeMlflow mlflow;
    FakeServer server([&](const Request& request) { return mlflow(request); });
    const Monitor stop([](const Progress& progress) { return progress.step < 5; }, nullptr);
    const auto cancelled = train(small_config(server.address()), "killed", stop);
    EXPECT_EQ(cancelled.error.first, Status::Cancelled);
    const auto failed =
        train(small_config(server.address(), R"({"generator.depth": 4, "training": {"learning_rate": 10, "epochs": 40,
                          "gradient_clip": 0, "schedule": "constant"}})"),
              "failed");
    EXPECT_EQ(failed.error.first, Status::NotConverged);
    {
        const auto resumed = train(small_config(server.address()), "resumed", {}, cancelled.folder + "/last.ptk");
        EXPECT_EQ(resumed.error.second, "no error");
    }
    server.stop();
    ASSERT_EQ(mlflow.runs.size(), 2U) << "a training that goes on is the same run";
    EXPECT_EQ(mlflow.runs[1].status, "FAILED");
    EXPECT_THAT(mlflow.runs[1].tags.at("ptychokit.end"), ::testing::HasSubstr("is not finite in step"));
    EXPECT_THAT(mlflow.runs[0].tags.at("ptychokit.end"), ::testing::HasSubstr("cancelled"));
    EXPECT_EQ(mlflow.runs[0].status, "FINISHED");
    EXPECT_EQ(FakeMlflow::values(mlflow.runs[0], "training_loss").size(), 3U);
}

TEST(TrackedTraining, KilledIsSaidBeforeItGoesOn)
{
    FakeMlflow mlflow;
    FakeServer server([&](const Request& request) { return mlflow(request); });
    const Monitor stop([](const Progress& progress) { return progress.step < 5; }, nullptr);
    EXPECT_EQ(train(small_config(server.address()), "killed", stop).error.first, Status::Cancelled);
    server.stop();
    EXPECT_EQ(mlflow.runs.at(0).status, "KILLED");
}

/// The same weights and history as without a server, one warning, and no time lost.
void expect_undisturbed(const Trained& run)
{
    auto plain = train(small_config(""), "plain");
    EXPECT_EQ(run.error.second, "no error");
    EXPECT_TRUE(at::equal(weights_of(*run.model), weights_of(*plain.model)));
    EXPECT_EQ(column(*run.model, &model::HistoryRow::validation_loss),
              column(*plain.model, &model::HistoryRow::validation_loss));
    EXPECT_EQ(run.warnings.size(), 1U) << ::testing::PrintToString(run.warnings);
    const auto csv = base::read_text(run.folder + "/history.csv");
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4) << "nothing is lost from the local history";
}

TEST(TrackedTraining, DoesNotNeedAServer)
{
    std::string address;
    {
        FakeServer gone([](const Request&) { return Answer{}; });
        address = gone.address();
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto run = train(small_config(address), "refused");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15)) << "does not wait for closing_s";
    expect_undisturbed(run);
    EXPECT_THAT(run.warnings.front(), ::testing::HasSubstr("the training goes on without it"));
}

TEST(TrackedTraining, GoesOnWhenTheServerDies)
{
    FakeMlflow mlflow;
    FakeServer server([&](const Request& request) { return mlflow(request); });
    // Dies in the fifth step, after it has made the run.
    const Monitor kill(
        [&](const Progress& progress) {
            for (int i = 0; progress.step == 5 && i < 1000 && server.requests().size() < 5; ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            if (progress.step == 5)
                server.stop();
            return true;
        },
        nullptr);
    const auto run = train(small_config(server.address()), "dies", kill);
    expect_undisturbed(run);
    ASSERT_EQ(mlflow.runs.size(), 1U);
    EXPECT_EQ(mlflow.runs[0].status, "RUNNING");
}

TEST(TrackedTraining, IsNotSlowedByASlowServer)
{
    FakeServer server([](const Request&) { return Answer{200, "{}", 60000}; });
    const auto begin = std::chrono::steady_clock::now();
    const auto run = train(small_config(server.address(), R"({"tracking.closing_s": 0.2})"), "slow");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
    expect_undisturbed(run);
}

TEST(TrackedTraining, IsAskedForByTheUserAndNotByAModel)
{
    FakeServer server([](const Request&) { return Answer{}; });
    const auto config = small_config(server.address());
    const auto model = make_model(config);
    const auto file = scratch("asking.ptk").string();
    model::save_bundle(*model, file);
    const auto kept = model::load_bundle(registry(), file, c10::kCPU).model;
    EXPECT_EQ(kept->settings.text("tracking.uri"), "");
    const auto scan = simulate(6, 6).scan;
    Trainer(model, config::Config::from_json(R"({"training.epochs": 1})"), "", nullptr).fit(scan, {});
    EXPECT_TRUE(server.requests().empty());
    EXPECT_EQ(
        error_of([&] { Trainer(model, config::Config::from_json(R"({"tracking.uri": "here"})"), "", nullptr); }).first,
        Status::InvalidConfig);
}

} // namespace
} // namespace ptk::training
