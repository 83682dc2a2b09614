#include "core/parallel/ranks.h"
#include "core/training/training_testing.h"
#include "training/losses.h"
#include "training/trainer.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace ptk::training {
namespace {

using parallel::testing::error_of;
using parallel::testing::expect_no_errors;
using parallel::testing::in_ranks;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;

/// Batches that two and four ranks can share.
config::Config small_config(const std::string& more = "{}")
{
    auto config = testing::small_config(R"({"training": {"batch_size": 4, "validation_fraction": 0.2}})");
    config.merge(config::Config::from_json(more));
    return config;
}

at::Tensor weights_of(model::Model& model)
{
    std::vector<at::Tensor> all{at::view_as_real(model.probe).flatten() * 1e-2};
    for (const auto& parameter : model.generator->parameters())
        all.push_back(parameter.detach().flatten());
    return at::cat(all).clone();
}

using Models = std::vector<std::shared_ptr<model::Model>>;

struct Job {
    config::Config config = small_config();
    std::string folder{};
    bool resume = false;
    std::function<Monitor(int rank)> monitor = [](int) { return Monitor(); };
    std::function<void(int rank, data::Scan&, config::Config&)> change = [](int, data::Scan&, config::Config&) {};
};

/// Train in several ranks. @return the models and what each rank threw
std::pair<Models, std::vector<std::exception_ptr>> train(int size, const data::Scan& scan, const Job& job)
{
    Models models(static_cast<std::size_t>(size));
    auto failures = in_ranks(size, [&](parallel::GroupPtr group) {
        const int rank = group->rank();
        auto ours = scan;
        auto config = job.config;
        job.change(rank, ours, config);
        auto& model = models[static_cast<std::size_t>(rank)];
        model = make_model(config);
        Trainer trainer(model, config, job.folder, nullptr);
        trainer.share_with(std::move(group));
        if (job.resume)
            trainer.resume(registry(), job.folder + "/last.ptk");
        trainer.fit(ours, job.monitor(rank));
    });
    return {models, failures};
}

std::shared_ptr<model::Model> train_alone(const data::Scan& scan, const config::Config& config,
                                          const std::string& resume_from = "")
{
    auto model = make_model(config);
    Trainer trainer(model, config, "", nullptr);
    if (!resume_from.empty())
        trainer.resume(registry(), resume_from);
    trainer.fit(scan, {});
    return model;
}

Monitor stop_after(std::int64_t steps)
{
    return Monitor(
        [=](const Progress& progress) { return progress.phase != std::string("train") || progress.step < steps; },
        nullptr);
}

// ---- the same numbers ----

class Together : public ::testing::TestWithParam<const char*> {};

/// With descent a rounding error stays one; Adam divides small gradients by themselves.
constexpr const char* descent = R"({"training": {"optimizer": "sgd", "learning_rate": 0.02, "schedule": "constant"}})";

TEST_P(Together, TwoReachWhatOneReaches)
{
    const auto scan = simulate(7, 6).scan;
    auto config = small_config(descent);
    config.merge(config::Config::from_json(GetParam()));
    const auto alone = train_alone(scan, config);
    auto still = config;
    still.set("training.learning_rate", 0);
    if (std::string(GetParam()).find("probe") != std::string::npos)
        still.set("probe.learning_rate", 0.0);
    const auto start = weights_of(*train_alone(scan, still));
    const auto [models, failures] = train(2, scan, {.config = config});
    expect_no_errors(failures);
    const auto whole = weights_of(*alone), shared = weights_of(*models[0]);
    EXPECT_TRUE(at::equal(shared, weights_of(*models[1]))) << "every rank has the same weights";
    const double moved = (whole - start).abs().max().item<double>();
    EXPECT_GT(moved, 1e-3);
    EXPECT_LT((whole - shared).abs().max().item<double>(), 1e-4 * moved);
    ASSERT_EQ(models[0]->history.size(), alone->history.size());
    for (std::size_t i = 0; i < alone->history.size(); ++i) {
        const auto &one = alone->history[i], &two = models[0]->history[i];
        EXPECT_NEAR(two.training_loss, one.training_loss, 1e-3 * one.training_loss);
        EXPECT_NEAR(two.validation_loss, one.validation_loss, 1e-3 * one.validation_loss);
        EXPECT_EQ(two.learning_rate, one.learning_rate);
        ASSERT_EQ(two.terms.size(), one.terms.size());
        for (const auto& [name, value] : one.terms)
            EXPECT_NEAR(two.terms.at(name), value, 1e-5 * value) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Parallel, Together,
    ::testing::Values("{}", R"({"training": {"accumulate": 2, "average": 0.9, "gradient_clip": 0.1}})",
                      R"({"probe": {"trainable": true, "start_step": 2, "learning_rate": 0.01}})",
                      R"({"training.regularizers": {"tv_phase": 0.05, "mean_deviation_amplitude": 0.1}})",
                      R"({"training": {"rate_scaling": "linear", "learning_rate": 0.005}})"));

class TogetherBy : public ::testing::TestWithParam<std::string> {};

/// What a loss is divided by differs between the parts of a batch.
TEST_P(TogetherBy, EveryLoss)
{
    auto scan = simulate(7, 6).scan;
    const auto light = at::linspace(0.2, 3, 42).view({42, 1, 1});
    scan.frames = data::frames_in_memory(scan.frames->gather(at::arange(42)) * light);
    scan.object = at::full({60, 60}, 0.5, at::kComplexFloat);
    scan.bad_pixels = at::zeros({16, 16}, at::kBool);
    scan.bad_pixels[8][9] = true;
    auto config = small_config(descent);
    config.set("training.loss", GetParam());
    config.set("training.gradient_clip", 0.5);
    const auto alone = train_alone(scan, config);
    const auto [models, failures] = train(2, scan, {.config = config});
    expect_no_errors(failures);
    EXPECT_LT((weights_of(*alone) - weights_of(*models[0])).abs().max().item<double>(), 2e-5);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(models[0]->history[i].training_loss, alone->history[i].training_loss,
                    1e-4 * alone->history[i].training_loss);
        EXPECT_NEAR(models[0]->history[i].validation_loss, alone->history[i].validation_loss,
                    1e-4 * alone->history[i].validation_loss);
    }
}

INSTANTIATE_TEST_SUITE_P(Parallel, TogetherBy, ::testing::ValuesIn(builtin_losses().names()),
                         [](const auto& info) { return info.param; });

TEST(Parallel, MoreProcessesThanValidationFramesAreFine)
{
    const auto scan = simulate(7, 6).scan;
    auto config = small_config(descent);
    config.set("training.validation_fraction", 0.05); // two frames
    const auto alone = train_alone(scan, config);
    const auto [models, failures] = train(4, scan, {.config = config});
    expect_no_errors(failures);
    EXPECT_NEAR(models[3]->history[2].validation_loss, alone->history[2].validation_loss,
                1e-5 * alone->history[2].validation_loss);
}

TEST(Parallel, TheRateGrowsWithTheGroupsOfAStep)
{
    const auto scan = simulate(6, 6).scan;
    const auto rate = [&](const char* scaling) {
        auto config = small_config(R"({"training": {"accumulate": 4, "schedule": "constant", "epochs": 1}})");
        config.set("training.rate_scaling", scaling);
        return train_alone(scan, config)->history[0].learning_rate;
    };
    EXPECT_DOUBLE_EQ(rate("none"), 2e-3);
    EXPECT_DOUBLE_EQ(rate("linear"), 16 * 2e-3);
    EXPECT_DOUBLE_EQ(rate("sqrt"), 4 * 2e-3);
}

// ---- who writes, who stops ----

TEST(Parallel, RankZeroSaysAndWritesForAll)
{
    const auto scan = simulate(6, 6).scan;
    const auto folder = scratch("writes").string();
    std::array<std::string, 2> said;
    const auto failures = in_ranks(2, [&](parallel::GroupPtr group) {
        auto log = std::make_shared<Log>();
        log->set(LogLevel::Info, [&text = said[static_cast<std::size_t>(group->rank())]](
                                     LogLevel, const char*, const char* message) { text += message; });
        const auto config = small_config();
        auto model = make_model(config);
        Trainer trainer(model, config, group->rank() == 0 ? folder : folder + "/other", log);
        trainer.share_with(std::move(group));
        trainer.fit(scan, {});
    });
    expect_no_errors(failures);
    EXPECT_THAT(said[0], ::testing::HasSubstr("epoch 3/3"));
    EXPECT_EQ(said[1], "");
    for (const auto* name : {"last.ptk", "best.ptk", "history.csv"})
        EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(folder) / name)) << name;
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(folder) / "other"));
}

TEST(Parallel, AStopInOneStopsAllAndTheTrainingGoesOn)
{
    const auto scan = simulate(7, 6).scan;
    const auto folder = scratch("stop").string();
    const auto whole = train(2, scan, {}).first;
    const auto [stopped, failures] =
        train(2, scan, {.folder = folder, .monitor = [](int rank) { return rank == 1 ? stop_after(4) : Monitor(); }});
    for (const auto& failure : failures)
        EXPECT_EQ(error_of(failure).first, Status::Cancelled) << error_of(failure).second;
    EXPECT_TRUE(at::equal(weights_of(*stopped[0]), weights_of(*stopped[1])));
    const auto [models, none] = train(2, scan, {.folder = folder, .resume = true});
    expect_no_errors(none);
    EXPECT_TRUE(at::equal(weights_of(*models[0]), weights_of(*whole[0]))) << "bit for bit";
    EXPECT_EQ(models[0]->history.back().validation_loss, whole[0]->history.back().validation_loss);
}

TEST(Parallel, OneThatIsLostEndsTheOthersWithACheckpointOfTheLastStep)
{
    const auto scan = simulate(7, 6).scan;
    const auto config = small_config(descent);
    const auto whole = train_alone(scan, config);
    for (int lost : {0, 1}) {
        const auto folder = scratch("lost").string();
        const auto [models, failures] = train(2, scan, {.config = config, .folder = folder, .monitor = [&](int rank) {
                                                            return Monitor(
                                                                [=](const Progress& progress) {
                                                                    if (rank == lost && progress.step == 4)
                                                                        throw std::runtime_error("this process dies");
                                                                    return true;
                                                                },
                                                                nullptr);
                                                        }});
        const auto [status, message] = error_of(failures[static_cast<std::size_t>(1 - lost)]);
        EXPECT_EQ(status, Status::Device);
        EXPECT_THAT(message, ::testing::HasSubstr(fmt::format("rank {} of 2 lost another one", 1 - lost)));
        const auto resumed = train_alone(scan, config, folder + "/last.ptk");
        EXPECT_EQ(resumed->history.size(), 3U);
        EXPECT_LT((weights_of(*resumed) - weights_of(*whole)).abs().max().item<double>(), 1e-5);
    }
}

// ---- what does not fit ----

TEST(Parallel, ABatchThatCannotBeSharedIsRefusedWithTheFix)
{
    const auto scan = simulate(6, 6).scan;
    const auto [models, failures] = train(3, scan, {});
    for (const auto& failure : failures) {
        EXPECT_EQ(error_of(failure).first, Status::InvalidConfig);
        EXPECT_THAT(error_of(failure).second,
                    ::testing::HasSubstr("training.batch_size is 4, which 3 processes cannot share evenly; take 6"));
    }
}

TEST(Parallel, ProcessesThatDoDifferentThingsAreRefused)
{
    const auto scan = simulate(6, 6).scan;
    Job rates;
    rates.change = [](int rank, data::Scan&, config::Config& config) {
        config.set("training.learning_rate", rank == 0 ? 1e-3 : 1e-2);
    };
    Job scans;
    scans.change = [](int rank, data::Scan& ours, config::Config&) { ours.positions = ours.positions + 0.25 * rank; };
    for (const auto& [job, what] : {std::pair{rates, "configuration"}, {scans, "scan"}})
        for (const auto& failure : train(2, scan, job).second) {
            EXPECT_EQ(error_of(failure).first, Status::State);
            EXPECT_THAT(error_of(failure).second,
                        ::testing::HasSubstr(fmt::format("1 of the processes have another {} than rank 0", what)));
        }
}

TEST(Parallel, OneThatCannotBeginStopsTheOthersBeforeTheyBegin)
{
    const auto scan = simulate(6, 6).scan;
    Job job;
    job.change = [](int rank, data::Scan& ours, config::Config&) {
        if (rank == 1)
            ours.probe.reset();
    };
    const auto failures = train(2, scan, job).second;
    EXPECT_THAT(error_of(failures[1]).second, ::testing::HasSubstr("holds no probe"));
    EXPECT_THAT(error_of(failures[0]).second, ::testing::HasSubstr("another process of this training failed"));
}

TEST(Parallel, ANumberThatIsNotFiniteInOneEndsAll)
{
    const auto scan = simulate(6, 6).scan;
    const auto config = small_config(
        R"({"training": {"learning_rate": 10, "gradient_clip": 0, "schedule": "constant", "epochs": 40}, "generator.depth": 4})");
    const auto [models, failures] = train(2, scan, {.config = config});
    for (const auto& failure : failures)
        EXPECT_EQ(error_of(failure).first, Status::NotConverged) << error_of(failure).second;
    EXPECT_TRUE(weights_of(*models[1]).isfinite().all().item<bool>());
}

} // namespace
} // namespace ptk::training
