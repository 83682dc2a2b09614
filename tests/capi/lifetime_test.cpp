// Handles may go in any order, and threads do not meet.
#include "api.h"

#include <algorithm>
#include <numeric>
#include <thread>

using namespace api;

namespace {

struct Run {
    Context context;
    Dataset dataset;
    Model model;
    Trainer trainer;
    Reconstructor reconstructor;
    Canvas canvas;

    void release(int which)
    {
        switch (which) {
        case 0:
            return context.reset();
        case 1:
            return dataset.reset();
        case 2:
            return model.reset();
        case 3:
            return trainer.reset();
        case 4:
            return reconstructor.reset();
        default:
            return canvas.reset();
        }
    }

    /// Everything that is left still works.
    void use(const Experiment& data)
    {
        std::size_t needed = 0;
        if (context)
            ok(ptk_generator_list(context, nullptr, 0, &needed));
        if (dataset)
            EXPECT_EQ(read<double>(dataset, "positions").values, data.positions.values);
        if (model)
            ok(ptk_model_describe(model, nullptr, 0, &needed));
        if (canvas)
            EXPECT_GT(norm(read<Complex>(canvas, "object").values), 0);
        if (reconstructor) {
            Array<Complex> patches({1, 16, 16});
            Array<float> pattern({1, 16, 16});
            ok(ptk_reconstructor_predict(reconstructor, &pattern.view, nullptr, &patches.view));
        }
        if (trainer && dataset)
            ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    }
};

Run run(const Experiment& data)
{
    Run r;
    r.context = context();
    r.dataset = data.dataset(r.context);
    const auto settings = config(quick);
    ok(ptk_config_set_int(settings, "training.epochs", 1));
    ok(ptk_model_create(r.model.out(), r.context, 16, settings));
    ok(ptk_model_set_probe(r.model, &data.probe.view));
    ok(ptk_trainer_create(r.trainer.out(), r.model, settings, nullptr));
    ok(ptk_reconstructor_create(r.reconstructor.out(), r.context, r.model, settings));
    ok(ptk_reconstructor_reconstruct(r.canvas.out(), r.reconstructor, r.dataset, nullptr, nullptr, nullptr));
    return r;
}

TEST(Lifetime, HandlesAreReleasedInAnyOrder)
{
    const auto ctx = context();
    const Experiment data(ctx);
    std::vector<int> order(6);
    std::iota(order.begin(), order.end(), 0);
    for (int turn = 0; turn < 6; ++turn) { // each handle is once the first and once the last to go
        auto r = run(data);
        for (const int which : order) {
            r.release(which);
            r.use(data);
        }
        std::rotate(order.begin(), order.begin() + 1, order.end());
    }
    auto r = run(data);
    for (const int which : {0, 2, 1, 4, 3, 5}) {
        r.release(which);
        r.use(data);
    }
}

TEST(Lifetime, ConfigurationsAreCopiedByTheCall)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    auto settings = config(quick);
    Model model;
    ok(ptk_model_create(model.out(), ctx, 16, settings));
    Trainer trainer;
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    ok(ptk_config_set_int(settings, "training.epochs", 100000));
    settings.reset();
    ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    EXPECT_EQ(json([&](auto... a) { return ptk_model_history(model, a...); }).size(), 2U);
}

TEST(Lifetime, ModelsAndReconstructorsBelongToOneContext)
{
    const auto ctx = context();
    const auto other = context();
    Model model;
    ok(ptk_model_create(model.out(), ctx, 16, config(quick)));
    Reconstructor reconstructor;
    expect_error(ptk_reconstructor_create(reconstructor.out(), other, model, nullptr), PTK_ERR_INVALID_ARGUMENT,
                 {"another context"});
}

/// Everything of one run with its own context: the object at the end.
std::vector<Complex> whole_run(int seed)
{
    const auto ctx = context(("{\"seed\": " + std::to_string(seed) + "}").c_str());
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto settings = config(quick);
    Model model;
    Trainer trainer;
    Reconstructor reconstructor;
    Canvas canvas, refined;
    ok(ptk_model_create(model.out(), ctx, 16, settings));
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, settings));
    ok(ptk_reconstructor_reconstruct(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    ok(ptk_reconstructor_refine(refined.out(), reconstructor, dataset, canvas, nullptr, nullptr, nullptr));
    return read<Complex>(refined, "object").values;
}

TEST(Threads, TwoModelsGiveTheSameNumbersAsAlone)
{
    const auto alone_one = whole_run(1);
    const auto alone_two = whole_run(2);
    EXPECT_NE(alone_one, alone_two);
    std::vector<Complex> one, two;
    std::thread first([&] { one = whole_run(1); });
    std::thread second([&] { two = whole_run(2); });
    first.join();
    second.join();
    EXPECT_EQ(one, alone_one);
    EXPECT_EQ(two, alone_two);
}

TEST(Threads, ConstHandlesAreShared)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    Model model;
    ok(ptk_model_create(model.out(), ctx, 16, config(quick)));
    ok(ptk_model_set_probe(model, &data.probe.view));
    const auto work = [&](std::vector<Complex>& result) {
        Reconstructor own;
        ok(ptk_reconstructor_create(own.out(), ctx, model, config(quick)));
        for (int i = 0; i < 3; ++i) {
            Canvas canvas;
            ok(ptk_reconstructor_reconstruct(canvas.out(), own, dataset, nullptr, nullptr, nullptr));
            result = read<Complex>(canvas, "object").values;
            (void)json([&](auto... a) { return ptk_model_describe(model, a...); });
        }
    };
    std::vector<std::vector<Complex>> results(4);
    std::vector<std::thread> threads;
    threads.reserve(results.size());
    for (auto& result : results)
        threads.emplace_back([&] { work(result); });
    for (auto& thread : threads)
        thread.join();
    for (const auto& result : results)
        EXPECT_EQ(result, results.front());
}

} // namespace
