// The whole way on the real scan and on the synthetic one.
#include "api.h"
#include "paths.h"

#include <algorithm>
#include <cmath>

using namespace api;

namespace {

bool is_png(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string begin(4, '\0');
    file.read(begin.data(), 4);
    return begin == "\x89PNG";
}

Json scores(const ptk_canvas* canvas, const ptk_view* reference)
{
    return json([&](auto... a) { return ptk_evaluate(canvas, reference, nullptr, a...); });
}

double fourier_error(const ptk_canvas* canvas, const ptk_dataset* dataset)
{
    double error = -1;
    ok(ptk_fourier_error(&error, canvas, dataset, nullptr, nullptr, nullptr));
    return error;
}

TEST(Workflow, RealScanFromFileToScoresAndBack)
{
    const Folder folder;
    const auto ctx = context(R"({"seed": 3})");
    const auto settings =
        config(R"({"data.x_bounds": [0, 0.5], "data.y_bounds": [0, 0.6], "training": {"epochs": 2, "batch_size": 1},
        "probe.warm_epochs": 2, "refinement.epochs": 4, "generator": {"name": "physics_unet", "width": 8, "depth": 1}})");
    Dataset dataset;
    ok(ptk_dataset_open(dataset.out(), ctx, PTK_SCAN, settings));

    Model model;
    ok(ptk_model_create(model.out(), ctx, ptk_dataset_side(dataset), settings));
    EXPECT_EQ(ptk_model_side(model), 64);
    Trainer trainer;
    const auto run = folder.file("run");
    ok(ptk_trainer_create(trainer.out(), model, settings, run.c_str()));
    ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    const auto history = json([&](auto... a) { return ptk_model_history(model, a...); });
    ASSERT_EQ(history.size(), 2U);
    EXPECT_LT(history[1]["training_loss"], history[0]["training_loss"]);
    for (const char* name : {"last.ptk", "best.ptk", "history.csv"})
        EXPECT_TRUE(std::filesystem::exists(run + "/" + name)) << name;

    Reconstructor reconstructor;
    Canvas canvas, refined;
    ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, settings));
    ok(ptk_reconstructor_reconstruct(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    ok(ptk_reconstructor_refine(refined.out(), reconstructor, dataset, canvas, nullptr, nullptr, nullptr));
    EXPECT_LT(fourier_error(refined, dataset), fourier_error(canvas, dataset));

    const auto about = json([&](auto... a) { return ptk_canvas_describe(refined, a...); });
    EXPECT_EQ(about["finished"], true);
    EXPECT_EQ(about["dropped"], 0);
    EXPECT_EQ(about["fourier_errors"].size(), read<double>(refined, "fourier_errors").values.size());

    // Files: the object, the model, pictures.
    const auto file = folder.file("object.h5");
    ok(ptk_canvas_save(refined, file.c_str()));
    Canvas loaded;
    ok(ptk_canvas_load(loaded.out(), ctx, file.c_str()));
    for (const char* name : {"object", "probe"})
        EXPECT_EQ(read<Complex>(loaded, name).values, read<Complex>(refined, name).values) << name;
    for (const char* name : {"positions", "fourier_errors", "coverage"})
        EXPECT_EQ(read<double>(loaded, name).values, read<double>(refined, name).values) << name;
    const auto itself = json([&](auto... a) { return ptk_evaluate_file(refined, file.c_str(), nullptr, a...); });
    EXPECT_LT(itself["complex_nrmse"], 1e-3) << "an object against itself";
    const auto reference = std::string(PTK_REFERENCE);
    const auto against = json([&](auto... a) { return ptk_evaluate_file(refined, reference.c_str(), nullptr, a...); });
    EXPECT_GT(against["complex_nrmse"], 0.01);
    EXPECT_LT(against["complex_nrmse"], 1);

    const auto bundle = folder.file("model.ptk");
    ok(ptk_model_save(model, bundle.c_str()));
    Model again;
    ok(ptk_model_load(again.out(), ctx, bundle.c_str()));
    EXPECT_EQ(ptk_model_parameter_count(again), ptk_model_parameter_count(model));
    Reconstructor second;
    Canvas repeated;
    ok(ptk_reconstructor_create(second.out(), ctx, again, nullptr));
    ok(ptk_reconstructor_reconstruct(repeated.out(), second, dataset, nullptr, nullptr, nullptr));
    EXPECT_EQ(read<Complex>(repeated, "object").values, read<Complex>(canvas, "object").values)
        << "the loaded model is another one";

    for (const char* picture : {"amplitude", "phase", "coverage", "probe", "errors"}) {
        const auto png = folder.file(std::string(picture) + ".png");
        ok(ptk_canvas_write_picture(refined, picture, png.c_str()));
        EXPECT_TRUE(is_png(png)) << picture;
    }
    for (const char* picture : {"history", "probe"}) {
        const auto png = folder.file(std::string(picture) + "_of_model.png");
        ok(ptk_model_write_picture(model, picture, png.c_str()));
        EXPECT_TRUE(is_png(png)) << picture;
    }
    for (const auto& path : {bundle, file}) {
        const auto described = json([&](auto... a) { return ptk_file_describe(ctx, path.c_str(), nullptr, a...); });
        EXPECT_TRUE(described.is_object()) << path;
    }
}

TEST(Workflow, RefinementFromScratchFindsTheKnownObject)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    Reconstructor reconstructor;
    Canvas canvas;
    ok(ptk_reconstructor_create(
        reconstructor.out(), ctx, nullptr,
        config(R"({"refinement": {"epochs": 100, "held_out_fraction": 0, "probe_step": 0}, "probe.modes": 1})")));
    ok(ptk_reconstructor_refine(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr, nullptr));
    EXPECT_LT(fourier_error(canvas, dataset), 0.02);
    const auto result = scores(canvas, &data.object.view);
    EXPECT_LT(result["complex_nrmse"], 0.05) << result;
    EXPECT_LT(std::abs(result["shift_x"].get<double>()), 0.2);
    EXPECT_LT(std::abs(result["shift_y"].get<double>()), 0.2);
    expect_error(ptk_reconstructor_reconstruct(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr),
                 PTK_ERR_STATE, {"without a model"});
}

TEST(Workflow, ResumedTrainingEqualsUninterruptedTraining)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto settings = config(quick);
    const Folder folder;
    const auto train = [&](const char* run, const char* checkpoint, ptk_progress_fn stop) {
        Model model;
        Trainer trainer;
        ok(ptk_model_create(model.out(), ctx, 16, settings));
        ok(ptk_trainer_create(trainer.out(), model, settings, run));
        if (checkpoint != nullptr)
            ok(ptk_trainer_resume(trainer, checkpoint));
        EXPECT_EQ(ptk_trainer_fit(trainer, dataset, nullptr, stop, nullptr),
                  stop == nullptr ? PTK_OK : PTK_ERR_CANCELLED)
            << ptk_last_error_message();
        return read<float>(model, "conv1.weight").values;
    };
    const auto whole = train(nullptr, nullptr, nullptr);
    const auto run = folder.file("run");
    train(run.c_str(), nullptr,
          [](const ptk_progress* p, void*) { return std::string(p->phase) == "train" && p->epoch == 2 ? 1 : 0; });
    EXPECT_EQ(train(nullptr, (run + "/last.ptk").c_str(), nullptr), whole);
}

TEST(Canvas, PatchesAddUpToTheObject)
{
    const auto ctx = context();
    const Experiment data(ctx);
    Array<Complex> patches({Experiment::count, 16, 16});
    for (std::int64_t n = 0; n < Experiment::count; ++n)
        for (std::int64_t p = 0; p < 256; ++p) {
            const auto row =
                static_cast<std::int64_t>(data.positions.values[static_cast<std::size_t>(2 * n + 1)]) - 8 + p / 16;
            const auto column =
                static_cast<std::int64_t>(data.positions.values[static_cast<std::size_t>(2 * n)]) - 8 + p % 16;
            patches.values[static_cast<std::size_t>(n * 256 + p)] =
                data.object.values[static_cast<std::size_t>(row * 40 + column)];
        }
    Array<float> weights({16, 16});
    std::fill(weights.values.begin(), weights.values.end(), 2.F);
    Canvas canvas;
    ok(ptk_canvas_create(canvas.out(), ctx, 40, 40, 0, 0, config(R"({"reconstruction.fill": 5})")));
    ok(ptk_canvas_add(canvas, &patches.view, &data.positions.view, &weights.view));
    const auto object = read<Complex>(canvas, "object");
    const auto coverage = read<float>(canvas, "coverage");
    for (std::size_t i = 0; i < object.values.size(); ++i)
        EXPECT_LT(std::abs(object.values[i] - (coverage.values[i] > 0 ? data.object.values[i] : Complex(5))), 1e-6F)
            << i;
    EXPECT_EQ(coverage.values[41], 2.F) << "one patch with weight 2 covers (1, 1)";
    EXPECT_EQ(coverage.values[40], 0.F);

    // A patch outside is left out and counted; a frame around the positions holds all.
    Canvas narrow, around;
    ok(ptk_canvas_create(narrow.out(), ctx, 20, 40, 0, 0, nullptr));
    ok(ptk_canvas_add(narrow, &patches.view, &data.positions.view, nullptr));
    EXPECT_EQ(json([&](auto... a) { return ptk_canvas_describe(narrow, a...); })["dropped"], 5 * 6);
    ok(ptk_canvas_create_around(around.out(), ctx, &data.positions.view, 16, nullptr));
    ok(ptk_canvas_add(around, &patches.view, &data.positions.view, nullptr));
    EXPECT_EQ(json([&](auto... a) { return ptk_canvas_describe(around, a...); })["dropped"], 0);
    const auto itself = scores(around, &data.object.view);
    EXPECT_LT(itself["complex_nrmse"], 0.15) << itself; // its uncovered rim is empty

    const Folder folder;
    const auto file = folder.file("canvas.h5");
    ok(ptk_canvas_save(around, file.c_str()));
    Canvas loaded;
    ok(ptk_canvas_load(loaded.out(), ctx, file.c_str()));
    EXPECT_EQ(read<Complex>(loaded, "object").values, read<Complex>(around, "object").values);
    expect_error(ptk_canvas_add(loaded, &patches.view, &data.positions.view, nullptr), PTK_ERR_STATE, {"finished"});
    expect_error(ptk_canvas_write_picture(loaded, "probe", file.c_str()), PTK_ERR_STATE, {"no probe"});
    expect_error(ptk_canvas_write_picture(loaded, "colour", file.c_str()), PTK_ERR_NOT_FOUND, {"'colour'"});
    double error = 0;
    const auto dataset = data.dataset(ctx);
    expect_error(ptk_fourier_error(&error, loaded, dataset, nullptr, nullptr, nullptr), PTK_ERR_STATE, {"probe"});
    EXPECT_TRUE(std::isnan(error));
}

TEST(Canvas, ImpossibleSizesAreRefused)
{
    const auto ctx = context();
    Canvas canvas;
    for (const std::int64_t height : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX})
        EXPECT_EQ(ptk_canvas_create(canvas.out(), ctx, height, 64, 0, 0, nullptr), PTK_ERR_SHAPE) << height;
    EXPECT_EQ(ptk_canvas_create(canvas.out(), ctx, 4, 4, INT64_MAX, 0, nullptr), PTK_ERR_SHAPE);
    Array<double> far({2, 2});
    far.values = {0, 0, 1e12, 0};
    EXPECT_EQ(ptk_canvas_create_around(canvas.out(), ctx, &far.view, 16, nullptr), PTK_ERR_SHAPE);
    far.values[2] = std::nan("");
    EXPECT_EQ(ptk_canvas_create_around(canvas.out(), ctx, &far.view, 16, nullptr), PTK_ERR_SHAPE);
}

TEST(Predict, AgreesForBothRanksAndForCountsAndAmplitudes)
{
    const auto ctx = context();
    const Experiment data(ctx);
    Model model;
    Reconstructor counts, amplitudes;
    ok(ptk_model_create(model.out(), ctx, 16, config(quick)));
    ok(ptk_model_set_probe(model, &data.probe.view));
    ok(ptk_reconstructor_create(counts.out(), ctx, model, config(R"({"data.measurement": "counts"})")));
    ok(ptk_reconstructor_create(amplitudes.out(), ctx, model, config(R"({"data.measurement": "amplitude"})")));
    Array<Complex> three({36, 16, 16}), four({9, 4, 16, 16}), third({36, 16, 16}), moved({36, 16, 16});
    Array<float> grouped({9, 4, 16, 16}), roots({36, 16, 16});
    grouped.values = data.patterns.values;
    std::transform(data.patterns.values.begin(), data.patterns.values.end(), roots.values.begin(),
                   [](float v) { return std::sqrt(v); });
    grouped.view.data = grouped.values.data();
    ok(ptk_reconstructor_predict(counts, &data.patterns.view, nullptr, &three.view));
    ok(ptk_reconstructor_predict(counts, &grouped.view, nullptr, &four.view));
    ok(ptk_reconstructor_predict(amplitudes, &roots.view, nullptr, &third.view));
    ok(ptk_reconstructor_predict(counts, &data.patterns.view, &data.positions.view, &moved.view));
    EXPECT_GT(norm(three.values), 0);
    for (std::size_t i = 0; i < three.values.size(); ++i) {
        EXPECT_LT(std::abs(three.values[i] - four.values[i]), 1e-5F);
        EXPECT_LT(std::abs(three.values[i] - third.values[i]), 1e-5F);
        EXPECT_LT(std::abs(three.values[i] - moved.values[i]), 1e-4F) << "positions on whole pixels shift nothing";
    }
    Model bare;
    ok(ptk_model_create(bare.out(), ctx, 16, config(quick)));
    ok(ptk_reconstructor_create(counts.out(), ctx, bare, nullptr));
    expect_error(ptk_reconstructor_predict(counts, &data.patterns.view, nullptr, &three.view), PTK_ERR_STATE,
                 {"probe"});
}

TEST(Model, ArraysAreThoseOfTheNetwork)
{
    const auto ctx = context();
    const Experiment data(ctx);
    Model model;
    ok(ptk_model_create(model.out(), ctx, 16, config(quick)));
    const auto arrays = json([&](auto... a) { return ptk_model_arrays(model, a...); });
    std::int64_t count = 0;
    for (const auto& array : arrays) {
        std::int64_t numbers = 1;
        for (const auto& length : array["shape"])
            numbers *= length.get<std::int64_t>();
        count += numbers;
        EXPECT_EQ(read<float>(model, array["name"].get<std::string>().c_str()).shape(),
                  array["shape"].get<std::vector<std::int64_t>>());
    }
    EXPECT_EQ(count, ptk_model_parameter_count(model)) << "this generator has no buffers, and no probe yet";
    std::int64_t lengths[PTK_MAX_NDIM];
    std::int32_t ndim = 0;
    expect_error(ptk_model_shape(model, "conv1.weigth", lengths, PTK_MAX_NDIM, &ndim), PTK_ERR_NOT_FOUND,
                 {"conv1.weight"});
    expect_error(ptk_model_shape(model, "probe", lengths, PTK_MAX_NDIM, &ndim), PTK_ERR_NOT_FOUND);
    ok(ptk_model_set_probe(model, &data.probe.view));
    EXPECT_EQ(read<Complex>(model, "probe").values, data.probe.values);
    Array<Complex> infinite({16, 16});
    infinite.values[3] = {0, INFINITY};
    expect_error(ptk_model_set_probe(model, &infinite.view), PTK_ERR_SHAPE, {"finite"});
    EXPECT_EQ(read<Complex>(model, "probe").values, data.probe.values) << "a refused probe must not change the model";
    expect_error(ptk_model_write_picture(model, "history", "/nowhere/x.png"), PTK_ERR_STATE, {"history"});
    expect_error(ptk_model_write_picture(model, "probe", "/nowhere/x.png"), PTK_ERR_IO, {"/nowhere/x.png"});
    Model odd;
    expect_error(ptk_model_create(odd.out(), ctx, 17, config(quick)), PTK_ERR_SHAPE, {"17"});
    expect_error(ptk_model_load(odd.out(), ctx, PTK_SOURCE_DIR "/LICENSE"), PTK_ERR_FORMAT, {"LICENSE"});
    Reconstructor reconstructor;
    expect_error(ptk_reconstructor_create(reconstructor.out(), ctx, model, config(R"({"generator.name": "cnn"})")),
                 PTK_ERR_INVALID_CONFIG, {"physics_unet", "cnn"});
}

} // namespace
