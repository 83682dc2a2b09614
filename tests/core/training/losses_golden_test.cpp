// The losses of PtychoPINN's whole training module: network, physics, loss, regularizers and every gradient.
#include "core/generators/testing.h"
#include "core/golden.h"
#include "physics/amplitude_forward.h"
#include "physics/patches.h"
#include "training/losses.h"
#include "training/ptychopinn_physics.h"
#include "training/regularizers.h"

#include <gtest/gtest.h>

namespace ptk::training {
namespace {

using physics::PatchMerge;

constexpr std::int64_t side = 32;

/// A file's network with its weights, and everything of the batch that the physics needs.
class Module {
public:
    explicit Module(const std::string& file, const std::string& output = "real_imag") : golden(golden::load(file))
    {
        const auto channels = golden.at("in/coords_relative").size(1);
        generator_ = generators::testing::make(
            "fno", {.side = side, .group_size = channels},
            R"({"generator.width": 6, "generator.modes": 5, "generator.blocks": 1, "generator.cnn_blocks": 1,
                "generator.C_model": )" +
                std::to_string(channels) + R"(, "generator_output_mode": ")" + output + "\"}");
        fill();
        forward.padded = physics::padded_side(side, 2, 3);
    }

    at::Tensor patches(const at::Tensor& images, const std::string& scale) const
    {
        return generator_->forward({.amplitude = images, .scale = golden.at(scale)[0].item<double>()});
    }

    at::Tensor patches(const at::Tensor& images, const at::Tensor& scales) const
    {
        return generator_->forward({.amplitude = images, .scales = scales});
    }

    /// The reference merges nothing in groups of one.
    void merge(PatchMerge merge)
    {
        forward.merge = golden.at("in/coords_relative").size(1) == 1 ? PatchMerge::None : merge;
    }

    /// Loss and norm of all gradients under a key; those of @p more parameters count too.
    void expect(const std::string& key, const at::Tensor& loss, const std::vector<at::Tensor>& more = {})
    {
        const double expected = golden.at("loss/" + key).item<double>();
        EXPECT_NEAR(loss.item<double>(), expected, 2e-5 * std::abs(expected)) << key;
        auto parameters = generator_->parameters();
        parameters.insert(parameters.end(), more.begin(), more.end());
        for (auto& parameter : parameters)
            parameter.mutable_grad() = at::Tensor();
        loss.backward();
        double square = 0;
        for (const auto& parameter : parameters)
            if (parameter.grad().defined())
                square += parameter.grad().abs().square().sum(at::kDouble).item<double>();
        const double gradient = golden.at("grad_l2/" + key).item<double>();
        EXPECT_NEAR(std::sqrt(square), gradient, 1e-3 * gradient) << key;
    }

    at::Tensor relative() const { return golden.at("in/coords_relative").squeeze(2); }

    golden::Case golden;
    physics::PtychoPinnForward forward;

private:
    void fill()
    {
        const std::string prefix = "param/model.generator.";
        auto state = generators::testing::state_of(*generator_);
        std::size_t filled = 0;
        for (const auto& [key, value] : golden.arrays)
            if (key.starts_with(prefix)) {
                const c10::NoGradGuard no_gradient;
                const auto found = state.find(key.substr(prefix.size()));
                ASSERT_NE(found, state.end()) << key;
                found->second->copy_(value);
                ++filled;
            }
        ASSERT_EQ(filled, state.size());
        for (const auto& [name, tensor] : generator_->named_parameters())
            tensor->requires_grad_(true);
    }

    std::unique_ptr<generators::Generator> generator_;
};

double mean_of(const at::Tensor& values)
{
    return values.mean(at::kDouble).item<double>();
}

class AmplitudeModule : public Module {
public:
    explicit AmplitudeModule(const std::string& file, const std::string& output = "real_imag")
        : Module(file, output), images(golden.at("in/images")),
          factor(golden.at("in/physics_scaling_constant")[0].item<double>())
    {
        forward.scale = golden.at("in/rms_scaling_constant");
        network = patches(images, "in/rms_scaling_constant");
    }

    /// Scaled by the physics constant, as both sides of the reference's losses.
    at::Tensor intensity() const { return (amplitude() * factor).square(); }
    at::Tensor amplitude() const
    {
        return physics::amplitude_forward(network, relative(), golden.at("in/probe"), forward);
    }
    at::Tensor poisson() const
    {
        PtychoPinnStatistics statistics;
        statistics.physics_scale = factor;
        return PtychoPinnPhysics({}, statistics, golden.at("in/probe"), {}, {}).loss(amplitude(), images);
    }
    // Its denominators are the mean of the amplitudes without the constant; ours the measurement's own.
    at::Tensor mae(bool match = false) const { return mae_loss(intensity(), images * factor, {}, match) * factor; }

    at::Tensor penalty(const std::string& name) const
    {
        return builtin_regularizers().get(name).make(network, PenaltyForm::Sum);
    }

    at::Tensor images, network;
    double factor;
};

class GoldenLoss : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenLoss, AmplitudeModuleWithRegularizers)
{
    const auto file = "loss_module_" + GetParam() + ".npz";
    const auto module = [&](PatchMerge merge = PatchMerge::CentralMask) {
        AmplitudeModule module(file); // a graph each
        module.merge(merge);
        return module;
    };
    auto plain = module();
    plain.expect("amp_central_mask_poisson", plain.poisson());
    auto absolute = module();
    absolute.expect("amp_central_mask_mae", absolute.mae());
    auto matched = module();
    matched.expect("amp_mae_l2match", matched.mae(/*match=*/true));
    auto smooth = module();
    smooth.expect("amp_poisson_tv_md", smooth.poisson() + 0.5 * smooth.penalty("tv_amplitude") +
                                           0.25 * smooth.penalty("mean_deviation_phase"));
    auto other = module();
    other.expect("amp_mae_md_tv",
                 other.mae() + 0.125 * other.penalty("mean_deviation_amplitude") + other.penalty("tv_phase"));
    auto gain = module();
    gain.forward.gain = 1.5;
    gain.expect("amp_poisson_gain", gain.poisson());
    for (const auto& [name, merge] : {std::pair{"probe", PatchMerge::Probe}, {"uniform", PatchMerge::Uniform}}) {
        const std::string key = std::string("amp_") + name;
        if (!plain.golden.has("loss/" + key + "_mae"))
            continue;
        auto merged = module(merge);
        merged.expect(key + "_mae", merged.mae());
        auto counted = module(merge);
        counted.expect(key + "_poisson", counted.poisson());
    }
}

TEST_P(GoldenLoss, BoundedOutput)
{
    AmplitudeModule module("loss_module_" + GetParam() + ".npz", "amp_phase_logits");
    module.merge(PatchMerge::CentralMask);
    module.expect("amp_mae_logits", module.mae());
}

TEST_P(GoldenLoss, TrainedFactorAndOffsetOfAmplitudes)
{
    AmplitudeModule module("loss_module_" + GetParam() + ".npz");
    module.merge(PatchMerge::CentralMask);
    const auto alpha = at::ones({1}).requires_grad_(true), beta = at::ones({1}).requires_grad_(true);
    const auto experiment = module.golden.at("in/experiment_id");
    module.forward.alpha = alpha.index_select(0, experiment);
    module.forward.beta = beta.index_select(0, experiment);
    module.forward.scale = at::full({1, 1, 1, 1}, 3.0);
    module.network = module.patches(module.images, module.forward.scale);
    // Of the amplitudes themselves: with the offset they are no roots of an intensity.
    const auto predicted =
        physics::amplitude_forward(module.network, module.relative(), module.golden.at("in/probe"), module.forward);
    const auto loss = ((predicted - module.images).abs().mean() * module.factor) / module.images.mean();
    module.expect("amp_mae_alphabeta", loss, {alpha, beta});
}

/// A learnt number d: the network's input and what comes out of the physics times exp(-d), or one of them.
TEST_P(GoldenLoss, LearnedShiftOfTheScales)
{
    for (const std::string mode : {"tied", "input", "output", "fixed"}) {
        AmplitudeModule module("loss_module_" + GetParam() + ".npz");
        module.merge(PatchMerge::CentralMask);
        const auto d = at::full({}, 0.375).requires_grad_(mode != "fixed");
        const auto scale = module.golden.at("in/rms_scaling_constant");
        if (mode != "output")
            module.network = module.patches(module.images, scale * (-d).exp());
        module.forward.scale = mode == "input" ? scale : scale * d.exp();
        const auto key = "amp_poisson_parity_" + mode;
        module.expect(key, module.poisson(), {d});
        const double expected = module.golden.at("grad_delta/" + key).item<double>();
        EXPECT_NEAR(d.grad().defined() ? d.grad().item<double>() : 0, expected, 1e-3 * std::abs(expected)) << key;
    }
}

TEST_P(GoldenLoss, RectangularModule)
{
    for (const std::string key : {"rect_legacy_mae", "rect_legacy_poisson"}) {
        Module module("loss_module_" + GetParam() + ".npz");
        module.merge(PatchMerge::Probe);
        const auto s1 = at::ones({1}).requires_grad_(true), s2 = at::ones({1}).requires_grad_(true);
        const auto experiment = module.golden.at("in/experiment_id");
        module.forward.s1 = s1.index_select(0, experiment);
        module.forward.s2 = s2.index_select(0, experiment);
        module.forward.probe_scale = 1;
        module.forward.scale =
            (module.golden.at("in/probe_scaling").square() * module.golden.at("in/physics_scaling_constant") + 1e-9)
                .reciprocal()
                .sqrt();
        const auto images = module.golden.at("in/images");
        const auto intensity =
            physics::rectangular_forward(module.patches(images, "in/rms_scaling_constant"), module.relative(),
                                         module.golden.at("in/probe"), module.forward);
        // The reference compares with what it is given, whatever that is.
        module.expect(key,
                      key == "rect_legacy_mae"
                          ? mae_intensity_loss(intensity, images.sqrt(), {}, /*squared_again=*/true)
                          : poisson_loss(intensity, module.golden.at("in/observed_counts").sqrt()),
                      {s1, s2});
    }
}

INSTANTIATE_TEST_SUITE_P(Modules, GoldenLoss, ::testing::Values("c1_p1", "c4_p1", "c4_p2"),
                         [](const auto& info) { return info.param; });

TEST(GoldenCountIntensity, PoissonLossBeforeAndAfterCalibration)
{
    for (const std::string file : {"loss_ci_c1_p1.npz", "loss_ci_c4_p2.npz"}) {
        for (const std::string state : {"before", "after"}) {
            Module module(file);
            module.merge(PatchMerge::Probe);
            const double start = state == "before" ? 1 : module.golden.at("calibrated_s").item<double>();
            const auto s1 = at::full({1}, start).requires_grad_(true), s2 = at::full({1}, start).requires_grad_(true);
            const auto experiment = module.golden.at("in/experiment_id");
            module.forward.s1 = s1.index_select(0, experiment);
            module.forward.s2 = s2.index_select(0, experiment);
            module.forward.probe_scale = 1;
            module.forward.scale = module.golden.at("in/probe_normalization").squeeze(-1).reciprocal();
            const auto measured = module.golden.at("in/measured_intensity");
            const auto intensity =
                physics::rectangular_forward(module.patches(measured, "in/rms_input_scale"), module.relative(),
                                             module.golden.at("in/probe"), module.forward);
            // The mean over this batch is the data set's.
            module.expect(state, poisson_loss(intensity, measured.sqrt()), {s1, s2});
            const double raw = mean_of(poisson_negative_log_likelihood(intensity, measured));
            EXPECT_NEAR(raw, module.golden.at("raw_count_nll/" + state).item<double>(), 2e-5 * raw) << file << state;
            if (state == "before") {
                const double s = module.golden.at("grad_s1/before")[0].item<double>();
                EXPECT_NEAR(s1.grad()[0].item<double>(), s, 1e-3 * std::abs(s)) << file;
            }
        }
    }
}

} // namespace
} // namespace ptk::training
