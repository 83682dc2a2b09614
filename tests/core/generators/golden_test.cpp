// The generators of PtychoPINN against numbers of the reference: whole networks and the blocks that they are made of.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/kernels/using_backend.h"
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/ffno_stack.h"
#include "generators/blocks/lifter.h"
#include "generators/blocks/ptycho_block.h"
#include "generators/channel_generator.h"

#include <set>

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::make;
using ptk::generators::testing::state_of;

/// Every tensor of the file must have a place and every place a tensor, second names of shared tensors included, as
/// with strict=True.
void load_strictly(Module& module, const golden::Case& golden, const std::string& prefix)
{
    const c10::NoGradGuard no_gradient;
    auto state = state_of(module);
    for (const auto& [name, tensor] : module.named_aliases())
        ASSERT_TRUE(state.emplace(name, tensor).second) << golden.file << ": two tensors are called " << name;
    std::set<std::string> found;
    for (const auto& [key, value] : golden.arrays) {
        if (key.rfind(prefix, 0) != 0)
            continue;
        const auto name = key.substr(prefix.size());
        const auto place = state.find(name);
        ASSERT_NE(place, state.end()) << golden.file << ": unexpected " << name;
        ASSERT_EQ(place->second->sizes(), value.sizes()) << golden.file << ": " << name;
        ASSERT_EQ(place->second->scalar_type(), value.scalar_type()) << golden.file << ": " << name;
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

/// The two images of a case: named, or side by side in the last axis of (B, H, W, C, 2).
ChannelGenerator::Branches expected(const golden::Case& golden, const std::string& prefix)
{
    if (golden.has(prefix + "amp"))
        return {golden.at(prefix + "amp"), golden.at(prefix + "phase")};
    if (golden.has(prefix + "real"))
        return {golden.at(prefix + "real"), golden.at(prefix + "imag")};
    const auto both = golden.at(prefix + "y").permute({4, 0, 3, 1, 2});
    return {both[0], both[1]};
}

void compare(const ChannelGenerator::Branches& actual, const golden::Case& golden, const std::string& prefix)
{
    const auto [first, second] = expected(golden, prefix);
    golden::expect_close(actual.first, first, golden.tolerance, golden.file + " first");
    golden::expect_close(actual.second, second, golden.tolerance, golden.file + " second");
}

void check(const golden::Case& golden)
{
    const auto made = generator_of(golden);
    auto* generator = dynamic_cast<ChannelGenerator*>(made.get());
    ASSERT_NE(generator, nullptr) << golden.file << ": no comparison for generator " << golden.generator;
    load_strictly(*generator, golden, "param/");
    if (::testing::Test::HasFatalFailure())
        return;
    const c10::NoGradGuard no_gradient;
    for (const auto backend : {kernels::Backend::Aten, kernels::Backend::Own}) {
        SCOPED_TRACE(backend == kernels::Backend::Own ? "our kernels" : "LibTorch's kernels");
        const kernels::testing::UsingBackend those(backend);
        compare(generator->branches(golden.at("in/x")), golden, "out/");
    }
    if (!golden.has("out/train_amp"))
        return;
    generator->set_training(true);
    compare(generator->branches(golden.at("in/x")), golden, "out/train_");
    for (const auto& [name, tensor] : generator->named_buffers())
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
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            unknown.insert(name);
            continue;
        }
        ++cases;
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
    EXPECT_EQ(run, cases) << "files of some cases are missing";
}

/// A case of the whole module: input scale, network, output mode.
struct Prediction {
    const char* file;
    const char* generator;
    Problem problem;
    const char* options;
};

class PredictedPatches : public ::testing::TestWithParam<Prediction> {};

TEST_P(PredictedPatches, AreTheReferences)
{
    const auto& [file, name, problem, options] = GetParam();
    const auto golden = golden::load(file);
    const auto generator = make(name, problem, options);
    load_strictly(*generator, golden, "param/model.autoencoder.");
    const c10::NoGradGuard no_gradient;
    // The scale is one number of the model here, and one for each pattern there.
    const Input input{.amplitude = golden.at("in/x") * golden.at("in/input_scale") / 4, .scale = 4, .probe = {}};
    golden::expect_close(generator->forward(input), golden.at("out/object"), golden.tolerance, "object");
}

constexpr const char* narrow = R"({"fno_width": 6, "fno_modes": 5, "fno_blocks": 1, "fno_cnn_blocks": 1,)";
const std::string real_imag = std::string(narrow) + R"("generator_output_mode": "real_imag"})";
const std::string amp_phase = std::string(narrow) + R"("generator_output_mode": "amp_phase"})";
const std::string logits = std::string(narrow) + R"("generator_output_mode": "amp_phase_logits"})";

INSTANTIATE_TEST_SUITE_P(
    GoldenGenerators, PredictedPatches,
    ::testing::Values(Prediction{"model_predict_cnn_amp_phase_c1.npz",
                                 "cnn",
                                 {64, 1},
                                 R"({"n_filters_scale": 1, "object_big": false})"},
                      Prediction{"model_predict_fno_real_imag_c4.npz", "fno", {32, 4}, real_imag.c_str()},
                      Prediction{"model_predict_fno_amp_phase_c4.npz", "fno", {32, 4}, amp_phase.c_str()},
                      Prediction{"model_predict_fno_amp_phase_logits_c1.npz", "fno", {32, 1}, logits.c_str()},
                      Prediction{"model_predict_ffno_amp_phase_logits_c4.npz", "ffno", {32, 4}, logits.c_str()}),
    [](const auto& test) {
        const std::string file = test.param.file;
        return file.substr(14, file.size() - 18);
    });

/// A block of a file: output, gradient of the input, gradients of all parameters that have an effect.
template <class Block>
void check_block(const golden::Case& golden, const std::string& name, Block& block, const at::Tensor& input)
{
    load_strictly(block, golden, name + "/param/");
    auto x = input.clone().requires_grad_(true);
    const auto y = block(x);
    golden::expect_close(y, golden.at(name + "/y"), golden.tolerance, name);
    y.backward(golden.at(golden.has(name + "/grad_out") ? name + "/grad_out" : "in/grad_out"));
    golden::expect_close(x.grad(), golden.at(name + "/grad_x"), golden.tolerance, name + " gradient of x");
    for (const auto& [parameter, tensor] : block.named_parameters()) {
        const auto key = name + "/grad/" + parameter;
        EXPECT_EQ(tensor->grad().defined(), golden.has(key)) << key;
        if (golden.has(key))
            golden::expect_close(tensor->grad(), golden.at(key), golden.tolerance, key);
    }
}

TEST(GoldenGenerators, BlocksAndTheirGradients)
{
    const auto golden = golden::load("prim_cnn.npz");
    const auto random = base::torch_generator(1, "test");
    const auto x = golden.at("in/x"), small = golden.at("in/x_small");
    Cbam cbam(32, random);
    check_block(golden, "cbam", cbam, x);
    EcaLayer eca(random);
    check_block(golden, "eca", eca, x);
    SpatialAttention spatial(5, random);
    check_block(golden, "spatial_k5", spatial, x);
    ConvPoolBlock pool(4, 16, false, EncoderAttention::Cbam, random);
    check_block(golden, "conv_pool_cbam", pool, small);
    ConvUpBlock up(4, 6, false, random);
    check_block(golden, "conv_up", up, small);
    RefinementBlock refine(4, 2, random);
    check_block(golden, "refine", refine, small);
}

TEST(GoldenGenerators, SpectralBlocksAndTheirGradients)
{
    const auto golden = golden::load("prim_spectral.npz");
    const auto random = base::torch_generator(1, "test");
    const auto x = golden.at("in/x");
    SpectralConv2d spectral(6, 4, 5, random);
    check_block(golden, "spectral_m5", spectral, x);
    PtychoBlock block(6, 5, random);
    check_block(golden, "ptycho_block", block, x);
    StablePtychoBlock stable(6, 5, random);
    check_block(golden, "stable_ptycho_block", stable, x);
    SpatialLifter lifter(6, 4, InputTransform::None, random);
    check_block(golden, "lifter", lifter, x);
    FactorizedSpectralConv2d factorized(6, 5, random);
    check_block(golden, "factorized_spectral", factorized, x);
}

TEST(GoldenGenerators, SpectralConvolutionWithMoreModesThanFrequencies)
{
    // The file does not hold this input; the layer is linear, so the gradient of the input does not depend on it.
    const auto golden = golden::load("prim_spectral.npz");
    SpectralConv2d capped(6, 3, 12, base::torch_generator(1, "test"));
    load_strictly(capped, golden, "spectral_capped/param/");
    auto x = at::zeros({1, 6, 11, 10}).requires_grad_(true);
    capped(x).backward(golden.at("spectral_capped/grad_out"));
    golden::expect_close(x.grad(), golden.at("spectral_capped/grad_x"), golden.tolerance, "gradient of the input");
}

TEST(GoldenGenerators, FactorizedStacksAndTheirGradients)
{
    const auto golden = golden::load("prim_spectral.npz");
    const auto random = base::torch_generator(1, "test");
    const auto x = golden.at("in/x");
    FfnoStack::Options options{.channels = 6, .blocks = 2, .modes = 5};
    FfnoStack shared(options, random);
    check_block(golden, "ffno_shared", shared, x);
    options.norm = FfnoStack::Norm::Layer;
    options.mlp_ratio = 1.5;
    options.local_kernel = 3;
    FfnoStack local(options, random);
    check_block(golden, "ffno_layernorm_local", local, x);
    options = {.channels = 6, .blocks = 2, .modes = 5, .share_weights = false, .gate = 0.25};
    options.norm = FfnoStack::Norm::None;
    options.own_gates = FfnoStack::OwnGates::Constant;
    FfnoStack unshared(options, random);
    check_block(golden, "ffno_unshared_identity", unshared, x);
}

} // namespace
