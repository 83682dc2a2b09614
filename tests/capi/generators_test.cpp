// Every registered generator does the whole job through the ABI: trains, predicts, and comes back from its bundle.
#include "api.h"
#include "small_networks.h"

#include <algorithm>
#include <cmath>

using namespace api;

namespace {

struct Job {
    std::string generator;
    std::int64_t channels; ///< frames of one input
};

void PrintTo(const Job& job, std::ostream* out)
{
    *out << job.generator << " with C = " << job.channels;
}

/// One frame at a time, and groups of four where the generator takes groups.
std::vector<Job> jobs()
{
    const auto ctx = context();
    std::vector<Job> all;
    for (const auto& generator : json([&](auto... a) { return ptk_generator_list(ctx, a...); })) {
        const std::string name = generator["name"];
        if (name == "torchscript") // needs a program: plugin_test.cpp
            continue;
        all.push_back({name, 1});
        const auto subject = "generator:" + name;
        const auto schema = text([&](auto... a) { return ptk_config_schema(ctx, subject.c_str(), a...); });
        if (schema.find("\"generator.C_model\"") != std::string::npos)
            all.push_back({name, 4});
    }
    return all;
}

/// Options that make a network small, for those generators that have them.
Json small(const ptk_context* ctx, const std::string& generator)
{
    const auto wanted = small_network_options();
    auto options = Json::object();
    const auto subject = "generator:" + generator;
    for (const auto& option : json([&](auto... a) { return ptk_config_schema(ctx, subject.c_str(), a...); }))
        if (const auto& name = option["name"].get_ref<const std::string&>(); wanted.contains(name))
            options[name] = option["default"] == 0 ? Json(0) : wanted[name];
    options["generator.name"] = generator;
    return options;
}

/// 5 x 5 overlapping frames of a smooth object with a wide beam.
Dataset synthetic_scan(const ptk_context* ctx, std::int64_t side)
{
    constexpr std::int64_t rows = 5, step = 3;
    constexpr std::int64_t count = rows * rows;
    Array<Complex> patches({count, side, side}), probe({1, side, side});
    Array<float> patterns({count, side, side});
    Array<double> positions({count, 2});
    double power = 0;
    for (std::int64_t r = 0; r < side; ++r)
        for (std::int64_t c = 0; c < side; ++c) {
            const auto y = static_cast<double>(r - side / 2), x = static_cast<double>(c - side / 2);
            const auto square = (x * x + y * y) / static_cast<double>(side * side);
            const auto value = std::polar(std::exp(-20 * square), 12 * square);
            power += std::norm(value);
            probe.values[static_cast<std::size_t>(r * side + c)] = Complex(value);
        }
    for (auto& value : probe.values)
        value *= static_cast<float>(std::sqrt(1e5 / power));
    for (std::int64_t n = 0; n < count; ++n) {
        const std::int64_t left = (n % rows) * step, top = (n / rows) * step;
        positions.values[static_cast<std::size_t>(2 * n)] = static_cast<double>(left + side / 2);
        positions.values[static_cast<std::size_t>(2 * n + 1)] = static_cast<double>(top + side / 2);
        for (std::int64_t r = 0; r < side; ++r)
            for (std::int64_t c = 0; c < side; ++c) {
                const double phase = 0.8 * std::sin(0.35 * static_cast<double>(top + r)) *
                                     std::cos(0.27 * static_cast<double>(left + c));
                patches.values[static_cast<std::size_t>((n * side + r) * side + c)] =
                    std::polar(1.F - 0.2F * static_cast<float>(phase), static_cast<float>(phase));
            }
    }
    ok(ptk_forward(ctx, &patches.view, &probe.view, &patterns.view));
    Dataset made;
    ok(ptk_dataset_from_arrays(made.out(), ctx, &patterns.view, &positions.view, &probe.view, nullptr,
                               config(R"({"data.measurement": "counts"})")));
    return made;
}

bool all_finite(const std::vector<Complex>& values)
{
    return std::all_of(values.begin(), values.end(),
                       [](const Complex& v) { return std::isfinite(v.real()) && std::isfinite(v.imag()); });
}

std::vector<Complex> picture(const ptk_context* ctx, const ptk_model* model, const ptk_dataset* dataset)
{
    Reconstructor reconstructor;
    Canvas canvas;
    ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, nullptr));
    ok(ptk_reconstructor_reconstruct(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    return read<Complex>(canvas, "object").values;
}

class EveryGenerator : public ::testing::TestWithParam<Job> {};

TEST_P(EveryGenerator, TrainsAndComesBackFromItsBundle)
{
    const auto& [generator, channels] = GetParam();
    const auto ctx = context(R"({"seed": 5})");
    auto options = small(ctx, generator);
    options["scan.group_size"] = channels;
    // All frames in every step where they are seen alone: then nothing but training changes the loss, and its smallest
    // value says whether it works at all.
    const int epochs = channels == 1 ? 16 : 8;
    options["training"] = {{"epochs", epochs},
                           {"batch_size", channels == 1 ? 25 : 4},
                           {"validation_fraction", 0},
                           {"learning_rate", 3e-3}};
    options["probe"] = {{"modes", 1}, {"warm_epochs", 0}};
    const std::int64_t side = generator == "cnn" ? 64 : 32;
    const auto settings = config(options.dump());
    const auto dataset = synthetic_scan(ctx, side);

    Model model;
    Trainer trainer;
    ok(ptk_model_create(model.out(), ctx, side, settings));
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    const auto history = json([&](auto... a) { return ptk_model_history(model, a...); });
    ASSERT_EQ(history.size(), static_cast<std::size_t>(epochs));
    const auto loss = [&](std::size_t epoch) { return history[epoch]["training_loss"].get<double>(); };
    double reached = loss(history.size() - 1);
    for (std::size_t epoch = 0; channels == 1 && epoch < history.size(); ++epoch)
        reached = std::min(reached, loss(epoch));
    EXPECT_LT(reached, 0.98 * loss(0)) << history.dump();

    const auto object = picture(ctx, model, dataset);
    EXPECT_TRUE(all_finite(object));

    const Folder folder;
    const auto bundle = folder.file("model.ptk");
    ok(ptk_model_save(model, bundle.c_str()));
    Model again;
    ok(ptk_model_load(again.out(), ctx, bundle.c_str()));
    EXPECT_EQ(picture(ctx, again, dataset), object) << "the loaded model predicts something else";
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryGenerator, ::testing::ValuesIn(jobs()), [](const auto& test) {
    return test.param.generator + "_c" + std::to_string(test.param.channels);
});

TEST(Generators, SayWhatTheyCost)
{
    const auto ctx = context();
    const auto costs = [&](const char* name) {
        return json([&](auto... a) { return ptk_generator_describe(ctx, name, a...); })["cost"];
    };
    // PtychoPINN counts the same numbers of weights.
    const auto cnn = costs("cnn");
    ASSERT_EQ(cnn.size(), 2U);
    EXPECT_EQ(cnn[0]["parameters"], 2339892);
    EXPECT_EQ(cnn[1]["parameters"], 2351730);
    const auto fno = costs("fno");
    EXPECT_EQ(fno[0]["parameters"], 656002);
    // Four 3 x 3 convolutions of 32 channels in the blocks, three more, and one from a single channel, at 64 x 64
    // pixels; the rest is less.
    const double convolutions = 2.0 * 9 * 64 * 64 * (7 * 32 * 32 + 32);
    EXPECT_GT(fno[0]["flops_per_frame"], convolutions);
    EXPECT_LT(fno[0]["flops_per_frame"], 1.4 * convolutions);
    EXPECT_EQ(costs("physics_unet").size(), 1U) << "sees every frame alone";
}

} // namespace
