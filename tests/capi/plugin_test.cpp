// Generators from outside: tables of C functions, shared libraries and TorchScript programs, right and wrong.
#include "api.h"
#include "paths.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

using namespace api;

namespace {

const char* const net = PTK_SOURCE_DIR "/examples/plugins/net.pt";

bool contains(const std::string& text, const std::string& words)
{
    return text.find(words) != std::string::npos;
}

std::vector<std::string> generators_of(const ptk_context* ctx)
{
    std::vector<std::string> names;
    for (const auto& generator : json([&](auto... a) { return ptk_generator_list(ctx, a...); }))
        names.push_back(generator["name"].get<std::string>());
    return names;
}

bool knows(const ptk_context* ctx, const std::string& name)
{
    const auto names = generators_of(ctx);
    return std::find(names.begin(), names.end(), name) != names.end();
}

// ---- a table of functions: images = gain * amplitude + offset, with faults to order ----

struct Script {
    std::string fault;
    std::int64_t count = 2;
    ptk_generator_parameter declared[2] = {{0, "gain", 1, {1}}, {0, "offset", 2, {2, 1}}};
    std::atomic<int> made = 0, destroyed = 0, freed = 0;
    std::mutex mutex;
    std::string options;
};

struct Net {
    Script* script;
    std::int64_t pixels;
    void (*say)(const char*);
};

ptk_status answer(const Net* made, const char* function)
{
    if (made->script->fault != function)
        return PTK_OK;
    made->say("out of paper");
    return PTK_ERR_IO;
}

ptk_status toy_create(void** self_out, const ptk_generator_problem* problem, void* user_data)
{
    auto* script = static_cast<Script*>(user_data);
    {
        const std::lock_guard lock(script->mutex);
        script->options = problem->options;
    }
    if (script->fault == "create") {
        problem->set_error_message("no such thing");
        return PTK_ERR_INTERNAL;
    }
    if (script->fault == "shape")
        return PTK_ERR_SHAPE;
    *self_out = new Net{script, problem->channels * problem->side * problem->side, problem->set_error_message};
    ++script->made;
    return PTK_OK;
}

void toy_destroy(void* self)
{
    auto* made = static_cast<Net*>(self);
    ++made->script->destroyed;
    delete made;
}

std::int64_t toy_count(void* self)
{
    return static_cast<Net*>(self)->script->count;
}

ptk_status toy_parameter(void* self, std::int64_t index, ptk_generator_parameter* out)
{
    const auto* made = static_cast<Net*>(self);
    const auto size = out->struct_size;
    *out = made->script->declared[index % 2];
    out->struct_size = size;
    return answer(made, "parameter");
}

ptk_status toy_initialise(void* self, std::int64_t index, std::uint64_t, float* values)
{
    const auto* made = static_cast<Net*>(self);
    values[0] = index == 0 ? 0.25F : 1;
    if (index == 1)
        values[1] = made->script->fault == "initial nan" ? std::nanf("") : 0;
    return answer(made, "initialise");
}

ptk_status toy_forward(void* self, const float* const* parameters, std::int64_t batch, const float* amplitudes,
                       float* images)
{
    const auto* made = static_cast<Net*>(self);
    if (made->script->fault == "throws")
        throw std::runtime_error("C++ after all");
    const auto count = made->script->fault == "half" ? batch - 1 : batch;
    for (std::int64_t b = 0; b < count; ++b)
        for (std::int64_t image = 0; image < 2; ++image)
            for (std::int64_t i = 0; i < made->pixels; ++i)
                images[(2 * b + image) * made->pixels + i] =
                    parameters[0][0] * amplitudes[b * made->pixels + i] + parameters[1][image];
    return answer(made, "forward");
}

ptk_status toy_vjp(void* self, const float* const*, std::int64_t batch, const float* amplitudes,
                   const float* grad_images, float* const* grad_parameters)
{
    const auto* made = static_cast<Net*>(self);
    double gain = 0, offset[2] = {0, 0};
    for (std::int64_t b = 0; b < batch; ++b)
        for (std::int64_t image = 0; image < 2; ++image)
            for (std::int64_t i = 0; i < made->pixels; ++i) {
                const double g = grad_images[(2 * b + image) * made->pixels + i];
                gain += g * amplitudes[b * made->pixels + i];
                offset[image] += g;
            }
    grad_parameters[0][0] = made->script->fault == "gradient nan" ? std::nanf("") : static_cast<float>(gain);
    for (int image = 0; image < 2; ++image)
        grad_parameters[1][image] = static_cast<float>(offset[image]);
    return answer(made, "vjp");
}

void toy_free(void* user_data)
{
    ++static_cast<Script*>(user_data)->freed;
}

ptk_generator_table toy(Script& script)
{
    ptk_generator_table table{};
    table.struct_size = sizeof table;
    table.abi = PTK_PLUGIN_ABI;
    table.output = PTK_OUTPUT_REAL_IMAG;
    table.name = "toy";
    table.summary = "gain and offset";
    table.options = R"([{"name": "width", "type": "int", "default": 3, "min": 1, "max": 9, "meaning": "unused"}])";
    table.user_data = &script;
    table.create = toy_create;
    table.destroy = toy_destroy;
    table.parameter_count = toy_count;
    table.parameter = toy_parameter;
    table.initialise = toy_initialise;
    table.forward = toy_forward;
    table.vjp = toy_vjp;
    table.free_user_data = toy_free;
    return table;
}

const char* const training =
    R"({"generator.name": "toy", "training": {"epochs": 12, "batch_size": 4, "validation_fraction": 0,
    "learning_rate": 0.02}, "scan.group_size": 4, "probe": {"modes": 1, "warm_epochs": 0}, "data.measurement": "counts"})";

std::vector<Complex> picture(ptk_reconstructor* reconstructor, const ptk_dataset* dataset)
{
    Canvas canvas;
    ok(ptk_reconstructor_reconstruct(canvas.out(), reconstructor, dataset, nullptr, nullptr, nullptr));
    return read<Complex>(canvas, "object").values;
}

std::vector<Complex> picture(const ptk_context* ctx, const ptk_model* model, const ptk_dataset* dataset)
{
    Reconstructor reconstructor;
    ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, nullptr));
    return picture(reconstructor, dataset);
}

/// Trains and gives the losses.
std::vector<double> losses(ptk_model* model, const ptk_dataset* dataset, const ptk_config* settings)
{
    Trainer trainer;
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
    std::vector<double> all;
    for (const auto& row : json([&](auto... a) { return ptk_model_history(model, a...); }))
        all.push_back(row["training_loss"]);
    return all;
}

TEST(GeneratorTable, IsAGeneratorLikeAnyOther)
{
    Script script;
    {
        auto ctx = context();
        const auto table = toy(script);
        ok(ptk_generator_register(ctx, &table));
        EXPECT_TRUE(knows(ctx, "toy"));
        const auto told = json([&](auto... a) { return ptk_generator_describe(ctx, "toy", a...); });
        EXPECT_EQ(told["summary"], "gain and offset");
        EXPECT_EQ(told["cost"][0]["parameters"], 3);
        EXPECT_TRUE(contains(told["options"].dump(), "generator.width")) << told;

        const Experiment data(ctx);
        const auto dataset = data.dataset(ctx);
        const auto settings = config(training);
        ok(ptk_config_set_int(settings, "generator.width", 5));
        Model model;
        ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
        EXPECT_EQ(script.options, R"({"width":5})");
        EXPECT_EQ(ptk_model_parameter_count(model), 3);
        const auto loss = losses(model, dataset, settings);
        EXPECT_LT(loss.back(), 0.98 * loss.front());
        EXPECT_NE(read<float>(model, "gain").values[0], 0.25F);

        const Folder folder;
        const auto bundle = folder.file("model.ptk");
        ok(ptk_model_save(model, bundle.c_str()));
        Model again;
        ok(ptk_model_load(again.out(), ctx, bundle.c_str()));
        const auto object = picture(ctx, again, dataset);
        EXPECT_EQ(object, picture(ctx, model, dataset));

        const auto without = context();
        Model none;
        expect_error(ptk_model_load(none.out(), without, bundle.c_str()), PTK_ERR_NOT_FOUND,
                     {"model.ptk", "generator 'toy' is not registered"});

        // What was made from a context goes on when that is gone, and keeps what it needs.
        Reconstructor reconstructor;
        ok(ptk_reconstructor_create(reconstructor.out(), ctx, again, nullptr));
        ctx.reset();
        EXPECT_EQ(script.freed, 0);
        EXPECT_EQ(picture(reconstructor, dataset), object);
    }
    EXPECT_EQ(script.freed, 1);
    EXPECT_EQ(script.made, script.destroyed);
    EXPECT_GE(script.made, 3);
}

TEST(GeneratorTable, GroupsAreChannels)
{
    Script script;
    const auto ctx = context();
    const auto table = toy(script);
    ok(ptk_generator_register(ctx, &table));
    const Experiment data(ctx);
    const auto settings = config(training);
    ok(ptk_config_set_int(settings, "generator.C_model", 4));
    Model model;
    ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
    EXPECT_EQ(losses(model, data.dataset(ctx), settings).size(), 12U);
}

TEST(GeneratorTable, ThatCannotBeIsRefusedByName)
{
    Script script;
    const auto ctx = context();
    const auto refused = [&](ptk_status status, const std::vector<std::string>& words, auto&& change) {
        auto table = toy(script);
        change(table);
        expect_error(ptk_generator_register(ctx, &table), status, words);
    };
    refused(PTK_ERR_UNSUPPORTED, {"plug-in ABI 2, this library has 1"}, [](auto& t) { t.abi = 2; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"struct_size of the table is 8"}, [](auto& t) { t.struct_size = 8; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"struct_size", "expected at least"}, [](auto& t) { t.struct_size = 64; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"name is NULL"}, [](auto& t) { t.name = nullptr; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"name 'a b'"}, [](auto& t) { t.name = "a b"; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"name ''"}, [](auto& t) { t.name = ""; });
    const std::string longer(65, 'x');
    refused(PTK_ERR_INVALID_ARGUMENT, {"longer than 64"}, [&](auto& t) { t.name = longer.c_str(); });
    refused(PTK_ERR_INVALID_ARGUMENT, {"'toy'", "summary is NULL"}, [](auto& t) { t.summary = nullptr; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"'toy'", "output 7"}, [](auto& t) { t.output = 7; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"'toy'", "create is NULL"}, [](auto& t) { t.create = nullptr; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"'toy'", "forward is NULL"}, [](auto& t) { t.forward = nullptr; });
    refused(PTK_ERR_INVALID_ARGUMENT, {"'toy'", "options"}, [](auto& t) { t.options = "[3]"; });
    refused(PTK_ERR_EXISTS, {"generator 'cnn' is registered already"}, [](auto& t) { t.name = "cnn"; });
    EXPECT_FALSE(knows(ctx, "toy"));
    EXPECT_EQ(script.freed, 0) << "what was refused stays the caller's";
    auto table = toy(script);
    ok(ptk_generator_register(ctx, &table));
    expect_error(ptk_generator_register(ctx, &table), PTK_ERR_EXISTS, {"'toy' is registered already"});
    EXPECT_EQ(script.freed, 0);
}

/// What making a model says.
void expect_no_model(
    const char* fault, ptk_status status, const std::vector<std::string>& words,
    const std::function<void(Script&)>& change = [](Script&) {})
{
    SCOPED_TRACE(fault);
    Script script;
    script.fault = fault;
    change(script);
    {
        const auto ctx = context();
        const auto table = toy(script);
        ok(ptk_generator_register(ctx, &table));
        Model model;
        expect_error(ptk_model_create(model.out(), ctx, 16, config(R"({"generator.name": "toy"})")), status, words);
    }
    EXPECT_EQ(script.made, script.destroyed);
    EXPECT_EQ(script.freed, 1);
}

TEST(GeneratorTable, FailuresOfANewNetworkAreErrors)
{
    expect_no_model("create", PTK_ERR_CALLBACK, {"generator 'toy'", "create", "no such thing"});
    expect_no_model("shape", PTK_ERR_SHAPE, {"generator 'toy'", "create"});
    expect_no_model("parameter", PTK_ERR_CALLBACK, {"generator 'toy'", "parameter", "out of paper"});
    expect_no_model("initialise", PTK_ERR_CALLBACK, {"generator 'toy'", "initialise", "out of paper"});
    expect_no_model("initial nan", PTK_ERR_NOT_CONVERGED, {"generator 'toy'", "initial 'offset'"});
    for (const std::int64_t count : {std::int64_t{-1}, std::int64_t{65537}, std::numeric_limits<std::int64_t>::max()})
        expect_no_model("count", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "parameter_count is"},
                        [&](Script& script) { script.count = count; });
    expect_no_model("names", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "two parameters are named 'gain'"},
                    [](Script& script) { script.count = 4; });
    const auto declares = [](auto&& change) { return [change](Script& script) { change(script.declared[0]); }; };
    expect_no_model("axes", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "parameter 0", "1000000 axes"},
                    declares([](auto& p) { p.ndim = 1000000; }));
    expect_no_model("axes", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "-1 axes"}, declares([](auto& p) { p.ndim = -1; }));
    expect_no_model("length", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "'gain'", "(0,)"},
                    declares([](auto& p) { p.shape[0] = 0; }));
    expect_no_model("size", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "'gain'", "at most"}, declares([](auto& p) {
                        p.ndim = 2;
                        p.shape[0] = p.shape[1] = std::int64_t{1} << 62;
                    }));
    expect_no_model("name", PTK_ERR_INVALID_ARGUMENT, {"'toy'", "parameter 0", "name is NULL"},
                    declares([](auto& p) { p.name = nullptr; }));
}

/// What training says.
void expect_no_training(const char* fault, ptk_status status, const std::vector<std::string>& words,
                        bool trainable = true)
{
    SCOPED_TRACE(fault);
    Script script;
    script.fault = fault;
    const auto ctx = context();
    auto table = toy(script);
    if (!trainable)
        table.vjp = nullptr;
    table.free_user_data = nullptr;
    ok(ptk_generator_register(ctx, &table));
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto settings = config(training);
    Model model;
    Trainer trainer;
    ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    expect_error(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr), status, words);
}

TEST(GeneratorTable, FailuresInTrainingAreErrors)
{
    expect_no_training("forward", PTK_ERR_CALLBACK, {"generator 'toy'", "forward", "out of paper"});
    expect_no_training("vjp", PTK_ERR_CALLBACK, {"generator 'toy'", "vjp", "out of paper"});
    expect_no_training("throws", PTK_ERR_CALLBACK, {"generator 'toy'", "forward", "C++ after all"});
    expect_no_training("half", PTK_ERR_NOT_CONVERGED, {"generator 'toy'", "of its images are not finite"});
    expect_no_training("gradient nan", PTK_ERR_NOT_CONVERGED, {"generator 'toy'", "gradient of its parameter 0"});
    expect_no_training("nothing", PTK_ERR_UNSUPPORTED, {"generator 'toy'", "no vjp"}, false);
}

TEST(GeneratorTable, IsAddedWhileOthersWork)
{
    Script script;
    const auto ctx = context();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                const auto name = "toy_" + std::to_string(t) + "_" + std::to_string(i);
                auto table = toy(script);
                table.name = name.c_str();
                ok(ptk_generator_register(ctx, &table));
                Model model;
                const auto settings = config(R"({"generator.name": ")" + name + "\"}");
                ok(ptk_model_create(model.out(), ctx, 16, settings));
            }
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(script.made, 80);
    for (const char* name : {"toy_0_0", "toy_3_19"})
        EXPECT_TRUE(knows(ctx, name));
}

// ---- shared libraries ----

TEST(PluginLibrary, TheExampleLearns)
{
    const auto ctx = context(R"({"seed": 3})");
    ok(ptk_plugin_load(ctx, PTK_MLP_PLUGIN));
    expect_error(ptk_plugin_load(ctx, PTK_MLP_PLUGIN), PTK_ERR_EXISTS, {PTK_MLP_PLUGIN, "generator 'mlp'"});
    const Experiment data(ctx);
    auto options = Json::parse(training);
    options["generator.name"] = "mlp";
    options["generator.width"] = 24;
    options["training"]["epochs"] = 80;
    options["training"]["learning_rate"] = 3e-3;
    const auto settings = config(options.dump());
    Model model;
    ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
    const auto loss = losses(model, data.dataset(ctx), settings);
    EXPECT_LT(loss.back(), 0.8 * loss.front());
}

TEST(PluginLibrary, GradientOfTheExampleIsThatOfFiniteDifferences)
{
    void* library = ::dlopen(PTK_MLP_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << ::dlerror();
    const auto entry = reinterpret_cast<ptk_plugin_entry_fn>(::dlsym(library, "ptk_plugin_entry"));
    ASSERT_NE(entry, nullptr);
    const auto& table = *entry()->generators[0];
    ptk_generator_problem problem{};
    problem.struct_size = sizeof problem;
    problem.channels = 2;
    problem.side = 3;
    problem.options = R"({"width":5})";
    problem.set_error_message = ptk_set_error_message;
    void* self = nullptr;
    ASSERT_EQ(table.create(&self, &problem, table.user_data), PTK_OK);

    std::vector<std::vector<float>> values, gradients;
    for (std::int64_t i = 0; i < table.parameter_count(self); ++i) {
        ptk_generator_parameter parameter{};
        ASSERT_EQ(table.parameter(self, i, &parameter), PTK_OK);
        std::size_t count = 1;
        for (std::int64_t axis = 0; axis < parameter.ndim; ++axis)
            count *= static_cast<std::size_t>(parameter.shape[axis]);
        values.emplace_back(count);
        gradients.emplace_back(count);
        ASSERT_EQ(table.initialise(self, i, 11, values.back().data()), PTK_OK);
    }
    constexpr std::int64_t batch = 2, numbers = 2 * 3 * 3;
    std::vector<float> x(batch * numbers), weight(2 * batch * numbers), images(2 * batch * numbers);
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = 1 + std::sin(static_cast<float>(3 * i));
    for (std::size_t i = 0; i < weight.size(); ++i)
        weight[i] = std::cos(static_cast<float>(5 * i));
    const auto pointers = [](auto& arrays) {
        std::vector<float*> all;
        for (auto& array : arrays)
            all.push_back(array.data());
        return all;
    };
    const auto given = pointers(values), wanted = pointers(gradients);
    const auto loss = [&] {
        EXPECT_EQ(table.forward(self, given.data(), batch, x.data(), images.data()), PTK_OK);
        double sum = 0;
        for (std::size_t i = 0; i < images.size(); ++i)
            sum += static_cast<double>(weight[i]) * static_cast<double>(images[i]);
        return sum;
    };
    ASSERT_EQ(table.vjp(self, given.data(), batch, x.data(), weight.data(), wanted.data()), PTK_OK);
    // Float arithmetic: a step of 1e-2 leaves about 1e-4 of the third derivative and 1e-4 of rounding.
    constexpr float step = 1e-2F;
    for (std::size_t p = 0; p < values.size(); ++p)
        for (std::size_t i = 0; i < values[p].size(); ++i) {
            const float old = values[p][i];
            values[p][i] = old + step;
            const double above = loss();
            values[p][i] = old - step;
            const double below = loss();
            values[p][i] = old;
            EXPECT_NEAR(gradients[p][i], (above - below) / (2 * static_cast<double>(step)),
                        1e-3 * (1 + std::abs(static_cast<double>(gradients[p][i]))))
                << "parameter " << p << ", number " << i;
        }
    table.destroy(self);
    ::dlclose(library);
}

TEST(PluginLibrary, FaultsAreErrorsThatNameTheFile)
{
    const auto ctx = context();
    const auto before = generators_of(ctx);
    const auto refused = [&](const char* fault, ptk_status status, const std::vector<std::string>& words) {
        SCOPED_TRACE(fault);
        ::setenv("PTK_TEST_FAULT", fault, 1);
        auto all = words;
        all.push_back(PTK_FAULTY_PLUGIN);
        expect_error(ptk_plugin_load(ctx, PTK_FAULTY_PLUGIN), status, all);
        ::unsetenv("PTK_TEST_FAULT");
    };
    refused("gives up", PTK_ERR_CALLBACK, {"ptk_plugin_entry gave up"});
    refused("abi", PTK_ERR_UNSUPPORTED, {"plug-in ABI 99, this library has 1"});
    refused("table abi", PTK_ERR_UNSUPPORTED, {"plug-in ABI 2"});
    refused("size", PTK_ERR_INVALID_ARGUMENT, {"struct_size of the plug-in is 4"});
    refused("count", PTK_ERR_INVALID_ARGUMENT, {"1000000 generators"});
    refused("no list", PTK_ERR_INVALID_ARGUMENT, {"generators"});
    refused("null table", PTK_ERR_INVALID_ARGUMENT, {"table is NULL"});
    refused("taken", PTK_ERR_EXISTS, {"generator 'cnn'"});
    refused("twice", PTK_ERR_EXISTS, {"generator 'faulty_first'"});
    EXPECT_EQ(generators_of(ctx), before) << "all generators of a library or none";
    ::setenv("PTK_TEST_FAULT", "none", 1);
    ok(ptk_plugin_load(ctx, PTK_FAULTY_PLUGIN));
    ::unsetenv("PTK_TEST_FAULT");
    EXPECT_TRUE(knows(ctx, "faulty_second"));
}

TEST(PluginLibrary, OtherFilesAreRefused)
{
    const auto ctx = context();
    const Folder folder;
    const auto file = [&](const char* name, const std::string& bytes) {
        std::ofstream(folder.file(name), std::ios::binary) << bytes;
        return folder.file(name);
    };
    expect_error(ptk_plugin_load(ctx, folder.file("none.so").c_str()), PTK_ERR_IO, {"none.so"});
    expect_error(ptk_plugin_load(ctx, folder.file("").c_str()), PTK_ERR_IO, {"cannot be read"});
    expect_error(ptk_plugin_load(ctx, file("text.so", "hello").c_str()), PTK_ERR_FORMAT, {"text.so", "neither"});
    expect_error(ptk_plugin_load(ctx, file("empty.so", "").c_str()), PTK_ERR_FORMAT, {"empty.so"});
    expect_error(ptk_plugin_load(ctx, file("damaged.so", "\x7f"
                                                         "ELF and nothing")
                                          .c_str()),
                 PTK_ERR_IO, {"damaged.so: cannot be loaded"});
    expect_error(ptk_plugin_load(ctx, PTK_LIBRARY), PTK_ERR_FORMAT, {"without ptk_plugin_entry"});
}

TEST(PluginLibrary, ComesWithTheContext)
{
    const auto settings =
        config(R"({"plugins": ":)" PTK_MLP_PLUGIN R"(::", "generator": {"name": "mlp", "width": 2}})");
    Context ctx;
    ok(ptk_context_create(ctx.out(), "cpu", settings));
    EXPECT_TRUE(knows(ctx, "mlp"));
    Model model;
    ok(ptk_model_create(model.out(), ctx, 8, settings));
    EXPECT_EQ(ptk_model_parameter_count(model), 2 * 64 + 2 + 2 * 128 + 128);
    Context none;
    expect_error(ptk_context_create(none.out(), "cpu", config(R"({"plugins": "/none.so"})")), PTK_ERR_IO, {"/none.so"});
    expect_error(ptk_context_create(none.out(), "cpu", config(R"({"plugins": 3})")), PTK_ERR_INVALID_CONFIG,
                 {"plugins: expected a text"});
}

// ---- TorchScript ----

TEST(TorchscriptProgram, IsTrainedAndFoundAgain)
{
    const auto ctx = context(R"({"seed": 3})");
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    auto options = Json::parse(training);
    options["generator.name"] = "torchscript";
    options["generator.file"] = net;
    options["scan.group_size"] = 1; // the example's network sees each frame alone
    options["training"]["learning_rate"] = 3e-3;
    const auto settings = config(options.dump());
    Model model;
    ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
    const auto loss = losses(model, dataset, settings);
    EXPECT_LT(loss.back(), 0.9 * loss.front());
    const auto object = picture(ctx, model, dataset);

    const Folder folder;
    const auto bundle = folder.file("model.ptk");
    ok(ptk_model_save(model, bundle.c_str()));
    Model again;
    const auto other = context();
    expect_error(ptk_model_load(again.out(), other, bundle.c_str()), PTK_ERR_NOT_FOUND,
                 {"model.ptk", "net.pt sha1:", "was not named"});
    ok(ptk_plugin_load(other, net));
    ok(ptk_model_load(again.out(), other, bundle.c_str()));
    EXPECT_EQ(picture(other, again, dataset), object);

    Context configured;
    ok(ptk_context_create(configured.out(), "cpu", settings));
    Model third;
    ok(ptk_model_load(third.out(), configured, bundle.c_str()));
    EXPECT_EQ(picture(configured, third, dataset), object);
}

TEST(TorchscriptProgram, TrainingIsResumed)
{
    const Folder folder;
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    auto options = Json::parse(training);
    options["generator.name"] = "torchscript";
    options["generator.file"] = net;
    options["scan.group_size"] = 1;
    for (const int epochs : {1, 2}) {
        options["training"]["epochs"] = epochs;
        const auto settings = config(options.dump());
        Model model;
        Trainer trainer;
        ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
        ok(ptk_trainer_create(trainer.out(), model, settings, folder.file("run").c_str()));
        if (epochs == 2)
            ok(ptk_trainer_resume(trainer, folder.file("run/last.ptk").c_str()));
        ok(ptk_trainer_fit(trainer, dataset, nullptr, nullptr, nullptr));
        EXPECT_EQ(json([&](auto... a) { return ptk_model_history(model, a...); }).size(),
                  static_cast<std::size_t>(epochs));
    }
}

} // namespace
