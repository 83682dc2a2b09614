// Whole jobs on frames of the mapped store against the same on frames in memory: equal bit for bit.
#include "core/training/training_testing.h"
#include "data/npz.h"
#include "data/readers.h"
#include "generators/all.h"
#include "reconstruction/predict.h"
#include "reconstruction/refine.h"
#include "training/trainer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ptk::training {
namespace {

class StoreTest : public ::testing::Test {
protected:
    std::filesystem::path folder = testing::scratch("store");
    std::shared_ptr<Log> log = std::make_shared<Log>();

    void SetUp() override
    {
        std::filesystem::create_directories(folder);
        const auto scan = testing::simulate(7, 6).scan;
        data::write_npz(folder / "scan.npz",
                        {{"diff3d", scan.frames->gather(at::arange(scan.size())).round().to(at::kUInt16)},
                         {"xcoords", scan.positions.select(1, 0).contiguous()},
                         {"ycoords", scan.positions.select(1, 1).contiguous()},
                         {"probeGuess", scan.probe}});
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    data::Scan scan(const std::string& store) const
    {
        auto config = config::Config::from_json(R"({"data.measurement": "counts"})");
        config.set("data.store", store);
        return data::read_scan(folder / "scan.npz", config::Settings(config::library_schema(), config), *log);
    }
};

struct Outcome {
    at::Tensor weights, probe, object, refined, from_scratch;
    std::vector<double> losses;
};

Outcome whole_job(const data::Scan& scan, LogPtr log)
{
    const auto config = testing::small_config(
        R"({"probe": {"warm_epochs": 2}, "refinement": {"epochs": 3}, "training": {"epochs": 2, "checkpoint_epochs": 5}})");
    const std::shared_ptr<model::Model> model =
        model::make_model(generators::builtin_generators(), config, scan.side(), c10::kCPU);
    Trainer(model, config, "", log).fit(scan, {});
    Outcome outcome;
    std::vector<at::Tensor> weights;
    for (const auto& parameter : model->generator->parameters())
        weights.push_back(parameter.detach().flatten());
    outcome.weights = at::cat(weights);
    outcome.probe = model->probe;
    for (const auto& epoch : model->history)
        outcome.losses.push_back(epoch.validation_loss);
    const auto result = reconstruction::reconstruct(*model, scan, model->settings, {}, *log);
    outcome.object = result.object;
    outcome.refined = reconstruction::refine(scan, result, model->settings, {}, *log).object;
    outcome.from_scratch = reconstruction::refine_from_scratch(scan, model->settings, {}, *log).object;
    return outcome;
}

TEST_F(StoreTest, TrainingPredictionAndRefinementEqualThoseInMemory)
{
    const auto memory = scan(""), store = scan(folder / "frames.store");
    ASSERT_FALSE(memory.frames->on_disk());
    ASSERT_TRUE(store.frames->on_disk());
    const auto expected = whole_job(memory, log), found = whole_job(store, log);
    EXPECT_TRUE(found.weights.equal(expected.weights));
    EXPECT_TRUE(found.probe.equal(expected.probe));
    EXPECT_EQ(found.losses, expected.losses);
    EXPECT_TRUE(found.object.equal(expected.object));
    EXPECT_TRUE(found.refined.equal(expected.refined));
    EXPECT_TRUE(found.from_scratch.equal(expected.from_scratch));
}

} // namespace
} // namespace ptk::training
