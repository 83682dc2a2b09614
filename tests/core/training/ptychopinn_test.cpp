// Trainings of PtychoPINN, step by step: losses, gradients and weights of its own module, once with the parts that a
// training is made of and once with the trainer itself.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "core/kernels/using_backend.h"
#include "core/training/training_testing.h"
#include "model/bundle.h"
#include "physics/patches.h"
#include "reconstruction/canvas.h"
#include "reconstruction/predict.h"
#include "training/grouping.h"
#include "training/optimizer.h"
#include "training/ptychopinn_physics.h"
#include "training/trainer.h"

#include <cmath>
#include <regex>

namespace ptk::training {
namespace {

using kernels::testing::UsingBackend;
using model::PhysicsModel;

constexpr const char* narrow_fno = R"({"fno_width": 6, "fno_modes": 5, "fno_blocks": 1, "fno_cnn_blocks": 1})";
constexpr const char* narrow_resnet =
    R"({"hidden_channels": 6, "n_blocks": 3, "modes": 6, "resnet_blocks": 2, "resnet_width": 16,
        "skip_connections": true, "hybrid_skip_style": "add"})";

/// One file: which network, and how far the parameters may be off after three steps.
struct Training {
    const char* name;
    const char* generator;
    const char* options;
    bool poisson = true;
    double gradient = 2e-4; ///< of step 1, relative to the largest of its tensor
    double weight = 2e-5;   ///< for all but a few elements
    double outliers = 2e-5; ///< for those
    double share = 0;       ///< of elements that may be outliers
};

const std::vector<Training>& trainings()
{
    static const std::vector<Training> all{
        {"cnn_clipvalue_c1", "cnn",
         R"({"n_filters_scale": 1, "object_big": false, "cbam_encoder": false, "probe_big": false})", false, 3e-4},
        {"cnn_mae_sgd_c1", "cnn", R"({"n_filters_scale": 1, "object_big": false})", false},
        {"cnn_poisson_c1", "cnn", R"({"n_filters_scale": 1, "object_big": false})", true, 3e-3, 6e-7, 6e-5, 0.002},
        {"cnn_realimag_ci_c4", "cnn",
         R"({"n_filters_scale": 1, "cnn_output_mode": "real_imag", "batch_norm": true, "C_model": 4})", true, 5e-3,
         2e-5, 4e-4, 0.02},
        {"ffno_poisson_c1", "ffno", narrow_fno},
        {"fno_adamw_agc_c1", "fno", narrow_fno, false},
        {"fno_ci_c4", "fno", narrow_fno},
        {"fno_mae_c4", "fno", narrow_fno, false},
        {"fno_poisson_c1", "fno", narrow_fno},
        {"fno_sgd_clipnorm_c1", "fno", narrow_fno},
        {"hybrid_resnet_mae_c1", "hybrid_resnet", narrow_resnet, false},
        {"hybrid_resnet_poisson_c1", "hybrid_resnet", narrow_resnet, true, 2e-4, 2e-5, 6e-3, 0.002},
    };
    return all;
}

std::string file_of(const Training& training)
{
    return std::string("train_") + training.name + ".npz";
}

/// "optimizer=adam lr=0.001 weight_decay=0 momentum=0.9 clip=norm/None" of the table.
struct Steps {
    Optimizer::Options options;
    std::string optimizer, clip_by;
    double rate = 0, clip = 0;
};

Steps steps_of(const std::string& file)
{
    for (const auto& row : golden::table()) {
        if (row.at("file") != file)
            continue;
        const auto text = row.at("configuration").get<std::string>();
        std::smatch found;
        const std::regex form(R"(optimizer=(\w+) lr=(\S+) weight_decay=(\S+) momentum=(\S+) clip=(\w+)/(\S+))");
        if (!std::regex_match(text, found, form))
            break;
        Steps steps;
        steps.optimizer = found[1];
        steps.options.method = builtin_optimizers().get(found[1]).make;
        steps.rate = std::stod(found[2]);
        steps.options.weight_decay = std::stod(found[3]);
        steps.options.momentum = std::stod(found[4]);
        steps.clip_by = found[5];
        steps.clip = found[6] == "None" ? 0 : std::stod(found[6]);
        return steps;
    }
    throw Error(Status::NotFound, file + ": cases.json says nothing of its optimizer");
}

/// Names of the file for the generator's tensors.
std::string prefix_of(const golden::Case& golden)
{
    for (const auto& [key, value] : golden.arrays)
        if (key.starts_with("grad1/model.generator."))
            return "model.generator.";
    return "model.autoencoder.";
}

void fill(generators::Generator& generator, const golden::Case& golden)
{
    const at::NoGradGuard no_gradient;
    const auto prefix = "param/" + prefix_of(golden);
    for (const auto& [name, tensor] : generators::testing::state_of(generator))
        tensor->copy_(golden.at(prefix + name));
}

/// The parameters and buffers after the third step.
void expect_weights(generators::Generator& generator, const golden::Case& golden, const Training& training)
{
    std::int64_t elements = 0, outliers = 0;
    double worst = 0;
    const auto count = [&](const at::Tensor& actual, const at::Tensor& expected, const std::string& what) {
        ASSERT_EQ(actual.numel(), expected.numel()) << what;
        const auto difference = (actual.detach().flatten() - expected.flatten()).abs().to(at::kDouble);
        ASSERT_TRUE(difference.isfinite().all().item<bool>()) << what;
        elements += difference.numel();
        outliers += difference.gt(training.weight).sum().item<std::int64_t>();
        worst = std::max(worst, difference.max().item<double>());
        EXPECT_LE(difference.max().item<double>(), training.outliers) << what;
    };
    std::size_t seen = 0;
    for (const auto& [name, tensor] : generators::testing::state_of(generator)) {
        if (name.ends_with("num_batches_tracked")) { // in no file
            ++seen;
            continue;
        }
        const auto key = prefix_of(golden) + name;
        if (golden.has("after/" + key)) {
            count(*tensor, golden.at("after/" + key), key);
            ++seen;
        } else if (golden.has("after_head/" + key)) {
            ++seen;
            const auto values = tensor->detach();
            count(values.flatten().narrow(0, 0, 400), golden.at("after_head/" + key), key);
            const auto real = (values.is_complex() ? at::view_as_real(values) : values).to(at::kDouble);
            const auto stats = golden.at("after_stats/" + key);
            const auto n = static_cast<double>(real.numel());
            const auto parts = (values.is_complex() ? at::real(values) : values).to(at::kDouble);
            EXPECT_NEAR(parts.sum().item<double>() / n, stats[0].item<double>() / n, training.outliers) << key;
            const auto sizes = values.is_complex() ? values.abs() : values;
            EXPECT_NEAR(sizes.max().item<double>(), stats[2].item<double>(), training.outliers) << key;
            const double square = stats[1].item<double>();
            EXPECT_NEAR(real.square().sum().item<double>(), square, 2 * training.outliers * std::sqrt(n * square))
                << key;
        }
    }
    EXPECT_EQ(seen, generators::testing::state_of(generator).size()) << "some tensors are not in the file";
    EXPECT_LE(static_cast<double>(outliers), training.share * static_cast<double>(elements)) << "worst " << worst;
}

class GoldenTraining : public ::testing::TestWithParam<Training> {};

/// The parts of a training that follows one file.
class Follower {
public:
    explicit Follower(const Training& training)
        : golden(golden::load(file_of(training))), counts(golden.has("in/measured_intensity")),
          frames(golden.at(counts ? "in/measured_intensity" : "in/images"))
    {
        const auto channels = frames.size(1), side = frames.size(2);
        generator =
            generators::testing::make(training.generator, {.side = side, .group_size = channels}, training.options);
        fill(*generator, golden);
        for (const auto& [name, tensor] : generator->named_parameters())
            parameters.push_back({name, tensor->requires_grad_(true)});
        model::PtychoPinnSettings settings;
        settings.model = counts ? PhysicsModel::Rectangular : PhysicsModel::Amplitude;
        settings.count_intensity = counts;
        settings.poisson = training.poisson;
        settings.merge = channels == 1 ? physics::PatchMerge::None
                         : counts      ? physics::PatchMerge::Probe
                                       : physics::PatchMerge::CentralMask;
        settings.padded = physics::padded_side(side, 2, 3);
        PtychoPinnStatistics statistics;
        statistics.probe_factor = golden.at("in/probe_scaling")[0].item<double>();
        if (counts)
            statistics.mean_intensity = golden.at("in/mean_measured_intensity")[0].item<double>();
        else
            statistics.physics_scale = golden.at("in/physics_scaling_constant")[0].item<double>();
        scale = golden.at(counts ? "in/rms_input_scale" : "in/rms_scaling_constant");
        physics.emplace(settings, statistics, golden.at("in/probe"), at::Tensor(),
                        PtychoPinnPhysics::factors_of(settings, {}, at::kCPU));
        for (const auto& factor : physics->trained())
            parameters.push_back({factor.name, factor.tensor.requires_grad_(true)});
    }

    at::Tensor loss() const
    {
        generators::Input input{.amplitude = counts ? frames.sqrt() : frames, .scale = scale[0].item<double>()};
        input.intensity = counts;
        const auto predicted = physics->predicted(generator->forward(input), golden.at("in/coords_relative").squeeze(2),
                                                  scale, golden.at("in/experiment_id"));
        return physics->loss(predicted, input.amplitude);
    }

    golden::Case golden;
    bool counts;
    at::Tensor frames, scale;
    std::unique_ptr<generators::Generator> generator;
    std::vector<Optimizer::Parameter> parameters;
    std::optional<PtychoPinnPhysics> physics;
};

void expect_gradients(const Follower& follower, double tolerance)
{
    const auto& golden = follower.golden;
    std::vector<std::pair<std::string, at::Tensor>> found;
    double largest = 0;
    for (const auto& [name, tensor] : follower.parameters) {
        const bool factor = name.starts_with("physics.");
        const auto key = factor ? "model.forward_model.rect_scaler." + name.substr(8) : prefix_of(golden) + name;
        ASSERT_EQ(tensor.grad().defined(), golden.has("grad1/" + key)) << key;
        if (!tensor.grad().defined())
            continue;
        found.emplace_back(key, tensor.grad().detach());
        largest = std::max(largest, tensor.grad().abs().max().item<double>());
    }
    for (const auto& [key, gradient] : found) {
        const auto expected = golden.at("grad1/" + key);
        const double scale = std::max(gradient.abs().max().item<double>(), 1e-3 * largest);
        const auto shown = gradient.flatten().narrow(0, 0, expected.numel());
        EXPECT_LE((shown - expected.flatten()).abs().max().item<double>(), tolerance * scale) << key;
        const double norm = golden.at("gradnorm1/" + key).item<double>();
        const double extent = scale * std::sqrt(static_cast<double>(gradient.numel()));
        EXPECT_NEAR(gradient.abs().to(at::kDouble).norm().item<double>(), norm, tolerance * extent) << key;
    }
}

/// Three steps as the file says. @param look  sees the loss of each step when its gradients are there
/// @return norms of all gradients before they are limited
std::vector<double> three_steps(Follower& follower, const std::function<void(std::int64_t, const at::Tensor&)>& look)
{
    const auto steps = steps_of(follower.golden.file);
    Optimizer optimizer(follower.parameters, steps.options);
    const auto limit = builtin_gradient_limits().get(steps.clip_by).make;
    follower.generator->set_training(true);
    std::vector<double> norms;
    for (std::int64_t step = 0; step < 3; ++step) {
        optimizer.clear_gradients();
        const auto loss = follower.loss();
        loss.backward();
        look(step, loss);
        norms.push_back(optimizer.clip_gradients(steps.clip, limit));
        optimizer.step(steps.rate);
    }
    return norms;
}

TEST_P(GoldenTraining, LossesGradientsAndWeightsOfThreeSteps)
{
    const UsingBackend aten(kernels::Backend::Aten); // gradients that nearly cancel depend on the last bit
    Follower follower(GetParam());
    const auto& golden = follower.golden;
    const auto expect_loss = [&](std::int64_t step, const at::Tensor& loss) {
        const double expected = golden.at("loss")[step].item<double>();
        const double tolerance = GetParam().share > 0 && step > 0 ? 1e-4 : 2e-5; // its outliers move the loss
        EXPECT_NEAR(loss.item<double>(), expected, tolerance * std::abs(expected)) << "step " << step;
    };
    const auto norms = three_steps(follower, [&](std::int64_t step, const at::Tensor& loss) {
        expect_loss(step, loss);
        if (step == 0)
            expect_gradients(follower, GetParam().gradient);
    });
    for (std::size_t step = 0; step < norms.size(); ++step) {
        const double norm = golden.at("total_gradnorm")[static_cast<std::int64_t>(step)].item<double>();
        EXPECT_NEAR(norms[step], norm, GetParam().gradient * norm) << "step " << step;
    }
    const c10::NoGradGuard no_gradient;
    expect_loss(3, follower.loss()); // which moves the statistics of batch norm once more
    expect_weights(*follower.generator, golden, GetParam());
    for (const auto& factor : follower.physics->trained()) {
        const double expected =
            golden.at("after/model.forward_model.rect_scaler." + factor.name.substr(8))[0].item<double>();
        EXPECT_NEAR(factor.tensor[0].item<double>(), expected, GetParam().outliers) << factor.name;
    }
}

TEST_P(GoldenTraining, OwnKernelsReachTheSameLosses)
{
    const UsingBackend own(kernels::Backend::Own);
    Follower follower(GetParam());
    three_steps(follower, [&](std::int64_t step, const at::Tensor& loss) {
        const double expected = follower.golden.at("loss")[step].item<double>();
        EXPECT_NEAR(loss.item<double>(), expected, 1e-4 * std::abs(expected)) << "step " << step;
    });
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTraining, ::testing::ValuesIn(trainings()),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- the trainer ----

/// The frames of a file with groups of one as a scan; where they are does not matter.
data::Scan scan_of(const golden::Case& golden)
{
    data::Scan scan;
    scan.source = golden.file;
    scan.frames = data::frames_in_memory(golden.at("in/images").squeeze(1).contiguous());
    scan.measurement = data::Measurement::Amplitude;
    const auto n = scan.frames->size();
    scan.positions = at::stack({at::arange(n, at::kDouble) * 3 + 40, at::arange(n, at::kDouble) + 40}, 1);
    scan.probe = golden.at("in/probe");
    return scan;
}

std::shared_ptr<model::Model> model_of(const golden::Case& golden, const Training& training, const nlohmann::json& more)
{
    auto options = nlohmann::json::parse(training.options);
    options.update(more);
    return model::make_model(generators::builtin_generators(),
                             generators::testing::named(training.generator, options.dump()),
                             golden.at("in/images").size(2), at::kCPU);
}

nlohmann::json options_of(const Training& training, const Steps& steps)
{
    return {{"physics.model", "amplitude"},
            {"physics.object_scale", "ptychopinn"},
            {"physics.subpixel", "interpolate"},
            {"physics.patch_weighting", "central_mask"},
            {"compat", "ptychopinn"},
            {"scan.grouping", "single"},
            {"scan.group_size", 1},
            {"probe.modes", 1},
            {"probe.warm_epochs", 0},
            {"training.loss", training.poisson ? "poisson" : "mae"},
            {"training.batch_size", 2},
            {"training.epochs", 3},
            {"training.schedule", "constant"},
            {"training.validation_fraction", 0.0},
            {"training.optimizer", steps.optimizer},
            {"training.learning_rate", steps.rate},
            {"training.weight_decay", steps.options.weight_decay},
            {"training.momentum", steps.options.momentum},
            {"training.gradient_clip", steps.clip},
            {"training.gradient_clip_by", steps.clip_by}};
}

class GoldenTrainer : public ::testing::TestWithParam<Training> {};

TEST_P(GoldenTrainer, FollowsTheReference)
{
    const UsingBackend aten(kernels::Backend::Aten);
    const auto golden = golden::load(file_of(GetParam()));
    auto options = options_of(GetParam(), steps_of(golden.file));
    const auto model = model_of(golden, GetParam(), options);
    fill(*model->generator, golden);
    const auto scan = scan_of(golden);
    const auto train = [&](const nlohmann::json& more) {
        Trainer(model, config::Config::from_json(more.dump()), "", nullptr).fit(scan, {});
    };
    train(nlohmann::json::object());
    ASSERT_EQ(model->history.size(), 3u);
    for (std::int64_t step = 0; step < 3; ++step) {
        const double expected = golden.at("loss")[step].item<double>();
        EXPECT_NEAR(model->history[static_cast<std::size_t>(step)].training_loss, expected, 2e-5 * expected) << step;
    }
    expect_weights(*model->generator, golden, GetParam());
    train({{"training.learning_rate", 0.0}, {"training.epochs", 1}, {"training.weight_decay", 0.0}});
    const double expected = golden.at("loss")[3].item<double>();
    EXPECT_NEAR(model->history.at(0).training_loss, expected, 2e-5 * expected) << "after the last step";
}

std::vector<Training> alone()
{
    std::vector<Training> found;
    for (const auto& training : trainings())
        if (std::string(training.name).ends_with("_c1"))
            found.push_back(training);
    return found;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTrainer, ::testing::ValuesIn(alone()),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- the mode as users meet it ----

nlohmann::json small_training(const std::string& physics)
{
    nlohmann::json options{{"physics.model", physics},
                           {"physics.object_scale", "ptychopinn"},
                           {"physics.subpixel", "interpolate"},
                           {"generator.width", 6},
                           {"generator.modes", 5},
                           {"generator.blocks", 1},
                           {"generator.cnn_blocks", 1},
                           {"generator.C_model", 4},
                           {"scan.group_size", 4},
                           {"scan.max_distance", 6},
                           {"probe.modes", 2},
                           {"probe.warm_epochs", 0},
                           {"training.loss", "poisson"},
                           {"training.batch_size", 4},
                           {"training.epochs", 6},
                           {"training.learning_rate", 5e-3},
                           {"training.schedule", "constant"}};
    if (physics == "rectangular")
        options.update(
            {{"physics.scale_contract", "count_intensity"}, {"input.images", "intensity"}, {"input.rms", "half_side"}});
    return options;
}

std::shared_ptr<model::Model> trained(const nlohmann::json& options, const data::Scan& scan,
                                      const std::string& folder = "")
{
    std::shared_ptr<model::Model> model = model::make_model(
        generators::builtin_generators(), generators::testing::named("fno", options.dump()), scan.side(), at::kCPU);
    Trainer(model, {}, folder, nullptr).fit(scan, {});
    return model;
}

/// A rectangular model with statistics, probe and factors, and the weights it began with.
std::shared_ptr<model::Model> prepared(const data::Scan& scan, const nlohmann::json& more = nlohmann::json::object())
{
    auto options = small_training("rectangular");
    options.update(more);
    options.update({{"training.epochs", 1}, {"training.learning_rate", 0}});
    return trained(options, scan);
}

void set_factors(model::Model& model, double s1, double s2)
{
    const at::NoGradGuard no_gradient;
    model.physics.at("s1").fill_(s1);
    model.physics.at("s2").fill_(s2);
}

class PhysicsOfPtychoPinn : public ::testing::TestWithParam<std::string> {};

TEST_P(PhysicsOfPtychoPinn, TrainsAndIsPartOfTheModel)
{
    const auto simulated = testing::simulate(8, 8);
    const auto folder = testing::scratch("reference_" + GetParam());
    const auto model = trained(small_training(GetParam()), simulated.scan, folder.string());
    ASSERT_EQ(model->history.size(), 6u);
    EXPECT_LT(model->history.back().training_loss, model->history.front().training_loss);
    EXPECT_TRUE(std::isfinite(model->history.back().validation_loss));

    const auto bundle = model::load_bundle(generators::builtin_generators(), (folder / "last.ptk").string(), at::kCPU);
    EXPECT_EQ(bundle.model->physics.size(), GetParam() == "rectangular" ? 2u : 0u);
    for (const auto& [name, value] : model->physics) {
        EXPECT_NE(value.item<float>(), 1) << name;
        EXPECT_TRUE(bundle.model->physics.at(name).equal(value.detach())) << name;
    }
    EXPECT_EQ(bundle.model->mean_amplitude, model->mean_amplitude);
    Log log;
    const auto object = reconstruction::reconstruct(*model, simulated.scan, model->settings, {}, log).object;
    const auto again =
        reconstruction::reconstruct(*bundle.model, simulated.scan, bundle.model->settings, {}, log).object;
    EXPECT_TRUE(object.equal(again));

    // Interrupted in the middle and gone on with, it is the same training.
    const auto half = testing::scratch("reference_half_" + GetParam());
    auto options = small_training(GetParam());
    options["training.epochs"] = 3;
    trained(options, simulated.scan, half.string());
    std::shared_ptr<model::Model> resumed = model::make_model(
        generators::builtin_generators(), generators::testing::named("fno", options.dump()), 16, at::kCPU);
    Trainer trainer(resumed, config::Config::from_json(R"({"training.epochs": 6})"), "", nullptr);
    trainer.resume(generators::builtin_generators(), (half / "last.ptk").string());
    trainer.fit(simulated.scan, {});
    for (const auto& [name, value] : model->physics)
        EXPECT_TRUE(resumed->physics.at(name).detach().equal(value.detach())) << name;
    EXPECT_EQ(resumed->history.back().training_loss, model->history.back().training_loss);
}

INSTANTIATE_TEST_SUITE_P(Models, PhysicsOfPtychoPinn, ::testing::Values("amplitude", "rectangular"),
                         [](const auto& info) { return info.param; });

TEST(PtychoPinnPhysics, StartsFromTheDataWhenAsked)
{
    const auto simulated = testing::simulate(6, 6);
    const auto model = prepared(simulated.scan, {{"rect_s1s2_init", "data"}, {"rect_s1s2_trainable", false}});
    const float s1 = model->physics.at("s1").item<float>();
    EXPECT_GT(s1, 0);
    EXPECT_NE(s1, 1);
    EXPECT_EQ(s1, model->physics.at("s2").item<float>());
}

TEST(PtychoPinnPhysics, PredictionsCarryTheFactors)
{
    const auto simulated = testing::simulate(6, 6);
    const auto model = prepared(simulated.scan);
    const auto frames = at::rand({1, 4, 16, 16}) * 10;
    const auto plain = reconstruction::predict_patches(*model, frames, {});
    set_factors(*model, 2, -0.5);
    const auto scaled = reconstruction::predict_patches(*model, frames, {});
    golden::expect_close(scaled, at::complex(2 * at::real(plain), -0.5 * at::imag(plain)), 1e-6, "s1 Re + i s2 Im");
}

TEST(PtychoPinnPhysics, VarProFitsThePartsToTheFrames)
{
    const auto simulated = testing::simulate(6, 6);
    const auto model = prepared(simulated.scan);
    Log log;
    const auto plain = reconstruction::reconstruct(*model, simulated.scan, model->settings, {}, log).object;
    const auto with = model->settings.with(config::Config::from_json(R"({"varpro_scaling": true})"));
    const auto fitted = reconstruction::reconstruct(*model, simulated.scan, with, {}, log).object;
    const auto seen = at::real(plain).abs() > 1e-3;
    const auto s1 = (at::real(fitted) / at::real(plain)).masked_select(seen);
    EXPECT_LT((s1.max() - s1.min()).item<double>(), 1e-3 * s1.abs().max().item<double>());
    EXPECT_GT((s1 - 1).abs().min().item<double>(), 1e-3);
    // Factors that were in the model before change nothing: the fit finds their product.
    set_factors(*model, 3, 0.25);
    const auto other = reconstruction::reconstruct(*model, simulated.scan, with, {}, log).object;
    golden::expect_close(other, fitted, 1e-4, "refit");
}

TEST(PtychoPinnPhysics, PredictsTheGroupsOfItsTraining)
{
    const auto simulated = testing::simulate(6, 6);
    auto options = small_training("amplitude");
    options["training.epochs"] = 1;
    const auto model = trained(options, simulated.scan);
    const auto settings = model->settings.with(config::Config::from_json(R"({"reconstruction.groups": "training"})"));
    Log log;
    const auto result = reconstruction::reconstruct(*model, simulated.scan, settings, {}, log);

    const FrameSplit all{at::arange(36, at::kLong), at::empty({0}, at::kLong)};
    const auto groups = training_groups(simulated.scan, all, resolve_grouping(settings, *model->generator), settings);
    const auto frames = simulated.scan.frames->gather(groups.flatten()).sqrt().view({-1, 4, 16, 16});
    const auto patches = reconstruction::predict_patches(*model, frames, {}).flatten(0, 1);
    auto canvas = reconstruction::Canvas::around(simulated.scan.positions, 16);
    canvas.add(patches, simulated.scan.positions.index_select(0, groups.flatten()), model->probe.abs().square().sum(0));
    golden::expect_close(result.object, canvas.object(), 1e-5, "object");
}

TEST(PtychoPinnPhysics, RefusesWhatContradictsIt)
{
    const auto simulated = testing::simulate(5, 5);
    const auto refused = [&](const std::string& physics, const nlohmann::json& change, const std::string& named) {
        auto options = small_training(physics);
        options.update(change);
        const auto [status, message] = testing::error_of([&] { trained(options, simulated.scan); });
        EXPECT_EQ(status, Status::InvalidConfig) << change.dump();
        EXPECT_THAT(message, ::testing::HasSubstr(named)) << change.dump();
    };
    refused("amplitude", {{"physics.subpixel", "shift_probe"}},
            "physics.subpixel = 'interpolate' (found 'shift_probe')");
    refused("amplitude", {{"physics.object_scale", "one"}}, "physics.object_scale");
    refused("amplitude", {{"training.loss", "huber"}}, "training.loss");
    refused("amplitude", {{"probe.trainable", true}}, "probe.trainable");
    refused("amplitude", {{"scale_contract_version", "ci_intensity_v2"}}, "physics.scale_contract");
    refused("amplitude", {{"rect_s1s2_init", "data"}}, "physics.scales_start");
    refused("rectangular", {{"amplitude_physics_gain", 2.0}}, "physics.gain");
    refused("rectangular", {{"intensity_scale_trainable", true}}, "physics.alpha_beta");
    refused("rectangular", {{"training.loss", "mae"}}, "training.loss");
    refused("rectangular", {{"input.images", "amplitude"}}, "input.images");
    refused("rectangular", {{"input.rms", "side"}}, "input.rms");
    refused("rectangular", {{"scale_contract_version", "legacy_v1"}}, "input.images");
    auto options = small_training("amplitude");
    for (const char* name : {"width", "modes", "blocks", "cnn_blocks", "C_model"})
        options.erase(std::string("generator.") + name);
    options.erase("scan.group_size");
    const auto [status, message] = testing::error_of([&] {
        std::shared_ptr<model::Model> model = model::make_model(
            generators::builtin_generators(), generators::testing::named("physics_unet", options.dump()), 16, at::kCPU);
        Trainer(model, {}, "", nullptr).fit(simulated.scan, {});
    });
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message, ::testing::HasSubstr("physics_unet"));
}

TEST(PtychoPinnPhysics, BadPixelsDoNotCount)
{
    for (const auto kind : {PhysicsModel::Amplitude, PhysicsModel::Rectangular}) {
        for (const bool poisson : {true, false}) {
            model::PtychoPinnSettings settings;
            settings.model = kind;
            settings.poisson = poisson;
            PtychoPinnStatistics statistics;
            statistics.physics_scale = 0.01;
            const PtychoPinnPhysics physics(settings, statistics, at::ones({1, 8, 8}, at::kComplexFloat), {},
                                            PtychoPinnPhysics::factors_of(settings, {}, at::kCPU));
            auto good = at::ones({8, 8});
            good.narrow(0, 0, 4).fill_(0);
            auto predicted = at::rand({2, 3, 8, 8}) + 0.5, amplitude = at::rand({2, 3, 8, 8}) + 0.5;
            const auto half = [](const at::Tensor& images) { return images.narrow(2, 4, 4).contiguous(); };
            const double expected = physics.loss(half(predicted), half(amplitude)).item<double>();
            predicted.narrow(2, 0, 4).fill_(std::nan(""));
            predicted.requires_grad_(true);
            const auto loss = physics.loss(predicted, amplitude, good);
            EXPECT_NEAR(loss.item<double>(), expected, 1e-6 * std::abs(expected));
            loss.backward();
            EXPECT_EQ(predicted.grad().narrow(2, 0, 4).abs().sum().item<double>(), 0);
            EXPECT_GT(predicted.grad().narrow(2, 4, 4).abs().sum().item<double>(), 0);
        }
    }
}

} // namespace
} // namespace ptk::training
