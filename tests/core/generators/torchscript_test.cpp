// TorchScript programs as generators: what they may return, how a model finds its program again, and what is refused.
#include "base/atomic_file.h"
#include "core/generators/testing.h"
#include "core/golden.h"
#include "data/hdf5_file.h"
#include "model/bundle.h"
#include "paths.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <fstream>

namespace {

using namespace ptk;
using namespace ptk::generators;
using config::Config;
using ptk::generators::testing::random_tensor;

constexpr std::int64_t side = 8;

class Torchscript : public ::testing::Test {
protected:
    void SetUp() override
    {
        std::string name = ::testing::TempDir() + "scriptXXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return (folder_ / name).string(); }

    /// A program with a weight and a buffer.
    std::string program(const std::string& body, const std::string& name = "net.pt", double weight = 0.5) const
    {
        torch::jit::Module module("__torch__.Net");
        module.register_parameter("weight", at::full({1}, weight).set_requires_grad(true), false);
        module.register_buffer("seen", at::zeros({1}));
        module.register_attribute("training", c10::BoolType::get(), true);
        module.define("def forward(self, x):\n" + body);
        module.save(path(name));
        return path(name);
    }

    std::unique_ptr<model::Model> model(const std::string& file, const std::string& more = "{}")
    {
        auto config = Config::from_json(more);
        config.set("generator.name", "torchscript");
        config.set("generator.file", file);
        return model::make_model(registry_, config, side, c10::kCPU);
    }

    std::filesystem::path folder_;
    std::shared_ptr<Programs> programs_ = std::make_shared<Programs>();
    GeneratorRegistry registry_ = builtin_generators(programs_);
};

std::pair<Status, std::string> error_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

void expect_error(const std::function<void()>& work, Status status, const std::vector<std::string>& words)
{
    const auto [found, message] = error_of(work);
    EXPECT_EQ(found, status) << message;
    for (const auto& word : words)
        EXPECT_NE(message.find(word), std::string::npos) << "'" << word << "' is not in: " << message;
}

at::Tensor patches_of(model::Model& model, std::int64_t frames = 1)
{
    return model.generator->forward({.amplitude = random_tensor({2, frames, side, side}), .scale = 3});
}

TEST_F(Torchscript, EveryWayToReturnTwoImages)
{
    const auto x = 3 * random_tensor({2, 1, side, side});
    const auto expected = at::complex(0.5 * x, x.square());
    for (const char* body : {"    return self.weight * x, x * x\n", "    return [self.weight * x, x * x]\n",
                             "    return torch.cat([self.weight * x, x * x], dim=1)\n",
                             "    return torch.complex(self.weight * x, x * x)\n"}) {
        SCOPED_TRACE(body);
        const auto made = model(program(body));
        golden::expect_close(patches_of(*made).detach(), expected, 1e-6, "patches");
    }
    const auto polar =
        model(program("    return self.weight * x, x * x\n"), R"({"generator.output_mode": "amp_phase"})");
    golden::expect_close(patches_of(*polar).detach(), at::polar(0.5 * x, x.square()), 1e-5, "amplitude and phase");
}

TEST_F(Torchscript, FramesOfAGroupAreChannels)
{
    const auto made = model(program("    return self.weight * x, x.sum(1, keepdim=True).expand_as(x)\n"),
                            R"({"generator.C_model": 3})");
    EXPECT_TRUE(made->generator->grouped());
    const auto imaginary = at::imag(patches_of(*made, 3).detach());
    EXPECT_TRUE(at::equal(imaginary.select(1, 0), imaginary.select(1, 2)));
}

TEST_F(Torchscript, ItsTensorsAreTrained)
{
    const auto made = model(program("    if self.training:\n        self.seen += 1\n    return self.weight * x, x\n"));
    auto& generator = *made->generator;
    ASSERT_EQ(generator.named_parameters().size(), 1U);
    EXPECT_EQ(generator.named_parameters()[0].name, "weight");
    ASSERT_EQ(generator.named_buffers().size(), 1U);
    const auto& weight = *generator.named_parameters()[0].tensor;
    const auto& seen = *generator.named_buffers()[0].tensor;
    EXPECT_EQ(seen.item<double>(), 0) << "trying it out is no training";
    generator.set_training(true);
    patches_of(*made).abs().square().sum().backward();
    const auto x = 3 * random_tensor({2, 1, side, side});
    EXPECT_NEAR(weight.grad().item<double>(), (x.square() * 2 * 0.5).sum().item<double>(), 1e-3);
    EXPECT_EQ(seen.item<double>(), 1);
    {
        const c10::NoGradGuard no_gradient;
        weight.fill_(2);
        golden::expect_close(at::real(patches_of(*made)), 2 * x, 1e-6, "after a step");
    }
}

TEST_F(Torchscript, AModelComesBackWithItsProgram)
{
    const auto made = model(program("    return self.weight * x, x\n"));
    const auto& id = made->settings.text("generator.program");
    EXPECT_EQ(id.rfind("net.pt sha1:", 0), 0U) << id;
    {
        const c10::NoGradGuard no_gradient;
        made->generator->named_parameters()[0].tensor->fill_(0.75);
    }
    model::save_bundle(*made, path("model.ptk"));
    const auto header = data::Hdf5File::open(path("model.ptk")).read_string("header", 1 << 20);
    EXPECT_EQ(header.find(folder_.string()), std::string::npos) << "a bundle does not say where the program lies";

    const auto again = model::load_bundle(registry_, path("model.ptk"), c10::kCPU).model;
    EXPECT_EQ(again->generator->parameters()[0].item<double>(), 0.75);
    EXPECT_EQ(again->settings.to_json(), made->settings.to_json());

    // Elsewhere it is found under another name, once that was named.
    const auto elsewhere = std::make_shared<Programs>();
    const auto registry = builtin_generators(elsewhere);
    const auto load = [&] { model::load_bundle(registry, path("model.ptk"), c10::kCPU); };
    expect_error(load, Status::NotFound, {"model.ptk", "'" + id + "' was not named", "--plugin"});
    std::filesystem::create_directory(path("b"));
    program("    return self.weight * x, x * 2\n", "b/net.pt");
    elsewhere->add(path("b/net.pt"));
    expect_error(load, Status::NotFound, {"b/net.pt has other content"});
    std::filesystem::copy_file(path("net.pt"), path("copy.pt"));
    elsewhere->add(path("copy.pt"));
    EXPECT_EQ(error_of(load).second, "no error");

    program("    return x, x\n", "copy.pt");
    expect_error(load, Status::Format, {"model.ptk", "copy.pt: has changed"});
    std::filesystem::remove(path("copy.pt"));
    expect_error(load, Status::Format, {"copy.pt: cannot read"});
}

/// A copy of a bundle whose header was changed, with the right checksum (FNV-1a).
void forge(const std::string& from, const std::string& to, const std::string& before, const std::string& after)
{
    auto old = data::Hdf5File::open(from);
    auto header = old.read_string("header", 1 << 20);
    const auto at = header.find(before);
    ASSERT_NE(at, std::string::npos) << header;
    header.replace(at, before.size(), after);
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const unsigned char byte : header)
        hash = (hash ^ byte) * 0x100000001b3ULL;
    auto file = data::Hdf5File::create(to);
    file.set_attribute("/", "ptychokit_kind", "model bundle");
    file.set_attribute("/", "ptychokit_version", 1);
    file.set_attribute("/", "ptychokit_header_fnv1a", fmt::format("{:016x}", hash));
    file.write_string("header", header);
    for (const char* name : {"parameters/weight", "buffers/seen"})
        file.write(name, old.read(name));
    file.close();
}

TEST_F(Torchscript, ABundleCannotNameAFileToRun)
{
    const auto made = model(program("    return self.weight * x, x\n"));
    model::save_bundle(*made, path("model.ptk"));
    forge(path("model.ptk"), path("same.ptk"), "\"C_model\"", "\"C_model\"");
    model::load_bundle(registry_, path("same.ptk"), c10::kCPU);
    for (const char* evil : {"\"file\": \"net.pt\", \"C_model\"",
                             "\"C_model\": null}, \"generator.file\": \"net.pt\", "
                             "\"unused\": {\"x\"",
                             "\"C_model\": null}, \"plugins\": \"net.pt\", \"unused\": {\"x\""}) {
        forge(path("model.ptk"), path("evil.ptk"), "\"C_model\"", evil);
        expect_error([&] { model::load_bundle(registry_, path("evil.ptk"), c10::kCPU); }, Status::Format,
                     {"names a file to run"});
    }
}

TEST_F(Torchscript, WrongProgramsAreRefusedByName)
{
    const auto refused = [&](const std::string& body, Status status, const std::vector<std::string>& words) {
        SCOPED_TRACE(body);
        expect_error([&] { model(program(body)); }, status, words);
    };
    refused("    return x\n", Status::Shape, {"net.pt", "(1, 1, 8, 8)", "Float (1, 1, 8, 8)", "(1, 2, 8, 8)"});
    refused("    return x[:, :, 1:], x\n", Status::Shape, {"Float (1, 1, 7, 8)"});
    refused("    return x.double(), x\n", Status::Shape, {"Double"});
    refused("    return x, x, x\n", Status::Shape, {"net.pt", "returns a Tuple"});
    refused("    return 3\n", Status::Shape, {"returns a Int"});
    refused("    assert x.dim() == 3, 'no frames today'\n    return x, x\n", Status::Callback,
            {"net.pt", "no frames today"});
    refused("    return torch.matmul(x, torch.zeros([3, 3])), x\n", Status::Callback, {"net.pt", "the program failed"});
    expect_error([&] { model(path("none.pt")); }, Status::Io, {"none.pt"});
    std::ofstream(path("text.pt")) << "hello";
    expect_error([&] { model(path("text.pt")); }, Status::Format, {"text.pt: not a TorchScript program"});
    std::ofstream(path("empty.pt")).flush();
    expect_error([&] { model(path("empty.pt")); }, Status::Format, {"empty.pt"});
    expect_error([&] { model(""); }, Status::InvalidConfig, {"generator.file"});
    const auto good = program("    return self.weight * x, x\n");
    const auto bytes = base::read_text(good);
    for (const std::size_t length : {std::size_t{30}, bytes.size() / 2, bytes.size() - 1}) {
        std::ofstream(path("cut.pt"), std::ios::binary) << bytes.substr(0, length);
        expect_error([&] { model(path("cut.pt")); }, Status::Format, {"cut.pt: not a TorchScript program"});
    }
    expect_error(
        [&] { model(good, R"({"generator.program": "net.pt sha1:00000000000000000000000000000000000000aa"})"); },
        Status::Format, {"net.pt: found 'net.pt sha1:", "00aa"});
    expect_error([&] { model(good, R"({"generator.program": "net.pt"})"); }, Status::Format, {"hexadecimal"});
}

TEST_F(Torchscript, WhatDependsOnNoParameterIsNotTrained)
{
    const auto made = model(program("    return x, x\n"));
    patches_of(*made);
    made->generator->set_training(true);
    expect_error([&] { patches_of(*made); }, Status::Unsupported, {"net.pt: cannot be trained"});
}

TEST_F(Torchscript, TheExampleLearns)
{
    auto config = Config::from_json(R"({"generator.name": "torchscript"})");
    config.set("generator.file", PTK_SOURCE_DIR "/examples/plugins/net.pt");
    const auto made = model::make_model(registry_, config, 32, c10::kCPU);
    made->generator->set_training(true);
    const auto amplitude = random_tensor({4, 1, 32, 32});
    const auto wanted = at::polar(at::full({4, 1, 32, 32}, 0.9), 0.3 * at::ones({4, 1, 32, 32}));
    double first = 0, last = 0;
    for (int step = 0; step < 20; ++step) {
        const auto loss = (made->generator->forward({.amplitude = amplitude}) - wanted).abs().square().mean();
        loss.backward();
        (step == 0 ? first : last) = loss.item<double>();
        const c10::NoGradGuard no_gradient;
        for (const auto& parameter : made->generator->parameters()) {
            ASSERT_TRUE(parameter.grad().defined());
            parameter.sub_(0.05 * parameter.grad());
            parameter.mutable_grad().zero_();
        }
    }
    EXPECT_LT(last, 0.5 * first);
}

} // namespace
