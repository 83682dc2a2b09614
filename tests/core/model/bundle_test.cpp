// The bundle: what is written is read bit for bit; damage is an error that names the file; a failed write leaves the
// old file.
#include "core/generators/testing.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "model/bundle.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace {

using namespace ptk;
using config::Config;
using generators::testing::random_tensor;
using generators::testing::registry;
using generators::testing::state_of;

class BundleFile : public ::testing::Test {
protected:
    void SetUp() override
    {
        std::string name = ::testing::TempDir() + "bundleXXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name = "model.ptk") const { return (folder_ / name).string(); }
    std::size_t files() const
    {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
    }
    model::Bundle load(const std::string& name = "model.ptk") const
    {
        return model::load_bundle(registry(), path(name), c10::kCPU);
    }

    std::filesystem::path folder_;
};

std::unique_ptr<model::Model> small_model()
{
    auto made = model::make_model(
        registry(),
        Config::from_json(R"({"generator.width": 3, "generator.depth": 1, "seed": 5, "training.epochs": 9})"), 8,
        c10::kCPU);
    const c10::NoGradGuard no_gradient;
    made->probe = at::complex(random_tensor({2, 8, 8}, 1), random_tensor({2, 8, 8}, 2));
    made->input_scale = 1.0 / 3;
    made->mean_power = 12345.678;
    made->object_pixel_m = 1.25e-8;
    made->history = {{1, 0.1, 0.2, 1e-3, 1.5},
                     {2, 1.0 / 7, std::nan(""), 1e-4, 3, {{"mae", 1.0 / 9}, {"tv_phase", 2}}}};
    made->provenance = R"({"file":"scan.h5","seed":5})";
    return made;
}

std::string bytes_of(const std::string& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void write_bytes(const std::string& path, const std::string& bytes)
{
    std::ofstream(path, std::ios::binary) << bytes;
}

void expect_same(model::Model& a, model::Model& b)
{
    const auto state = state_of(*b.generator);
    ASSERT_EQ(state_of(*a.generator).size(), state.size());
    for (const auto& [name, tensor] : state_of(*a.generator)) {
        EXPECT_TRUE(at::equal(*tensor, *state.at(name))) << name;
        EXPECT_EQ(tensor->scalar_type(), state.at(name)->scalar_type()) << name;
        EXPECT_EQ(tensor->requires_grad(), state.at(name)->requires_grad()) << name;
    }
    ASSERT_EQ(a.probe.defined(), b.probe.defined());
    if (a.probe.defined()) {
        EXPECT_TRUE(at::equal(a.probe, b.probe));
    }
    EXPECT_EQ(a.generator_name, b.generator_name);
    EXPECT_EQ(a.problem.side, b.problem.side);
    EXPECT_EQ(a.problem.group_size, b.problem.group_size);
    EXPECT_EQ(a.settings.to_json(), b.settings.to_json());
    EXPECT_EQ(a.input_scale, b.input_scale);
    EXPECT_EQ(a.mean_power, b.mean_power);
    EXPECT_EQ(a.object_pixel_m, b.object_pixel_m);
    EXPECT_EQ(nlohmann::json::parse(a.provenance), nlohmann::json::parse(b.provenance));
    ASSERT_EQ(a.history.size(), b.history.size());
    for (std::size_t i = 0; i < a.history.size(); ++i) {
        EXPECT_EQ(a.history[i].epoch, b.history[i].epoch);
        EXPECT_EQ(a.history[i].training_loss, b.history[i].training_loss);
        EXPECT_EQ(std::isnan(a.history[i].validation_loss), std::isnan(b.history[i].validation_loss));
        if (!std::isnan(a.history[i].validation_loss)) {
            EXPECT_EQ(a.history[i].validation_loss, b.history[i].validation_loss);
        }
        EXPECT_EQ(a.history[i].learning_rate, b.history[i].learning_rate);
        EXPECT_EQ(a.history[i].seconds, b.history[i].seconds);
        EXPECT_EQ(a.history[i].terms, b.history[i].terms);
    }
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

#define EXPECT_SAYS(error, text) EXPECT_NE((error).message().find(text), std::string::npos) << (error).message()

TEST_F(BundleFile, RoundTripIsExact)
{
    const auto model = small_model();
    const std::map<std::string, at::Tensor> extra{{"adam/mean/conv1.weight", random_tensor({3, 4}, 8)},
                                                  {"adam/steps", at::tensor(17, at::kLong)},
                                                  {"order", at::randperm(12)},
                                                  {"loss", at::tensor({1.5, std::nan("")}, at::kDouble)},
                                                  {"wave", at::complex(random_tensor({5}), random_tensor({5}))},
                                                  {"empty", at::empty({0, 3})}};
    model::save_bundle(*model, path(), extra, R"({"epoch": 4, "best": {"loss": 0.125}})");
    EXPECT_EQ(files(), 1U);
    EXPECT_TRUE(model::is_bundle(path()));
    const auto bundle = load();
    expect_same(*model, *bundle.model);
    EXPECT_EQ(nlohmann::json::parse(bundle.extra_json),
              nlohmann::json::parse(R"({"epoch": 4, "best": {"loss": 0.125}})"));
    ASSERT_EQ(bundle.extra.size(), extra.size());
    for (const auto& [name, tensor] : extra) {
        const auto& read = bundle.extra.at(name);
        ASSERT_EQ(read.scalar_type(), tensor.scalar_type()) << name;
        ASSERT_EQ(read.sizes(), tensor.sizes()) << name;
        EXPECT_EQ(0, std::memcmp(read.const_data_ptr(), tensor.const_data_ptr(), tensor.nbytes())) << name;
    }
}

TEST_F(BundleFile, RoundTripOfBuffersAndEmptyWeights)
{
    // Batch norm has counters without axes; a gate of 8 channels has weights of no elements.
    const auto model = model::make_model(
        registry(), Config::from_json(R"({"generator.name": "cnn", "n_filters_scale": 1, "batch_norm": true, "C": 1})"),
        256, c10::kCPU);
    for (const auto& buffer : model->generator->named_buffers())
        if (buffer.name.ends_with("num_batches_tracked"))
            buffer.tensor->fill_(42);
    model::save_bundle(*model, path());
    const auto bundle = load();
    expect_same(*model, *bundle.model);
    EXPECT_TRUE(bundle.extra.empty());
    EXPECT_EQ(bundle.extra_json, "{}");
}

TEST_F(BundleFile, SettingsWinOverDefaults)
{
    const auto model = small_model();
    model::save_bundle(*model, path());
    const auto loaded = load();
    EXPECT_EQ(loaded.model->settings.integer("training.epochs"), 9);
    EXPECT_EQ(loaded.model->settings.integer("generator.width"), 3);
}

TEST_F(BundleFile, EveryTruncationIsAnError)
{
    model::save_bundle(*small_model(), path());
    const auto whole = bytes_of(path());
    for (std::size_t i = 0; i < 60; ++i) {
        const auto size = whole.size() * i / 60;
        write_bytes(path("cut"), whole.substr(0, size));
        const auto error = error_of([&] { load("cut"); });
        EXPECT_TRUE(error.status() == Status::Format || error.status() == Status::Io) << size;
        EXPECT_SAYS(error, path("cut"));
    }
}

TEST_F(BundleFile, AFlippedByteIsFoundOrHarmless)
{
    const auto model = small_model();
    model::save_bundle(*model, path(), {{"adam", random_tensor({20})}});
    const auto whole = bytes_of(path());
    std::mt19937_64 random(3);
    int found = 0;
    for (int i = 0; i < 400; ++i) {
        auto bytes = whole;
        const auto place = base::uniform_below(random, bytes.size());
        bytes[place] = static_cast<char>(bytes[place] ^ static_cast<char>(1U << base::uniform_below(random, 8)));
        write_bytes(path("flipped"), bytes);
        try {
            const auto bundle = load("flipped");
            expect_same(*model, *bundle.model); // a byte that says nothing
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Format) << place << ": " << error.message();
            EXPECT_SAYS(error, path("flipped"));
            ++found;
        }
    }
    EXPECT_GT(found, 100);
}

TEST_F(BundleFile, OtherFilesAreRefusedByName)
{
    write_bytes(path("text"), "generator: physics_unet\n");
    write_bytes(path("empty"), "");
    data::write_npz(path("scan.npz"), {{"x", at::zeros({3})}});
    auto other = data::Hdf5File::create(path("other.h5"));
    other.write("entry/data", at::zeros({2, 2}));
    other.close();
    for (const auto* name : {"text", "empty", "scan.npz", "other.h5"}) {
        const auto error = error_of([&] { load(name); });
        EXPECT_EQ(error.status(), Status::Format) << name;
        EXPECT_SAYS(error, path(name));
        EXPECT_FALSE(model::is_bundle(path(name)));
    }
    EXPECT_EQ(error_of([&] { load("absent"); }).status(), Status::Io);
    EXPECT_FALSE(model::is_bundle(path("absent")));
}

std::string fnv1a(const std::string& bytes)
{
    std::uint64_t hash = 14695981039346656037ULL;
    for (const unsigned char byte : bytes) {
        hash ^= byte;
        hash *= 1099511628211ULL;
    }
    return fmt::format("{:016x}", hash);
}

/// A bundle put together by hand from a good one, with one thing changed.
struct Forged {
    nlohmann::json header;
    std::map<std::string, at::Tensor> tensors{};
    double version = model::bundle_version;

    explicit Forged(const std::string& good)
    {
        const auto file = data::Hdf5File::open(good);
        header = nlohmann::json::parse(file.read_string("header"));
        for (const auto& [name, sum] : header.at("checksums").items())
            tensors[name] = file.read(name);
    }
    void replace(const std::string& name, const at::Tensor& tensor)
    {
        tensors[name] = tensor;
        const auto plain = tensor.contiguous();
        header["checksums"][name] = fnv1a({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()});
    }
    void write(const std::string& path) const
    {
        auto file = data::Hdf5File::create(path);
        const auto text = header.dump();
        file.set_attribute("/", "ptychokit_kind", "model bundle");
        file.set_attribute("/", "ptychokit_version", version);
        file.set_attribute("/", "ptychokit_header_fnv1a", fnv1a(text));
        file.write_string("header", text);
        for (const auto& [name, tensor] : tensors)
            file.write(name, tensor);
        file.close();
    }
};

class ForgedBundle : public BundleFile {
protected:
    void SetUp() override
    {
        BundleFile::SetUp();
        model::save_bundle(*small_model(), path());
    }
    Error error_with(const std::function<void(Forged&)>& change)
    {
        Forged forged(path());
        change(forged);
        forged.write(path("forged"));
        return error_of([&] { load("forged"); });
    }
};

TEST_F(ForgedBundle, UnchangedItLoads)
{
    Forged(path()).write(path("forged"));
    expect_same(*small_model(), *load("forged").model);
}

TEST_F(ForgedBundle, ANewerLayoutIsRefused)
{
    const auto error = error_with([](Forged& forged) { forged.version = 3; });
    EXPECT_EQ(error.status(), Status::Format);
    EXPECT_SAYS(error, "layout 3; this library reads up to 2");
    EXPECT_EQ(error_with([](Forged& forged) { forged.version = 0; }).status(), Status::Format);
}

TEST_F(ForgedBundle, ASettingOfANewerVersionIsNamed)
{
    const auto error = error_with([](Forged& forged) {
        forged.header["settings"]["generator"]["hyperdrive"] = 3;
        forged.header["library"] = "9.0";
    });
    EXPECT_EQ(error.status(), Status::Format);
    EXPECT_SAYS(error, "generator.hyperdrive: unknown option");
    EXPECT_SAYS(error, "written by PtychoKit 9.0");
}

TEST_F(ForgedBundle, AnUnknownGeneratorIsNotFound)
{
    const auto error = error_with([](Forged& forged) { forged.header["generator"] = "warp_net"; });
    EXPECT_EQ(error.status(), Status::NotFound);
    EXPECT_SAYS(error, "warp_net");
    EXPECT_SAYS(error, path("forged"));
}

TEST_F(ForgedBundle, AllWrongTensorsAreNamedInOneMessage)
{
    const auto error = error_with([](Forged& forged) {
        forged.tensors.erase("parameters/conv1.bias");
        forged.replace("parameters/levels.0.down.weight", at::zeros({6, 3, 5, 5}));
        forged.replace("parameters/levels.0.up.bias", at::zeros({3}, at::kDouble));
        forged.replace("parameters/extra.weight", at::zeros({2}));
        forged.replace("buffers/mean", at::zeros({2}));
    });
    EXPECT_EQ(error.status(), Status::Format);
    EXPECT_SAYS(error, "missing 'parameters/conv1.bias'");
    EXPECT_SAYS(error, "'parameters/levels.0.down.weight' has shape (6, 3, 5, 5), expected (6, 3, 3, 3)");
    EXPECT_SAYS(error, "'parameters/levels.0.up.bias' holds float64, expected float32");
    EXPECT_SAYS(error, "unexpected 'parameters/extra.weight'");
    EXPECT_SAYS(error, "unexpected 'buffers/mean'");
}

TEST_F(ForgedBundle, DamagedOrLostTensorsAreNamed)
{
    const auto damaged = error_with([](Forged& forged) { forged.tensors["parameters/conv1.bias"] = at::ones({3}); });
    EXPECT_EQ(damaged.status(), Status::Format);
    EXPECT_SAYS(damaged, "'parameters/conv1.bias' is damaged");
    const auto probe = error_with([](Forged& forged) { forged.tensors.erase("probe"); });
    EXPECT_EQ(probe.status(), Status::Format);
    EXPECT_SAYS(probe, "'probe' is missing");
    EXPECT_SAYS(error_with([](Forged& forged) { forged.header["checksums"].erase("parameters/conv1.bias"); }),
                "not in the header's list");
    EXPECT_SAYS(error_with([](Forged& forged) { forged.replace("history/seconds", at::zeros({5}, at::kDouble)); }),
                "history/seconds");
    EXPECT_SAYS(error_with([](Forged& forged) { forged.replace("history/term_mae", at::zeros({5}, at::kDouble)); }),
                "history/term_mae");
    EXPECT_SAYS(error_with([](Forged& forged) {
                    forged.replace("probe", at::zeros({2, 8, 7}, at::kComplexFloat));
                }),
                "expected complex64 (modes, 8, 8)");
    EXPECT_SAYS(
        error_with([](Forged& forged) { forged.replace("parameters/conv1.bias", at::full({3}, std::nan(""))); }),
        "not finite");
}

TEST_F(ForgedBundle, AHeaderWithPartsMissingIsRefused)
{
    for (const auto* key :
         {"generator", "side", "group_size", "settings", "statistics", "provenance", "extra", "checksums"}) {
        const auto error = error_with([&](Forged& forged) { forged.header.erase(key); });
        EXPECT_EQ(error.status(), Status::Format) << key;
        EXPECT_SAYS(error, key);
    }
    EXPECT_EQ(error_with([](Forged& forged) { forged.header["side"] = 6; }).status(), Status::Format);
    EXPECT_EQ(error_with([](Forged& forged) { forged.header["side"] = "8"; }).status(), Status::Format);
    EXPECT_EQ(error_with([](Forged& forged) { forged.header["group_size"] = 3; }).status(), Status::Format);
    EXPECT_EQ(error_with([](Forged& forged) { forged.header["settings"]["generator"]["width"] = 1e6; }).status(),
              Status::Format);
    EXPECT_EQ(error_with([](Forged& forged) { forged.header["statistics"]["input_scale"] = nullptr; }).status(),
              Status::Format);
}

TEST_F(BundleFile, WeightsThatAreNotFiniteAreNotWritten)
{
    const auto model = small_model();
    model::save_bundle(*model, path());
    const auto old = bytes_of(path());
    {
        const c10::NoGradGuard no_gradient;
        model->generator->parameters()[0].view(-1)[0] = std::nan("");
    }
    const auto error = error_of([&] { model::save_bundle(*model, path()); });
    EXPECT_EQ(error.status(), Status::NotConverged);
    EXPECT_SAYS(error, "conv1.weight");
    EXPECT_EQ(bytes_of(path()), old);
}

TEST_F(BundleFile, AFullDiskLeavesTheOldBundle)
{
    const auto model = small_model();
    model::save_bundle(*model, path());
    const auto old = bytes_of(path());
    // A limit on the size of files stands for a full disk; the signal that comes with it is for programs that do not
    // check.
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    auto lower = limit;
    auto* const before = std::signal(SIGXFSZ, SIG_IGN);
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{4096}, old.size() / 2, old.size() - 100}) {
        lower.rlim_cur = bytes;
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lower), 0);
        Status status = Status::Ok;
        try {
            model::save_bundle(*model, path());
        } catch (const Error& error) {
            status = error.status();
        }
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        EXPECT_EQ(status, Status::Io) << bytes;
        EXPECT_EQ(bytes_of(path()), old) << bytes;
        EXPECT_EQ(files(), 1U) << bytes;
    }
    std::signal(SIGXFSZ, before);
    model::save_bundle(*model, path());
    expect_same(*model, *load().model);
}

TEST_F(BundleFile, AFolderThatIsNotThereIsAnError)
{
    const auto error = error_of([&] { model::save_bundle(*small_model(), path("absent/model.ptk")); });
    EXPECT_EQ(error.status(), Status::Io);
    EXPECT_SAYS(error, "absent/model.ptk");
}

TEST_F(BundleFile, ExtraJsonMustBeAnObject)
{
    EXPECT_EQ(error_of([&] { model::save_bundle(*small_model(), path(), {}, "[1]"); }).status(),
              Status::InvalidArgument);
    EXPECT_EQ(error_of([&] { model::save_bundle(*small_model(), path(), {}, "{"); }).status(), Status::InvalidArgument);
    EXPECT_EQ(files(), 0U);
}

} // namespace
