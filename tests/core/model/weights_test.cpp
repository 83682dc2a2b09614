// Weights from Python and back: every format, names and shapes, and files that lie or want something called.
#include "base/atomic_file.h"
#include "core/generators/testing.h"
#include "core/golden.h"
#include "data/npz.h"
#include "model/bundle.h"
#include "model/fit_options.h"
#include "model/pickle.h"
#include "model/safetensors.h"
#include "model/transfer.h"
#include "model/weights.h"
#include "paths.h"
#include "reconstruction/predict.h"

#include <c10/core/GradMode.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

namespace ptk::model {
namespace {

using config::Config;
using generators::builtin_generators;

const std::string folder = std::string(PTK_SOURCE_DIR) + "/tests/data/weights/";

/// In a folder that goes away with this process: others may run the next tests.
std::string temporary(const std::string& name)
{
    static const struct Folder {
        Folder() { std::filesystem::create_directories(path); }
        ~Folder() { std::filesystem::remove_all(path); }
        std::filesystem::path path = ::testing::TempDir() + "ptk_weights_" + std::to_string(::getpid());
    } scratch;
    return (scratch.path / name).string();
}

std::unique_ptr<Model> imported(const std::string& path, const std::string& options = "{}", std::int64_t side = 0)
{
    Log log;
    return import_model(builtin_generators(), path, Config::from_json(options), side, c10::kCPU, log);
}

Error error_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "expected an Error";
    return Error(Status::Ok, "");
}

void expect_words(const Error& error, Status status, const std::vector<std::string>& words)
{
    EXPECT_EQ(error.status(), status) << error.message();
    for (const auto& word : words)
        EXPECT_NE(error.message().find(word), std::string::npos) << "'" << word << "' is not in: " << error.message();
}

/// Bits of two models' tensors.
void expect_equal_weights(Model& a, Model& b)
{
    auto left = generators::testing::state_of(*a.generator), right = generators::testing::state_of(*b.generator);
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, tensor] : left)
        EXPECT_TRUE(at::equal(*tensor, *right.at(name))) << name;
}

// ---- formats ----

struct File {
    const char* name;
    const char* format;
    bool told;            ///< N and the output mode stand in the file
    double tolerance = 1; ///< of the golden case's
};

void PrintTo(const File& file, std::ostream* out)
{
    *out << file.name;
}

class WeightFormats : public ::testing::TestWithParam<File> {};

/// The golden weights in this format give the golden output, the network's options found by names and shapes.
TEST_P(WeightFormats, ReproduceTheReference)
{
    const auto& [name, format, told, factor] = GetParam();
    const auto golden = golden::load("model_predict_fno_real_imag_c4.npz");
    const auto model = imported(folder + name, "{}", told ? 0 : 32);
    EXPECT_EQ(model->generator_name, "fno");
    EXPECT_EQ(model->problem.side, 32);
    EXPECT_EQ(model->settings.integer("generator.width"), 6);
    EXPECT_EQ(model->settings.integer("generator.modes"), 5);
    EXPECT_EQ(model->generator->channels(), 4);
    EXPECT_NE(model->provenance.find(format), std::string::npos) << model->provenance;
    EXPECT_EQ(model->provenance.find("generator.output_mode = ") == std::string::npos, false);
    const c10::NoGradGuard no_gradient;
    const generators::Input input{.amplitude = golden.at("in/x") * golden.at("in/input_scale") / 4, .scale = 4};
    golden::expect_close(model->generator->forward(input), golden.at("out/object"), golden.tolerance * factor, name);
}

INSTANTIATE_TEST_SUITE_P(Weights, WeightFormats,
                         ::testing::Values(File{"fno.pth", "PyTorch state dict", false},
                                           File{"fno_legacy.pth", "PyTorch state dict", false},
                                           File{"fno_parameters.pt", "PyTorch state dict", false},
                                           File{"fno_double.pth", "PyTorch state dict", false},
                                           File{"fno_views.pth", "PyTorch state dict", false},
                                           // bfloat16 has 8 bits: a relative 2^-9 of every weight.
                                           File{"fno_bfloat16.pth", "PyTorch state dict", false, 1000},
                                           File{"fno.npz", "NPZ", false}, File{"fno.safetensors", "safetensors", false},
                                           File{"lightning.ckpt", "Lightning checkpoint", true},
                                           File{"wts.h5.zip", "PtychoPINN archive", true}),
                         [](const auto& test) {
                             std::string name = test.param.name;
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

TEST(Weights, FormatsHoldTheSameBits)
{
    const auto first = imported(folder + "fno.pth", "{}", 32);
    for (const char* name : {"fno_legacy.pth", "fno_parameters.pt", "fno_double.pth", "fno_views.pth", "fno.npz",
                             "fno.safetensors", "lightning.ckpt", "wts.h5.zip"}) {
        SCOPED_TRACE(name);
        expect_equal_weights(*first, *imported(folder + name, "{}", 32));
    }
}

TEST(Weights, ScaleIsThatOfTheFramesUntilTrained)
{
    const auto model = imported(folder + "fno.pth", "{}", 32);
    EXPECT_EQ(model->input_scale, 0);
    EXPECT_FALSE(model->probe.defined());
    // 32 x 32 pixels of square 4: a mean square of one wants a half; PtychoPINN's archives are used to half of that.
    EXPECT_DOUBLE_EQ(scale_by_frames(*model, 4 * 32 * 32), 0.5);
    const auto archive = imported(folder + "wts.h5.zip");
    EXPECT_DOUBLE_EQ(scale_by_frames(*archive, 4 * 32 * 32), 0.25);
    const auto amplitude = at::rand({1, 4, 32, 32}, base::torch_generator(3, "test"), at::kFloat);
    golden::expect_close(reconstruction::predict_patches(*model, amplitude, {}),
                         reconstruction::predict_patches(*model, amplitude * 7, {}), 1e-5, "factor on all frames");
    save_bundle(*archive, temporary("scale.ptk"));
    const auto again = load_bundle(builtin_generators(), temporary("scale.ptk"), c10::kCPU).model;
    EXPECT_EQ(again->input_scale, 0);
    EXPECT_EQ(again->input_rms, 0.5);
    EXPECT_NE(again->provenance.find("wts.h5.zip"), std::string::npos);
}

TEST(Weights, SecondNamesOfSharedTensors)
{
    const auto model = imported(folder + "ffno.pth", "{}", 32);
    EXPECT_EQ(model->generator_name, "ffno");
    auto tensors = read_weights(folder + "ffno.pth").tensors;
    for (const auto* name : {"ffno_stack.blocks.0.norm.weight", "blocks.0.norm.weight"}) {
        auto part = tensors;
        part.erase(name);
        write_weights(temporary("one_name.safetensors"), part, {});
        expect_equal_weights(*model, *imported(temporary("one_name.safetensors"), "{}", 32));
    }
    tensors["blocks.0.norm.weight"] = tensors["blocks.0.norm.weight"] + 1;
    write_weights(temporary("two_values.safetensors"), tensors, {});
    expect_words(error_of([] { imported(temporary("two_values.safetensors"), "{}", 32); }), Status::Format,
                 {"two_values.safetensors", "blocks.0.norm.weight", "different values"});
}

/// What Python's load_state_dict(strict=True) wants: every name of the reference's state dict and no other.
TEST(Weights, ExportHasTheNamesOfTheReference)
{
    for (const std::string name : {"ffno.pth", "fno.pth"}) {
        const auto model = imported(folder + name, "{}", 32);
        const auto original = read_weights(folder + name).tensors;
        for (const char* suffix : {".npz", ".safetensors"}) {
            export_weights(*model, temporary(name + suffix));
            const auto written = read_weights(temporary(name + suffix)).tensors;
            ASSERT_EQ(written.size(), original.size());
            for (const auto& [key, tensor] : original)
                EXPECT_TRUE(at::equal(written.at(key), tensor)) << key;
        }
    }
}

// ---- what does not fit ----

TEST(Weights, NamesOfWhatDoesNotFit)
{
    auto tensors = read_weights(folder + "fno.pth").tensors;
    tensors.erase("intermediate.weight");
    tensors["something.else"] = at::ones({3});
    tensors["output_proj.bias"] = at::ones({9});
    write_weights(temporary("odd.npz"), tensors, {});
    expect_words(error_of([] { imported(temporary("odd.npz"), R"({"generator.name": "fno"})", 32); }), Status::Format,
                 {"odd.npz", "'fno'", "1 missing ('intermediate.weight')", "1 unexpected ('something.else')",
                  "'output_proj.bias' is (9,) Float, expected (8,) Float"});
    const auto many = error_of([] { imported(folder + "fno.pth", R"({"generator.name": "cnn"})", 64); });
    expect_words(many, Status::Format, {"'cnn'", "missing", "more"});
    EXPECT_LT(many.message().size(), 2000u);
    write_weights(temporary("strange.npz"), {{"nothing.known", at::ones({2})}}, {});
    expect_words(error_of([] { imported(temporary("strange.npz")); }), Status::Format, {"nothing.known", "generators"});
    tensors = read_weights(folder + "fno.pth").tensors;
    tensors["intermediate.bias"] = at::full({6}, std::nan(""));
    write_weights(temporary("nan.npz"), tensors, {});
    expect_words(error_of([] { imported(temporary("nan.npz"), "{}", 32); }), Status::Format,
                 {"intermediate.bias", "not finite"});
}

TEST(Weights, WhatTheUserGivesStays)
{
    const auto model =
        imported(folder + "fno.pth", R"({"generator_output_mode": "amp_phase_logits", "training.epochs": 3})", 64);
    EXPECT_EQ(model->settings.text("generator.output_mode"), "amp_phase_logits");
    EXPECT_EQ(model->settings.integer("training.epochs"), 3);
    EXPECT_EQ(model->problem.side, 64);
    expect_words(error_of([] { imported(folder + "fno.pth"); }), Status::InvalidArgument, {"N", "--side"});
    expect_words(error_of([] { imported(folder + "fno.pth", R"({"generator.name": "fmo"})", 32); }), Status::NotFound,
                 {"did you mean"});
    expect_words(
        error_of([] { imported(folder + "fno.pth", R"({"generator.name": "fno", "generator.widht": 2})", 32); }),
        Status::InvalidConfig, {"generator.width"});
    expect_words(
        error_of([] { imported(folder + "fno.pth", R"({"generator.name": "fno", "generator.width": 8})", 32); }),
        Status::Format, {"of another shape", "(6, 4, 3, 3) Float, expected (8, 4, 3, 3) Float"});
}

TEST(Weights, WhatIsNoFileOfWeights)
{
    base::write_text(temporary("text.pth"), "not weights at all");
    base::write_text(temporary("empty.pth"), "");
    for (const auto& [path, status] : std::map<std::string, Status>{{temporary("missing.pth"), Status::Io},
                                                                    {::testing::TempDir(), Status::Io},
                                                                    {temporary("text.pth"), Status::Format},
                                                                    {temporary("empty.pth"), Status::Format}})
        expect_words(error_of([&path = path] { imported(path); }), status, {path});
    const auto model = imported(folder + "fno.pth", "{}", 32);
    expect_words(error_of([&] { export_weights(*model, temporary("weights.pth")); }), Status::InvalidArgument,
                 {".safetensors or .npz"});
}

// ---- options by names and shapes ----

/// Every generator, with options that are not the defaults: what is exported is found again, bit for bit.
class FoundOptions : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(FoundOptions, ExportAndImportAreInverse)
{
    const auto& [name, options] = GetParam();
    auto config = Config::from_json(options);
    config.set("generator.name", name);
    const auto model = make_model(builtin_generators(), config, 64, c10::kCPU);
    for (const char* suffix : {".npz", ".safetensors"}) {
        SCOPED_TRACE(suffix);
        const auto path = temporary(std::string("found_") + name + suffix);
        export_weights(*model, path);
        // Only .safetensors says the side and what shapes cannot tell.
        const bool told = std::string(suffix) == ".safetensors";
        const auto again = imported(path, "{}", told ? 0 : 64);
        expect_equal_weights(*model, *again);
        if (told) {
            EXPECT_EQ(again->generator_name, model->generator_name);
            auto is = again->settings.to_json()["generator"], was = model->settings.to_json()["generator"];
            EXPECT_EQ(is, was);
        }
        std::filesystem::remove(path);
    }
}

using Named = std::pair<const char*, const char*>;
INSTANTIATE_TEST_SUITE_P(
    Weights, FoundOptions,
    ::testing::Values(
        Named{"physics_unet", R"({"generator.width": 5, "generator.levels": 3, "generator.depth": 1})"},
        Named{"cnn", R"({"n_filters_scale": 1, "C_model": 3, "batch_norm": true, "cbam_bottleneck": true})"},
        Named{"cnn", R"({"n_filters_scale": 2, "use_shared_decoder": true, "cbam_encoder": false})"},
        Named{"unet", R"({"generator.width": 6, "generator.levels": 2, "batch_norm": true, "C_model": 2})"},
        Named{"fno", R"({"generator.width": 7, "generator.modes": 5, "fno_blocks": 3, "fno_cnn_blocks": 1})"},
        Named{"fno_vanilla", R"({"generator.width": 7, "generator.modes": 9, "generator.output_mode": "amp_phase"})"},
        Named{"ffno", R"({"generator.width": 10, "generator.modes": 6, "fno_blocks": 2, "fno_cnn_blocks": 3})"},
        Named{"hybrid", R"({"generator.width": 6, "generator.modes": 8, "fno_blocks": 3, "max_hidden_channels": 10})"},
        Named{"stable_hybrid", R"({"generator.width": 6, "generator.modes": 8, "fno_blocks": 3})"},
        Named{"hybrid_resnet", R"({"generator.width": 6, "generator.modes": 7, "resnet_blocks": 2, "resnet_width": 16,
              "skip_connections": true, "hybrid_skip_style": "gated_add", "hybrid_downsample_op": "blurpool_conv"})"},
        Named{"hybrid_resnet", R"({"generator.width": 8, "generator.modes": 7, "resnet_blocks": 3, "C_model": 4,
              "hybrid_encoder_conv_hidden_scale": 2, "encoder_fusion_mode": "branch_gated",
              "hybrid_downsample_steps": 1})"},
        Named{"hybrid_resnet_ffno_ptychoblock_encoder", R"({"generator.width": 6, "generator.modes": 7,
              "ffno_encoder_blocks": 3, "resnet_blocks": 2})"},
        Named{"hybrid_resnet_ffno_bottleneck", R"({"generator.width": 6, "spectral_bottleneck_blocks": 2,
              "spectral_bottleneck_modes": 5})"},
        Named{"hybrid_resnet_convnext_bottleneck", R"({"generator.width": 6, "resnet_blocks": 2})"},
        Named{"spectral_resnet_bottleneck_net", R"({"generator.width": 6, "spectral_bottleneck_blocks": 2,
              "spectral_bottleneck_gate_mode": "per_block"})"},
        Named{"spectral_resnet_bottleneck_linear_decoder",
              R"({"generator.width": 6, "spectral_bottleneck_blocks": 3})"},
        Named{"vit", R"({"generator.width": 24, "depth": 2, "heads": 3, "patch_size": 8})"},
        Named{"neuralop_uno", R"({"generator.width": 8, "generator.modes": 6})"}));

TEST(Weights, EveryGeneratorComesBack)
{
    // Two have the names and shapes of another; a program brings its own.
    std::set<std::string> tested{"hybrid_resnet_ptychoblock_ffno_encoder", "light", "torchscript"};
    for (const auto& [name, options] :
         {Named{"physics_unet", ""}, Named{"cnn", ""}, Named{"unet", ""}, Named{"fno", ""}, Named{"fno_vanilla", ""},
          Named{"ffno", ""}, Named{"hybrid", ""}, Named{"stable_hybrid", ""}, Named{"hybrid_resnet", ""},
          Named{"hybrid_resnet_ffno_ptychoblock_encoder", ""}, Named{"hybrid_resnet_ffno_bottleneck", ""},
          Named{"hybrid_resnet_convnext_bottleneck", ""}, Named{"spectral_resnet_bottleneck_net", ""},
          Named{"spectral_resnet_bottleneck_linear_decoder", ""}, Named{"vit", ""}, Named{"neuralop_uno", ""}})
        tested.insert(name);
    for (const auto& name : builtin_generators().names())
        EXPECT_TRUE(tested.contains(name)) << "add '" << name << "' to the cases of FoundOptions";
}

TEST(Weights, TheSideOfACnnIsTold)
{
    const auto model = make_model(builtin_generators(), Config::from_json(R"({"architecture": "cnn",
        "n_filters_scale": 1, "C_model": 1})"),
                                  128, c10::kCPU);
    export_weights(*model, temporary("side.npz"));
    EXPECT_EQ(imported(temporary("side.npz"))->problem.side, 128);
}

// ---- nothing is executed ----

TEST(WeightsSafety, CallsAreRefusedByName)
{
    for (const char* name : {"refused_call.pth", "refused_call_legacy.pth", "refused_in_state.ckpt"})
        expect_words(error_of([&] { imported(folder + name, "{}", 32); }), Status::Format, {name, "posix.system"});
    expect_words(error_of([] { imported(folder + "refused_module.pt"); }), Status::Format,
                 {"torch.nn.modules.linear.Linear", "state_dict()"});
    expect_words(error_of([] { imported(folder + "refused_list.pth"); }), Status::Format, {"a list"});
    EXPECT_FALSE(std::filesystem::exists("ptychokit-was-attacked"));
}

/// A pickle of a list of one item, between the frame that all have.
std::string pickle(const std::string& body)
{
    return std::string("\x80\x02", 2) + body + ".";
}

TEST(WeightsSafety, PicklesThatLie)
{
    using namespace std::string_literals;
    const std::map<std::string, std::string> lies{
        {"nothing", ""},
        {"no end", "\x80\x02N"s},
        {"empty stack", pickle("")},
        {"left over", pickle("NN")},
        {"no mark", pickle("t")},
        {"pop below mark", pickle("N(a")},
        {"append to a number", pickle("K\x01N"s + "a")},
        {"odd dict", pickle("}(Nu")},
        {"no memo", pickle("h\x05"s)},
        {"text longer than file", pickle("X\xff\xff\xff\x7f"s + "abc")},
        {"text of 2^63 bytes", pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"s)},
        {"long of 2 GB", pickle("\x8b\xff\xff\xff\x7f"s)},
        {"call a number", pickle("K\x01)R"s)},
        {"global without a name", pickle("K\x01K\x02\x93"s)},
        {"state of a number", pickle("K\x01Nb"s)},
        {"persistent number", pickle("K\x01Q"s)},
        {"text instruction", pickle("I1\n")},
        {"extension", pickle("\x82\x01"s)},
        {"protocol 9", "\x80\x09N."s},
        {"very long name", pickle("c" + std::string(2000, 'a') + "\nb\n")},
    };
    for (const auto& [what, bytes] : lies)
        expect_words(error_of([&bytes = bytes] { read_pickle(bytes, "lie.pkl"); }), Status::Format, {"lie.pkl"});
}

/// A few bytes that ask for copies of a long tuple again and again must not take memory for them.
TEST(WeightsSafety, CopiesAreCounted)
{
    std::string bytes = "(";
    for (int i = 0; i < 1000; ++i)
        bytes += "N";
    bytes += "tq";
    bytes += '\x01';
    bytes += "0(";
    for (int i = 0; i < 10000; ++i)
        bytes += std::string("ctorch\nSize\nh\x01\x85R");
    expect_words(error_of([&] { read_pickle(pickle(bytes + "l"), "copies.pkl"); }), Status::Format,
                 {"again and again"});
}

TEST(WeightsSafety, PlaceholdersAreNeverBuilt)
{
    const auto read = read_pickle(pickle("cposix\nsystem\nX\x04" + std::string(3, '\0') + "true\x85R"), "call.pkl");
    EXPECT_EQ(read.root->kind, PickleValue::Kind::Opaque);
    EXPECT_EQ(read.root->text, "posix.system");
    ASSERT_EQ(read.foreign.size(), 1u);
    const auto cycle = read_pickle(pickle("]q\x01h\x01" + std::string("a")), "cycle.pkl");
    ASSERT_EQ(cycle.root->items.size(), 1u);
    EXPECT_EQ(cycle.root->items[0], cycle.root);
}

std::string contents(const std::string& path)
{
    return base::read_text(path);
}

/// Cut or damaged files are an Error that names the file, or the damage was without effect; never anything else.
void expect_survives(const std::string& bytes, const std::string& name)
{
    const auto path = temporary(name);
    {
        std::ofstream stream(path, std::ios::binary);
        stream << bytes;
    }
    try {
        imported(path, R"({"generator.name": "fno", "generator.width": 6, "generator.modes": 5, "fno_blocks": 1,
                         "fno_cnn_blocks": 1, "C_model": 4, "generator.output_mode": "real_imag",
                         "input_transform": "none"})",
                 32);
    } catch (const Error& error) {
        const bool named = error.message().find(path) != std::string::npos;
        EXPECT_TRUE(named || error.status() == Status::NotFound) << error.message();
    }
}

class DamagedWeights : public ::testing::TestWithParam<const char*> {};

TEST_P(DamagedWeights, AreErrors)
{
    const std::string name = GetParam();
    const auto bytes = contents(folder + name);
    for (std::size_t i = 1; i < 24; ++i)
        expect_survives(bytes.substr(0, bytes.size() * i / 24), "cut_" + name);
    std::mt19937_64 random(5);
    for (int i = 0; i < 120; ++i) {
        auto damaged = bytes;
        // Half of them in the first bytes and the last, where lengths and directories are.
        const auto range = i % 2 == 0 ? damaged.size() : std::min<std::size_t>(damaged.size(), 1500);
        const auto at = random() % range;
        damaged[i % 4 == 1 ? damaged.size() - 1 - at : at] ^= static_cast<char>(1 << random() % 8);
        expect_survives(damaged, "bit_" + name);
    }
}

INSTANTIATE_TEST_SUITE_P(Weights, DamagedWeights,
                         ::testing::Values("fno.pth", "fno_legacy.pth", "fno.safetensors", "fno.npz", "wts.h5.zip"),
                         [](const auto& test) {
                             std::string name = test.param;
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

std::string safetensors(const std::string& header, const std::string& data)
{
    std::string bytes(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
}

TEST(WeightsSafety, SafetensorsThatLie)
{
    const std::string data(16, '\0');
    const std::map<std::string, std::string> lies{
        {"header beyond the file", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)},
        {"no JSON", safetensors("{\"a\": ", data)},
        {"an array", safetensors("[1]", data)},
        {"nested without end",
         safetensors("{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}", data)},
        {"huge shape",
         safetensors(R"({"a":{"dtype":"F32","shape":[4611686018427387903,4],"data_offsets":[0,16]}})", data)},
        {"negative", safetensors(R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", data)},
        {"offsets beyond", safetensors(R"({"a":{"dtype":"F32","shape":[400],"data_offsets":[0,1600]}})", data)},
        {"offsets backwards", safetensors(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[16,0]}})", data)},
        {"overlap", safetensors(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},
                                    "b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                                data)},
        {"hole", safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", data)},
        {"rest", safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data)},
        {"text for a shape", safetensors(R"({"a":{"dtype":"F32","shape":"4","data_offsets":[0,16]}})", data)},
    };
    for (const auto& [what, bytes] : lies) {
        SCOPED_TRACE(what);
        const auto path = temporary("lie.safetensors");
        base::write_text(path, bytes);
        expect_words(error_of([&] { read_safetensors(path); }), Status::Format, {"lie.safetensors"});
    }
    base::write_text(temporary("type.safetensors"),
                     safetensors(R"({"a":{"dtype":"F8_E5M2","shape":[16],"data_offsets":[0,16]}})", data));
    expect_words(error_of([] { read_safetensors(temporary("type.safetensors")); }), Status::Unsupported, {"F8_E5M2"});
}

/// The small numbers of the pickle, changed one by one: sizes, strides and offsets that leave the storage are errors
/// before memory is taken.
TEST(WeightsSafety, TensorsThatLeaveTheirStorage)
{
    const auto bytes = contents(folder + "fno_legacy.pth");
    const std::string marker = "torch._utils\n_rebuild_tensor_v2";
    const auto first = bytes.find(marker);
    ASSERT_NE(first, std::string::npos);
    int refused = 0;
    for (std::size_t at = first + marker.size(); at < first + 160; ++at)
        if (bytes[at] == 'K') {
            auto damaged = bytes;
            damaged[at + 1] = static_cast<char>(255);
            const auto path = temporary("range.pth");
            std::ofstream(path, std::ios::binary) << damaged;
            try {
                read_weights(path);
            } catch (const Error& error) {
                expect_words(error, Status::Format, {"range.pth"});
                ++refused;
            }
        }
    EXPECT_GE(refused, 5);
}

} // namespace
} // namespace ptk::model
