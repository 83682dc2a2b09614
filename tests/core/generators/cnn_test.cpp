// PtychoPINN's cnn against numbers of the reference, and what it says when it cannot be made.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "generators/cnn.h"

#include <set>

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::make;
using ptk::generators::testing::random_tensor;
using ptk::generators::testing::state_of;

/// Every tensor of the file must have a place and every place a tensor, as with strict=True.
void load_strictly(Module& module, const golden::Case& golden, const std::string& prefix)
{
    const c10::NoGradGuard no_gradient;
    const auto state = state_of(module);
    std::set<std::string> found;
    for (const auto& [key, value] : golden.arrays) {
        if (key.rfind(prefix, 0) != 0)
            continue;
        const auto name = key.substr(prefix.size());
        const auto place = state.find(name);
        ASSERT_NE(place, state.end()) << golden.file << ": unexpected " << name;
        ASSERT_EQ(place->second->sizes(), value.sizes()) << golden.file << ": " << name;
        place->second->copy_(value);
        found.insert(name);
    }
    for (const auto& [name, tensor] : state)
        ASSERT_TRUE(found.contains(name)) << golden.file << ": missing " << name;
}

/// The case's options by the reference's names, as options of ours. Those that describe the data become the problem.
std::unique_ptr<Generator> generator_of(const golden::Case& golden)
{
    Problem problem;
    auto options = nlohmann::json::object();
    for (const auto& [name, value] : golden.options.items()) {
        if (name == "N")
            problem.side = value;
        else if (name == "C")
            problem.group_size = value;
        else if (name != "grid_size" && name != "C_forward")
            options[name] = value;
    }
    return make(golden.generator, problem, options.dump());
}

void compare(const Cnn::Branches& actual, const golden::Case& golden, const std::string& prefix)
{
    const bool polar = golden.has(prefix + "amp");
    golden::expect_close(actual.first, golden.at(prefix + (polar ? "amp" : "real")), golden.tolerance,
                         golden.file + " first");
    golden::expect_close(actual.second, golden.at(prefix + (polar ? "phase" : "imag")), golden.tolerance,
                         golden.file + " second");
}

void check(const golden::Case& golden)
{
    const auto generator = generator_of(golden);
    auto* cnn = dynamic_cast<Cnn*>(generator.get());
    ASSERT_NE(cnn, nullptr) << golden.file << ": no comparison for generator " << golden.generator;
    load_strictly(*cnn, golden, "param/");
    if (::testing::Test::HasFatalFailure())
        return;
    const c10::NoGradGuard no_gradient;
    compare(cnn->branches(golden.at("in/x")), golden, "out/");
    if (!golden.has("out/train_amp"))
        return;
    cnn->set_training(true);
    compare(cnn->branches(golden.at("in/x")), golden, "out/train_");
    for (const auto& [name, tensor] : cnn->named_buffers())
        golden::expect_close(*tensor, golden.at("after/" + name), golden.tolerance, golden.file + " after " + name);
}

TEST(GoldenGenerators, EveryCaseOfAKnownGeneratorMatches)
{
    const auto registry = builtin_generators();
    const auto known = registry.names();
    std::set<std::string> unknown;
    int cases = 0;
    int run = 0;
    for (const auto& row : golden::table()) {
        const auto name =
            row.contains("generator") && row["generator"].is_string() ? row["generator"].get<std::string>() : "";
        if (name.empty())
            continue;
        cases += name == "cnn";
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            unknown.insert(name);
            continue;
        }
        if (!golden::exists(row.at("file")))
            continue;
        SCOPED_TRACE(row.at("file").get<std::string>());
        check(golden::load(row.at("file")));
        ++run;
    }
    for (const auto& name : unknown)
        std::cout << "[  NOT IN  ] this build has no generator '" << name << "'; its golden cases were not run\n";
    std::cout << "[   RAN    ] " << run << " golden generator cases\n";
    if (cases == 0)
        GTEST_SKIP() << "no generator cases in the golden folder";
    EXPECT_GE(run, 1);
    EXPECT_EQ(run, cases) << "files of some cnn cases are missing";
}

TEST(GoldenGenerators, ComplexPatchesFromScaledAmplitudes)
{
    const auto golden = golden::load("model_predict_cnn_amp_phase_c1.npz");
    const auto cnn = make("cnn", {64, 1}, R"({"n_filters_scale": 1, "object_big": false})");
    load_strictly(*cnn, golden, "param/model.autoencoder.");
    const c10::NoGradGuard no_gradient;
    // The scale is one number of the model here, and one for each pattern there.
    const Input input{.amplitude = golden.at("in/x") * golden.at("in/input_scale") / 4, .scale = 4, .probe = {}};
    golden::expect_close(cnn->forward(input), golden.at("out/object"), golden.tolerance, "object");
}

/// A block of prim_cnn.npz: output, gradient of the input, gradients of all parameters.
template <class Block>
void check_block(const golden::Case& golden, const std::string& name, Block& block, const std::string& input)
{
    load_strictly(block, golden, name + "/param/");
    auto x = golden.at(input).clone().requires_grad_(true);
    const auto y = block(x);
    golden::expect_close(y, golden.at(name + "/y"), golden.tolerance, name);
    y.backward(golden.at(golden.has(name + "/grad_out") ? name + "/grad_out" : "in/grad_out"));
    golden::expect_close(x.grad(), golden.at(name + "/grad_x"), golden.tolerance, name + " gradient of x");
    for (const auto& [parameter, tensor] : block.named_parameters())
        golden::expect_close(tensor->grad(), golden.at(name + "/grad/" + parameter), golden.tolerance,
                             name + " gradient of " + parameter);
}

TEST(GoldenGenerators, BlocksAndTheirGradients)
{
    const auto golden = golden::load("prim_cnn.npz");
    const auto random = base::torch_generator(1, "test");
    Cbam cbam(32, random);
    check_block(golden, "cbam", cbam, "in/x");
    EcaLayer eca(random);
    check_block(golden, "eca", eca, "in/x");
    SpatialAttention spatial(5, random);
    check_block(golden, "spatial_k5", spatial, "in/x");
    ConvPoolBlock pool(4, 16, false, EncoderAttention::Cbam, random);
    check_block(golden, "conv_pool_cbam", pool, "in/x_small");
    ConvUpBlock up(4, 6, false, random);
    check_block(golden, "conv_up", up, "in/x_small");
    RefinementBlock refine(4, 2, random);
    check_block(golden, "refine", refine, "in/x_small");
}

Status status_of(Problem problem, const std::string& options)
{
    try {
        make("cnn", problem, options);
    } catch (const Error& error) {
        return error.status();
    }
    return Status::Ok;
}

TEST(Cnn, TakesOnlyTheSidesItHasLayersFor)
{
    for (const std::int64_t side : {0, 32, 63, 96, 512}) {
        try {
            make("cnn", {side, 1});
            ADD_FAILURE() << side;
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Shape);
            EXPECT_NE(error.message().find("64 x 64, 128 x 128 or 256 x 256, found " + std::to_string(side)),
                      std::string::npos)
                << error.message();
        }
    }
}

TEST(Cnn, ChannelsComeFromTheGroupOrTheOption)
{
    const char* narrow = R"({"generator.n_filters_scale": 1})";
    EXPECT_EQ(make("cnn", {64, 0}, narrow)->channels(), 4);
    EXPECT_EQ(make("cnn", {64, 9}, narrow)->channels(), 9);
    EXPECT_EQ(make("cnn", {64, 0}, R"({"n_filters_scale": 1, "C_model": 2})")->channels(), 2);
    const auto single = make("cnn", {64, 16}, R"({"n_filters_scale": 1, "object_big": false, "C_model": 4})");
    EXPECT_EQ(single->channels(), 1);
    EXPECT_FALSE(single->grouped());
    EXPECT_EQ(status_of({64, 9}, R"({"n_filters_scale": 1, "C_model": 4})"), Status::Shape);
}

TEST(Cnn, RefusesOptionsThatCannotWork)
{
    EXPECT_EQ(status_of({64, 1}, R"({"decoder_spatial_kernel": 4})"), Status::InvalidConfig);
    EXPECT_EQ(status_of({64, 4}, R"({"use_legacy_decoder_channel_override": true, "decoder_last_amp_channels": 1})"),
              Status::InvalidConfig);
    EXPECT_EQ(status_of({64, 40}, R"({"n_filters_scale": 1})"), Status::InvalidConfig); // 40 outputs of 32 channels
    EXPECT_EQ(status_of({64, 1}, R"({"n_filters_scale": 0})"), Status::InvalidConfig);
}

TEST(Cnn, OneChannelSeesEveryFrameAlone)
{
    const auto cnn = make("cnn", {64, 16}, R"({"n_filters_scale": 1, "object_big": false})");
    const c10::NoGradGuard no_gradient;
    const auto frames = random_tensor({2, 3, 64, 64});
    const auto together = cnn->forward({frames, 1.5, {}});
    ASSERT_EQ(together.sizes(), frames.sizes());
    ASSERT_EQ(together.scalar_type(), at::kComplexFloat);
    const auto alone = cnn->forward({frames.slice(0, 1, 2).slice(1, 2, 3), 1.5, {}});
    golden::expect_close(together[1][2], alone[0][0], 1e-5, "frame 2 of group 1");
}

TEST(Cnn, SaysWhichShapeItExpects)
{
    const auto cnn = make("cnn", {64, 4}, R"({"n_filters_scale": 1})");
    try {
        cnn->forward({at::zeros({2, 3, 64, 64}), 1, {}});
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Shape);
        EXPECT_EQ(error.message(), "cnn: expected amplitudes (B, 4, 64, 64), found (2, 3, 64, 64)");
    }
}

TEST(Cnn, EveryUsedParameterGetsAGradient)
{
    const auto cnn = make("cnn", {64, 4}, R"({"n_filters_scale": 1, "batch_norm": true})");
    cnn->set_training(true);
    at::view_as_real(cnn->forward({random_tensor({2, 4, 64, 64}), 1, {}})).square().sum().backward();
    for (const auto& [name, tensor] : cnn->named_parameters()) {
        ASSERT_TRUE(tensor->grad().defined()) << name;
        EXPECT_TRUE(at::isfinite(tensor->grad()).all().item<bool>()) << name;
    }
}

} // namespace
