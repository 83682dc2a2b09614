#include "base/atomic_file.h"
#include "model/model.h"
#include "model/version.h"
#include "paths.h"

#include <c10/core/GradMode.h>

namespace {

using namespace ptk;
using config::Config;
using model::make_model;

std::unique_ptr<model::Model> make(const std::string& options, std::int64_t side = 64)
{
    return make_model(generators::builtin_generators(), Config::from_json(options), side, c10::kCPU);
}

Error error_of(const std::string& options, std::int64_t side = 64)
{
    try {
        make(options, side);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "expected an Error for " << options;
    return Error(Status::Ok, "");
}

TEST(MakeModel, ResolvesTheGeneratorAndItsOptions)
{
    const auto plain = make("{}", 32);
    EXPECT_EQ(plain->generator_name, "physics_unet");
    EXPECT_EQ(plain->settings.integer("generator.levels"), 2);
    const auto reference = make(R"({"architecture": "ptychopinn", "n_filters_scale": 1, "batch_norm": true})");
    EXPECT_EQ(reference->generator_name, "cnn");
    EXPECT_EQ(reference->settings.integer("generator.n_filters_scale"), 1);
    EXPECT_TRUE(reference->settings.flag("generator.batch_norm"));
}

TEST(MakeModel, SizeOfAGroup)
{
    const auto size = [](const char* options) { return make(options)->problem.group_size; };
    EXPECT_EQ(size("{}"), 16);
    EXPECT_EQ(size(R"({"scan.group_size": 5})"), 5);
    EXPECT_EQ(size(R"({"scan.grouping": "single"})"), 1);
    EXPECT_EQ(size(R"({"generator.name": "cnn", "n_filters_scale": 1})"), 4);
    EXPECT_EQ(size(R"({"generator.name": "cnn", "n_filters_scale": 1, "C": 9})"), 9);
    EXPECT_EQ(size(R"({"generator.name": "cnn", "n_filters_scale": 1, "C_model": 2})"), 2);
    EXPECT_EQ(size(R"({"generator.name": "cnn", "n_filters_scale": 1, "C": 1})"), 1);
    EXPECT_EQ(size(R"({"generator.name": "cnn", "n_filters_scale": 1, "object_big": false})"), 16);
}

TEST(MakeModel, SaysWhatItCannotMake)
{
    const auto name = error_of(R"({"generator.name": "physics_net"})");
    EXPECT_EQ(name.status(), Status::NotFound);
    EXPECT_NE(name.message().find("did you mean 'physics_unet'"), std::string::npos) << name.message();
    const auto option = error_of(R"({"generator.widht": 3})");
    EXPECT_EQ(option.status(), Status::InvalidConfig);
    EXPECT_NE(option.message().find("did you mean 'generator.width'"), std::string::npos) << option.message();
    EXPECT_EQ(error_of(R"({"generator.name": "cnn", "generator.width": 8})").status(), Status::InvalidConfig);
    EXPECT_EQ(error_of(R"({"generator.name": "cnn"})", 100).status(), Status::Shape);
    EXPECT_EQ(error_of("{}", -4).status(), Status::Shape);
    EXPECT_EQ(error_of("{}", 1 << 20).status(), Status::Shape);
    EXPECT_EQ(error_of(R"({"generator.name": "cnn", "C_model": 4, "C": 9})").status(), Status::Shape);
}

TEST(MakeModel, TheSeedDecidesTheWeights)
{
    const auto first = [](const char* options) { return make(options)->generator->parameters()[0]; };
    EXPECT_TRUE(at::equal(first(R"({"seed": 3})"), first(R"({"seed": 3})")));
    EXPECT_FALSE(at::equal(first(R"({"seed": 3})"), first(R"({"seed": 4})")));
}

TEST(MakeModel, AnUntrainedCnnSeesNothingInTheBeam)
{
    const c10::NoGradGuard no_gradient;
    const auto predicted = [](const std::string& options) {
        const auto model = make(R"({"generator.name": "cnn", "n_filters_scale": 1, "C_model": 1)" + options + "}");
        return model->generator->forward({at::rand({2, 1, 64, 64}), 1, {}});
    };
    for (const std::string decoder :
         {"", R"(, "use_shared_decoder": true)", R"(, "use_shared_decoder": true, "batch_norm": true)"})
        for (const std::string initializer : {"default", "he", "zero_output"}) {
            const auto patches = predicted(decoder + R"(, "generator.initializer": ")" + initializer + "\"");
            EXPECT_NEAR(at::real(patches).mean().item<double>(), 1, 0.3) << decoder << " " << initializer;
            if (initializer == "zero_output")
                EXPECT_LT((patches - 1).abs().max().item<double>(), 0.1) << decoder;
        }
    EXPECT_LT(predicted(R"(, "compat": "ptychopinn")").abs().mean().item<double>(), 0.3) << "as the reference";
}

TEST(DescribeModel, IsJsonOfEverything)
{
    const auto model = make(R"({"generator.width": 4, "generator.depth": 1, "probe.modes": 2})", 32);
    model->probe = at::full({2, 32, 32}, 2, at::kComplexFloat);
    model->input_scale = 0.25;
    model->history = {{1, 0.5, std::nan(""), 1e-3, 2.5}};
    const auto json = nlohmann::json::parse(model::describe(*model));
    EXPECT_EQ(json.at("generator"), "physics_unet");
    EXPECT_EQ(json.at("side"), 32);
    EXPECT_EQ(json.at("group_size"), 16);
    std::int64_t weights = 0;
    for (const auto& parameter : model->generator->parameters())
        weights += parameter.numel();
    EXPECT_EQ(json.at("parameters"), weights);
    EXPECT_EQ(json.at("settings").at("generator").at("width"), 4);
    EXPECT_EQ(json.at("probe").at("modes"), 2);
    EXPECT_DOUBLE_EQ(json.at("probe").at("power"), 4.0 * 2 * 32 * 32);
    EXPECT_EQ(json.at("statistics").at("input_scale"), 0.25);
    EXPECT_EQ(json.at("history").at(0).at("training_loss"), 0.5);
    EXPECT_TRUE(json.at("history").at(0).at("validation_loss").is_null());
    EXPECT_FALSE(json.at("history").at(0).contains("terms"));
    EXPECT_EQ(json.at("provenance").at("library"), model::library_version);
    EXPECT_TRUE(nlohmann::json::parse(model::describe(*make("{}", 32))).at("probe").is_null());
}

TEST(Version, IsTheProjects)
{
    const auto lists = base::read_text(std::string(PTK_SOURCE_DIR) + "/CMakeLists.txt");
    EXPECT_NE(lists.find(std::string("project(PtychoKit VERSION ") + model::library_version + " "), std::string::npos);
}

} // namespace
