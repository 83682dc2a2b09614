// Weights from Python and back through the ABI: import, use, train on, export.
#include "api.h"
#include "paths.h"

using namespace api;

namespace {

const std::string folder = PTK_TEST_DATA "/weights/";

std::string temporary(const std::string& name)
{
    static const Folder scratch;
    return scratch.file(name);
}

Config options(const std::string& json)
{
    Config config;
    ok(ptk_config_from_json(config.out(), json.c_str()));
    return config;
}

TEST(ImportedModel, ReconstructsAndTrainsOn)
{
    const auto ctx = context();
    Model model;
    ok(ptk_model_import(model.out(), ctx, (folder + "fno.npz").c_str(), 64, nullptr));
    EXPECT_EQ(ptk_model_side(model), 64);
    const auto told = json([&](auto... a) { return ptk_model_describe(model, a...); });
    EXPECT_EQ(told["generator"], "fno");
    EXPECT_EQ(told["statistics"]["input_scale"], 0);
    EXPECT_NE(told["provenance"].dump().find("generator.output_mode = "), std::string::npos);

    Dataset all, scan;
    ok(ptk_dataset_open(all.out(), ctx, PTK_SCAN, nullptr));
    ok(ptk_dataset_select(scan.out(), all, 0.3, 0.6, 0.3, 0.6));
    const auto bundle = temporary("model.ptk");
    ok(ptk_model_save(model, bundle.c_str()));
    Model loaded;
    ok(ptk_model_load(loaded.out(), ctx, bundle.c_str()));
    Reconstructor worker;
    Canvas canvas;
    ok(ptk_reconstructor_create(worker.out(), ctx, loaded, nullptr));
    ok(ptk_reconstructor_reconstruct(canvas.out(), worker, scan, nullptr, nullptr, nullptr));

    const auto config = options(R"({"training.epochs": 1, "probe.warm_epochs": 0})");
    Trainer trainer;
    ok(ptk_trainer_create(trainer.out(), loaded, config, nullptr));
    ok(ptk_trainer_fit(trainer, scan, nullptr, nullptr, nullptr));
    const auto trained = json([&](auto... a) { return ptk_model_describe(loaded, a...); });
    EXPECT_GT(trained["statistics"]["input_scale"], 0);
    EXPECT_EQ(trained["history"].size(), 1);
    EXPECT_NE(trained["provenance"].dump().find("fno.npz"), std::string::npos) << "where the weights came from stays";
}

TEST(ImportedModel, FailuresSayWhy)
{
    const auto ctx = context();
    Model model;
    expect_error(ptk_model_import(model.out(), ctx, (folder + "refused_call.pth").c_str(), 32, nullptr), PTK_ERR_FORMAT,
                 {"refused_call.pth", "posix.system"});
    expect_error(ptk_model_import(model.out(), ctx, (folder + "fno.pth").c_str(), 0, nullptr), PTK_ERR_INVALID_ARGUMENT,
                 {"N"});
    expect_error(ptk_model_import(model.out(), ctx, (folder + "fno.pth").c_str(), -1, nullptr),
                 PTK_ERR_INVALID_ARGUMENT, {"-1"});
    expect_error(ptk_model_import(model.out(), ctx, (folder + "none.pth").c_str(), 32, nullptr), PTK_ERR_IO,
                 {"none.pth"});
    const auto wide = options(R"({"generator.name": "fno", "generator.width": 9})");
    expect_error(ptk_model_import(model.out(), ctx, (folder + "fno.pth").c_str(), 32, wide), PTK_ERR_FORMAT,
                 {"lifter.conv1.weight", "expected (9, 4, 3, 3)"});
    EXPECT_EQ(static_cast<ptk_model*>(model), nullptr);
}

TEST(ExportedWeights, ComeBackFromBothFormats)
{
    const auto ctx = context();
    Model model;
    const auto config = options(R"({"generator.name": "fno", "generator.width": 4, "generator.modes": 3,
                                    "generator.initializer": "orthogonal"})");
    ok(ptk_model_create(model.out(), ctx, 16, config));
    for (const char* name : {"weights.npz", "weights.safetensors"}) {
        const auto path = temporary(name);
        ok(ptk_model_export(model, path.c_str()));
        Model again;
        ok(ptk_model_import(again.out(), ctx, path.c_str(), 16, nullptr));
        for (const auto& array : json([&](auto... a) { return ptk_model_arrays(model, a...); }))
            EXPECT_NE(
                text([&](auto... a) { return ptk_model_arrays(again, a...); }).find(array["name"].get<std::string>()),
                std::string::npos);
        EXPECT_EQ(ptk_model_parameter_count(again), ptk_model_parameter_count(model));
    }
    expect_error(ptk_model_export(model, temporary("weights.pth").c_str()), PTK_ERR_INVALID_ARGUMENT, {".safetensors"});
}

TEST(Initializers, AreListed)
{
    const auto ctx = context();
    const auto list = text([&](auto... a) { return ptk_initializer_list(ctx, a...); });
    for (const char* name : {"default", "glorot", "he", "orthogonal", "zero_output"})
        EXPECT_NE(list.find(std::string("\"") + name + "\""), std::string::npos) << name;
}

} // namespace
