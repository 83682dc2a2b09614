// Training with the network's layers in bfloat16, and the guard that does a step again in float32.
#include "core/training/training_testing.h"
#include "generators/precision.h"
#include "model/bundle.h"
#include "training/trainer.h"

namespace ptk::training {
namespace {

using testing::error_of;
using testing::make_model;
using testing::registry;
using testing::scratch;
using testing::simulate;

config::Config config_of(const char* generator, const char* precision)
{
    auto config = config::Config::from_json(R"({
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"epochs": 6, "batch_size": 2, "validation_fraction": 0.1, "schedule": "constant",
                     "learning_rate": 1e-3}})");
    config.merge(config::Config::from_json(generator));
    config.set("training.precision", precision);
    return config;
}

constexpr const char* fno = R"({"generator": {"name": "fno", "width": 16, "modes": 4, "blocks": 1}})";
constexpr const char* unet = R"({"generator": {"name": "unet", "width": 8, "levels": 1, "batch_norm": true}})";

/// What the log said, line by line.
struct Heard {
    LogPtr log = std::make_shared<Log>();
    std::string text;
    Heard()
    {
        log->set(LogLevel::Info, [this](LogLevel, const char*, const char* line) { text += std::string(line) + "\n"; });
    }
};

std::shared_ptr<model::Model> trained(const config::Config& config, const data::Scan& scan, LogPtr log = {})
{
    auto model = make_model(config);
    Trainer(model, config, "", std::move(log)).fit(scan, {});
    return model;
}

at::Tensor weights_of(model::Model& model)
{
    std::vector<at::Tensor> all;
    for (const auto& [name, tensor] : model.generator->named_parameters())
        all.push_back((tensor->is_complex() ? at::view_as_real(*tensor) : *tensor).detach().flatten());
    return at::cat(all).clone();
}

TEST(Bfloat16Training, LearnsLikeFloat32)
{
    const auto scan = simulate(6, 6).scan;
    const auto full = trained(config_of(fno, "float32"), scan), half = trained(config_of(fno, "bfloat16"), scan);
    ASSERT_EQ(half->history.size(), 6U);
    EXPECT_FALSE(at::equal(weights_of(*full), weights_of(*half)));
    for (std::size_t i = 0; i < half->history.size(); ++i) {
        EXPECT_NEAR(half->history[i].training_loss, full->history[i].training_loss,
                    0.02 * full->history[i].training_loss);
        EXPECT_NEAR(half->history[i].validation_loss, full->history[i].validation_loss,
                    0.02 * full->history[i].validation_loss);
    }
    EXPECT_LT(half->history.back().training_loss, 0.8 * half->history.front().training_loss);
}

TEST(Bfloat16Training, WeightsKeepTheirTypesInModelAndFile)
{
    const auto scan = simulate(5, 5).scan;
    const auto config = config_of(fno, "bfloat16");
    const auto folder = scratch("bfloat16").string();
    auto model = make_model(config);
    Trainer(model, config, folder, nullptr).fit(scan, {});
    const auto loaded = model::load_bundle(registry(), folder + "/last.ptk", c10::kCPU).model;
    bool complex = false;
    for (auto* each : {model.get(), loaded.get()})
        for (const auto& [name, tensor] : each->generator->named_parameters()) {
            const bool spectral = name.find("spectral") != std::string::npos;
            EXPECT_EQ(tensor->scalar_type(), spectral ? at::kComplexFloat : at::kFloat) << name;
            complex = complex || spectral;
        }
    EXPECT_TRUE(complex);
    EXPECT_TRUE(at::equal(weights_of(*loaded), weights_of(*model)));
}

TEST(Bfloat16Training, SaysThatAProcessorWithoutItIsSlower)
{
    const auto scan = simulate(5, 5).scan;
    Heard half, full;
    auto config = config_of(fno, "bfloat16");
    config.set("training.epochs", 1);
    trained(config, scan, half.log);
    config.set("training.precision", "float32");
    trained(config, scan, full.log);
    const auto said = ::testing::HasSubstr("this processor has no instructions for it");
    EXPECT_THAT(full.text, ::testing::Not(said));
    if (generators::computes_bfloat16(c10::kCPU))
        EXPECT_THAT(half.text, ::testing::Not(said));
    else
        EXPECT_THAT(half.text, said);
}

// ---- the guard ----

/// A network whose arithmetic fails where it computes in bfloat16: its values, or the gradients by its weights alone.
class Fragile : public generators::Generator {
public:
    enum class Fails { Values, Gradients, Both };
    Fragile(std::unique_ptr<Generator> whole, Fails fails) : whole_(std::move(whole)), fails_(fails)
    {
        add_child("", *whole_);
    }
    at::Tensor forward(const generators::Input& input) override
    {
        const auto patches = whole_->forward(input);
        const bool half = generators::in_bfloat16(input.amplitude);
        ++(half ? in_half : in_full);
        if (fails_ == Fails::Values && half)
            return patches * std::numeric_limits<double>::infinity();
        if (fails_ == Fails::Both)
            return patches * std::numeric_limits<double>::quiet_NaN();
        // The root of zero is zero, and its slope is none.
        return half ? patches + (patches - patches).abs().sqrt() : patches;
    }
    bool grouped() const override { return whole_->grouped(); }
    bool needs_probe() const override { return whole_->needs_probe(); }
    std::int64_t channels() const override { return whole_->channels(); }

    int in_half = 0, in_full = 0;

private:
    std::unique_ptr<Generator> whole_;
    Fails fails_;
};

struct Broken {
    std::shared_ptr<model::Model> model;
    Fragile* network;
};

Broken broken(const config::Config& config, Fragile::Fails fails)
{
    auto model = make_model(config);
    auto network = std::make_unique<Fragile>(std::move(model->generator), fails);
    auto* seen = network.get();
    model->generator = std::move(network);
    return {model, seen};
}

class Guard : public ::testing::TestWithParam<Fragile::Fails> {};

TEST_P(Guard, DoesEveryStepAgainAsATrainingInFloat32WouldHaveDoneIt)
{
    const auto scan = simulate(5, 5).scan;
    for (const char* generator : {fno, unet}) {
        auto config = config_of(generator, "bfloat16");
        config.merge(config::Config::from_json(R"({"training": {"epochs": 2, "accumulate": 2}})"));
        Heard heard;
        const auto [model, network] = broken(config, GetParam());
        Trainer(model, config, "", heard.log).fit(scan, {});
        config.set("training.precision", "float32");
        const auto full = trained(config, scan);
        EXPECT_TRUE(at::equal(weights_of(*model), weights_of(*full))) << generator;
        EXPECT_EQ(model->history.back().training_loss, full->history.back().training_loss);
        EXPECT_GT(network->in_half, 0);

        const auto before = model->generator->named_buffers(), after = full->generator->named_buffers();
        ASSERT_EQ(before.size(), after.size());
        EXPECT_EQ(before.empty(), generator == fno);
        for (std::size_t i = 0; i < before.size(); ++i)
            EXPECT_TRUE(at::equal(*before[i].tensor, *after[i].tensor)) << before[i].name;

        EXPECT_THAT(heard.text, ::testing::HasSubstr("step 1: loss or gradient are not finite in bfloat16"));
        EXPECT_THAT(heard.text, ::testing::HasSubstr("epoch 1: 2 of 2 steps were done again in float32"));
        EXPECT_THAT(heard.text, ::testing::HasSubstr("epoch 2: "));
    }
}

INSTANTIATE_TEST_SUITE_P(Bfloat16Training, Guard, ::testing::Values(Fragile::Fails::Values, Fragile::Fails::Gradients));

TEST(Bfloat16Training, GivesUpWhenFloat32IsNotFiniteEither)
{
    const auto scan = simulate(5, 5).scan;
    const auto config = config_of(fno, "bfloat16");
    const auto [model, network] = broken(config, Fragile::Fails::Both);
    const auto before = weights_of(*model);
    const auto [status, message] = error_of([&, &model = model] { Trainer(model, config, "", nullptr).fit(scan, {}); });
    EXPECT_EQ(status, Status::NotConverged);
    EXPECT_THAT(message, ::testing::HasSubstr("the loss is not finite in step 1"));
    EXPECT_TRUE(at::equal(weights_of(*model), before));
}

TEST(Bfloat16Training, ValidationIsInFloat32)
{
    const auto scan = simulate(5, 5).scan;
    auto config = config_of(fno, "bfloat16");
    config.set("training.learning_rate", 0);
    config.set("training.epochs", 1);
    const auto half = trained(config, scan);
    config.set("training.precision", "float32");
    const auto full = trained(config, scan);
    EXPECT_EQ(half->history[0].validation_loss, full->history[0].validation_loss);
    EXPECT_NE(half->history[0].training_loss, full->history[0].training_loss);
}

} // namespace
} // namespace ptk::training
