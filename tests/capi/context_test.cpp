#include "api.h"
#include "paths.h"

#include <cmath>

using namespace api;

namespace {

struct Message {
    ptk_log_level level;
    std::string area, text;
};

void collect(ptk_log_level level, const char* area, const char* message, void* user_data)
{
    static_cast<std::vector<Message>*>(user_data)->push_back({level, area, message});
}

TEST(Context, SaysWhatItIs)
{
    const auto ctx = context(R"({"seed": 7, "compat": "ptychopinn"})");
    const auto about = json([&](auto... a) { return ptk_context_describe(ctx, a...); });
    EXPECT_EQ(about["device"], "cpu");
    EXPECT_EQ(about["seed"], 7);
    EXPECT_EQ(about["compat"], "ptychopinn");
    EXPECT_GE(about["threads"], 1);
    const auto devices = json([&](auto... a) { return ptk_context_devices(ctx, a...); });
    EXPECT_EQ(devices[0]["name"], "cpu");
    EXPECT_GT(devices[0]["memory_bytes"], std::int64_t{1} << 28);
}

TEST(Context, DevicesThatAreNotThereAreErrors)
{
    Context ctx;
    expect_error(ptk_context_create(ctx.out(), "gpu", nullptr), PTK_ERR_INVALID_ARGUMENT, {"'gpu'", "cuda"});
    expect_error(ptk_context_create(ctx.out(), "cuda:99", nullptr), PTK_ERR_DEVICE, {"cuda:99"});
    EXPECT_EQ(static_cast<ptk_context*>(ctx), nullptr);
    ok(ptk_context_create(ctx.out(), "auto", nullptr));
}

TEST(Context, SeedIsInheritedAndOverridden)
{
    const auto first = [](const char* general, const char* own) {
        const auto ctx = context(general);
        const auto settings = config(quick);
        ok(ptk_config_merge(settings, config(own)));
        Model model;
        ok(ptk_model_create(model.out(), ctx, 16, settings));
        return read<float>(model, "conv1.weight").values;
    };
    const auto seven = first(R"({"seed": 7})", "{}");
    EXPECT_EQ(seven, first("{}", R"({"seed": 7})"));
    EXPECT_NE(seven, first("{}", "{}"));
    EXPECT_EQ(first("{}", "{}"), first(R"({"seed": 7})", R"({"seed": 0})"));
}

TEST(Log, SendsMessagesOfTheLevelAndIsSilentOtherwise)
{
    const auto ctx = context();
    Experiment data(ctx);
    std::vector<Message> messages;
    ok(ptk_context_set_log(ctx, PTK_LOG_DEBUG, collect, &messages));
    // The unit of the frames is left to the rule, which says so.
    Dataset dataset;
    ok(ptk_dataset_from_arrays(dataset.out(), ctx, &data.patterns.view, &data.positions.view, nullptr, nullptr,
                               nullptr));
    ASSERT_FALSE(messages.empty());
    for (const auto& message : messages) {
        EXPECT_GE(message.level, PTK_LOG_ERROR);
        EXPECT_LE(message.level, PTK_LOG_DEBUG);
        EXPECT_FALSE(message.area.empty());
        EXPECT_FALSE(message.text.empty());
    }
    messages.clear();
    ok(ptk_context_set_log(ctx, PTK_LOG_ERROR, collect, &messages));
    ok(ptk_dataset_from_arrays(dataset.out(), ctx, &data.patterns.view, &data.positions.view, nullptr, nullptr,
                               nullptr));
    EXPECT_TRUE(messages.empty());
    ok(ptk_context_set_log(ctx, PTK_LOG_DEBUG, nullptr, nullptr));
    expect_error(ptk_context_set_log(ctx, 5, collect, &messages), PTK_ERR_INVALID_ARGUMENT, {"level 5"});
}

TEST(Config, MistakesNameTheNearestKey)
{
    const auto ctx = context();
    const auto check = [&](const char* text, const char* subject = "library") {
        return ptk_config_check(ctx, config(text), subject);
    };
    expect_error(check(R"({"training": {"epoch": 3}})"), PTK_ERR_INVALID_CONFIG,
                 {"ptk_config_check", "training.epoch", "'training.epochs'"});
    expect_error(check(R"({"training.epochs": "three"})"), PTK_ERR_INVALID_CONFIG, {"training.epochs", "three"});
    expect_error(check(R"({"training.epochs": 0})"), PTK_ERR_INVALID_CONFIG, {"training.epochs", "out of range"});
    expect_error(check(R"({"training.loss": "poison"})"), PTK_ERR_INVALID_CONFIG, {"'poisson'"});
    expect_error(check(R"({"data.x_bounds": [0.6, 0.2]})"), PTK_ERR_INVALID_CONFIG, {"data.x_bounds"});
    expect_error(check(R"({"generator.name": "physics_unnet"})"), PTK_ERR_NOT_FOUND, {"physics_unet"});
    expect_error(check(R"({"generator.widht": 3})"), PTK_ERR_INVALID_CONFIG, {"generator.width"});
    expect_error(check("{}", "trainings"), PTK_ERR_NOT_FOUND, {"'trainings'", "training"});
    expect_error(check(R"({"seed": 3})", "training"), PTK_ERR_INVALID_CONFIG, {"seed"});
    ok(check(R"({"training": {"epochs": 3}, "generator.width": 8})"));
    ok(check(R"({"generator.width": 8})", "generator:physics_unet"));
    ok(check(R"({"nepochs": 3})"));
}

TEST(Config, IsCheckedByEveryCallThatTakesIt)
{
    const auto ctx = context();
    Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto wrong = config(R"({"refinement.epoch": 3})");
    Context c;
    Dataset d;
    Model m;
    Trainer t;
    Reconstructor r;
    Canvas v;
    std::size_t needed = 0;
    ok(ptk_model_create(m.out(), ctx, 16, config(quick)));
    ok(ptk_canvas_create(v.out(), ctx, 4, 4, 0, 0, nullptr));
    Model m2;
    Canvas v2;
    const std::vector<ptk_status> statuses{
        ptk_context_create(c.out(), "cpu", wrong),
        ptk_file_describe(ctx, PTK_SCAN, wrong, nullptr, 0, &needed),
        ptk_dataset_open(d.out(), ctx, PTK_SCAN, wrong),
        ptk_dataset_from_arrays(d.out(), ctx, &data.patterns.view, &data.positions.view, nullptr, nullptr, wrong),
        ptk_model_create(m2.out(), ctx, 16, wrong),
        ptk_trainer_create(t.out(), m, wrong, nullptr),
        ptk_reconstructor_create(r.out(), ctx, m, wrong),
        ptk_reconstructor_create(r.out(), ctx, nullptr, wrong),
        ptk_canvas_create(v2.out(), ctx, 4, 4, 0, 0, wrong),
        ptk_canvas_create_around(v2.out(), ctx, &data.positions.view, 16, wrong),
        ptk_evaluate(v, &data.object.view, wrong, nullptr, 0, &needed),
        ptk_evaluate_file(v, PTK_SCAN, wrong, nullptr, 0, &needed),
    };
    for (std::size_t i = 0; i < statuses.size(); ++i)
        EXPECT_EQ(statuses[i], PTK_ERR_INVALID_CONFIG) << "call " << i;
}

TEST(Config, ComesFromJsonYamlFilesAndSetters)
{
    const auto ctx = context();
    const auto effective = [&](const ptk_config* c) {
        return json([&](auto... a) { return ptk_config_to_json(ctx, c, "library", a...); });
    };
    Config yaml;
    ok(ptk_config_from_yaml(yaml.out(), "training:\n  epochs: 3\n  loss: poisson\ndata.x_bounds: [0, 0.5]\n"));
    auto set = config("{}");
    ok(ptk_config_set_int(set, "training.epochs", 3));
    ok(ptk_config_set_string(set, "training.loss", "poisson"));
    ok(ptk_config_set_pair(set, "data.x_bounds", 0, 0.5));
    EXPECT_EQ(effective(yaml), effective(set));
    EXPECT_EQ(effective(set)["training"]["epochs"], 3);
    EXPECT_EQ(effective(set)["training"]["batch_size"], effective(nullptr)["training"]["batch_size"]);

    auto typed = config("{}");
    ok(ptk_config_set_text(typed, "training.epochs", "3"));
    ok(ptk_config_set_text(typed, "training.loss", "poisson"));
    ok(ptk_config_set_text(typed, "data.x_bounds", "0,0.5"));
    EXPECT_EQ(effective(typed), effective(set));
    ok(ptk_config_set_bool(typed, "deterministic", 5));
    ok(ptk_config_set_float(typed, "training.learning_rate", 0.25));
    EXPECT_EQ(effective(typed)["deterministic"], true);
    EXPECT_EQ(effective(typed)["training"]["learning_rate"], 0.25);

    const Folder folder;
    const auto path = folder.file("run.yaml");
    std::ofstream(path) << "training: {epochs: 4}\n";
    Config loaded;
    ok(ptk_config_load(loaded.out(), path.c_str()));
    ok(ptk_config_merge(typed, loaded));
    EXPECT_EQ(effective(typed)["training"]["epochs"], 4);
    expect_error(ptk_config_load(loaded.out(), folder.file("none.json").c_str()), PTK_ERR_IO, {"none.json"});
    EXPECT_EQ(static_cast<ptk_config*>(loaded), nullptr);
}

TEST(Config, WholeNumbersKeep64Bits)
{
    const auto ctx = context();
    const auto settings = config("{}");
    ok(ptk_config_set_int(settings, "seed", 9007199254740991));
    const auto values = json([&](auto... a) { return ptk_config_to_json(ctx, settings, "library", a...); });
    EXPECT_EQ(values["seed"].get<std::int64_t>(), 9007199254740991);
    ok(ptk_config_set_int(settings, "seed", -1));
    expect_error(ptk_config_check(ctx, settings, "library"), PTK_ERR_INVALID_CONFIG, {"seed"});
}

TEST(Schema, TellsEveryOptionOfEverySubject)
{
    const auto ctx = context();
    const auto schema = [&](const std::string& subject) {
        return json([&](auto... a) { return ptk_config_schema(ctx, subject.c_str(), a...); });
    };
    const auto library = schema("library");
    EXPECT_GT(library.size(), 40U);
    for (const auto& option : library) {
        for (const char* key : {"name", "type", "meaning"})
            EXPECT_FALSE(option[key].get<std::string>().empty()) << option;
        EXPECT_TRUE(option.contains("default"));
    }
    for (const auto& option : schema("training"))
        EXPECT_TRUE(option["name"].get<std::string>().starts_with("training."));
    const auto generators = json([&](auto... a) { return ptk_generator_list(ctx, a...); });
    ASSERT_FALSE(generators.empty());
    for (const auto& generator : generators) {
        const auto name = generator["name"].get<std::string>();
        const auto about = json([&](auto... a) { return ptk_generator_describe(ctx, name.c_str(), a...); });
        EXPECT_EQ(about["options"], schema("generator:" + name));
        EXPECT_FALSE(about["summary"].get<std::string>().empty());
        EXPECT_FALSE(about["source"].get<std::string>().empty());
    }
    std::size_t needed = 0;
    expect_error(ptk_generator_describe(ctx, "resnet", nullptr, 0, &needed), PTK_ERR_NOT_FOUND, {"resnet"});
}

} // namespace
