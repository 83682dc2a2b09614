// Options that do not go together: which rule, and what to do.
#include "core/training/training_testing.h"
#include "model/bundle.h"
#include "training/coherence.h"
#include "training/trainer.h"

#include <nlohmann/json.hpp>

namespace ptk::training {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::make_model;
using testing::registry;

config::Config with(const std::string& more)
{
    auto config = config::Config::from_json(R"({"generator.width": 4, "generator.depth": 1})");
    config.merge(config::Config::from_json(more));
    return config;
}

std::pair<Status, std::string> answer(const std::string& more)
{
    const auto config = with(more);
    const auto model = make_model(config);
    return error_of([&] { Trainer(model, config, "", nullptr); });
}

TEST(Coherence, RefusesWhatWouldBeIgnored)
{
    const std::vector<std::pair<const char*, const char*>> cases{
        {R"({"training.momentum": 0.5})",
         "training.momentum = 0.5 would be ignored: it is read with training.optimizer = sgd only, and that is adam; "
         "choose one of these, or leave training.momentum out"},
        {R"({"training.optimizer": "sgd", "adam_beta1": 0.5})",
         "training.adam_beta1 = 0.5 would be ignored: it is read "
         "with training.optimizer = adam, adamw only"},
        {R"({"training.huber_delta": 2, "training.loss": "mae"})", "training.loss = huber only, and that is mae"},
        {R"({"training.plateau_patience": 7})", "training.schedule = plateau only, and that is one_cycle"},
        {R"({"training.schedule": "constant", "training.smallest_rate": 0.5})",
         "training.schedule = warmup_cosine, plateau, multi_stage only"},
        {R"({"probe.learning_rate": 0.5})", "probe.trainable = true only, and that is false"},
        {R"({"probe.mask_diameter": 5})", "probe.mask = true only, and that is false"},
        {R"({"scan.samples": 7})", "scan.grouping = nearest, min_dist, 4_quadrant only, and that is tile"},
        {R"({"scan.grouping": "nearest", "scan.pattern": "rectangular"})", "scan.grouping = 4_quadrant only"},
        {R"({"training.gradient_clip": 0, "training.gradient_clip_by": "agc"})", "training.gradient_clip is 0"},
        {R"({"fine_tune_gamma": 0.5})", "training.fine_tune_rate would be ignored: training.fine_tune_epochs is 0"},
    };
    for (const auto& [more, expected] : cases) {
        const auto [status, message] = answer(more);
        EXPECT_EQ(status, Status::InvalidConfig) << more;
        EXPECT_THAT(message, HasSubstr(expected)) << more;
    }
}

TEST(Coherence, RefusesContradictions)
{
    const std::vector<std::pair<const char*, const char*>> cases{
        {R"({"training.epochs": 3, "training.stages": [{"epochs": 3}]})", "leave training.epochs out"},
        {R"({"training.find_rate": "use", "training.learning_rate": 1e-3})", "leave one of them out"},
        {R"({"training.schedule": "warmup_cosine", "training.warmup_epochs": 12})",
         "training.warmup_epochs = 12 and training.epochs = 12: the rate would never reach its largest value"},
        {R"({"training.schedule": "multi_stage"})", "is the smallest rate from the beginning"},
        {R"({"scan": {"grouping": "min_dist", "min_distance": 5, "max_distance": 4}})", "nothing lies between them"},
    };
    for (const auto& [more, expected] : cases) {
        const auto [status, message] = answer(more);
        EXPECT_EQ(status, Status::InvalidConfig) << more;
        EXPECT_THAT(message, HasSubstr(expected)) << more;
    }
}

TEST(Coherence, LetsThroughWhatIsReadOrAsItWouldBe)
{
    for (const char* fine :
         {"{}", R"({"training.momentum": 0.9})", R"({"training.optimizer": "sgd", "training.momentum": 0.5})",
          R"({"training.stages": [{"epochs": 2, "loss": "huber"}, {"epochs": 1}], "training.huber_delta": 2})",
          R"({"training.stages": [{"epochs": 2, "schedule": "plateau"}], "training.plateau_patience": 5})",
          R"({"compat": "ptychopinn", "training.momentum": 0.5, "scan.samples": 7})",
          R"({"scan": {"grouping": "min_dist", "group_size": 4, "max_distance": 4}})", R"({"preset": "fast"})"})
        EXPECT_EQ(answer(fine).second, "no error") << fine;
}

TEST(Coherence, AsksTheUserAndNotTheModel)
{
    const auto config = with(R"({"training.loss": "huber", "training.huber_delta": 2})");
    const auto model = make_model(config);
    const auto later = config::Config::from_json(R"({"training.loss": "mae"})");
    EXPECT_EQ(error_of([&] { Trainer(model, later, "", nullptr); }).second, "no error");
}

TEST(Coherence, EveryPresetIsCoherent)
{
    for (const char* name : {"none", "ci", "legacy", "fast", "quality"}) {
        config::Config config;
        config.set("preset", name);
        const auto model = make_model(config, 64);
        EXPECT_EQ(error_of([&] { Trainer(model, config, "", nullptr); }).second, "no error") << name;
        const auto file = testing::scratch(std::string("preset_") + name + ".ptk").string();
        model::save_bundle(*model, file);
        const auto kept = model::load_bundle(registry(), file, c10::kCPU).model->settings;
        EXPECT_EQ(kept.to_json(), model->settings.to_json()) << "effective values are in the model";
        EXPECT_EQ(kept.text("preset"), name);
        // The same values given by the user: none of them would be ignored.
        auto spelled = config::Config::from_json(model->settings.to_json().dump());
        EXPECT_EQ(error_of([&] { Trainer(model, spelled, "", nullptr); }).second, "no error") << name;
    }
}

} // namespace
} // namespace ptk::training
