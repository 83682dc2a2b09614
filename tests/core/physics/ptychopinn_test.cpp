#include "core/golden.h"
#include "physics/amplitude_forward.h"
#include "physics/far_field.h"
#include "physics/patches.h"
#include "physics/probe.h"

namespace ptk::physics {

namespace {

using golden::expect_close;

/// Passes grad_out back and returns the gradient of @p input.
at::Tensor gradient(const at::Tensor& output, const at::Tensor& grad_out, const at::Tensor& input)
{
    auto leaf = input;
    leaf.mutable_grad() = at::Tensor();
    output.backward(grad_out.view_as(output), true);
    return input.grad();
}

TEST(PtychoPinn, Translation)
{
    const auto file = golden::load("phys_translation.npz");
    for (const std::string kind : {"real", "wide"}) {
        for (const std::string type : {"", "_complex"}) {
            const auto key = kind + type + "/";
            const auto image = file.at(key + "img").requires_grad_(true);
            const auto offset = file.at(kind + "/offset_xy").squeeze(1).requires_grad_(true);
            const auto moved = translated(image, offset);
            expect_close(moved.unsqueeze(1), file.at(key + "out"), file.tolerance, key + "out");
            expect_close(gradient(moved, file.at(key + "grad_out"), image), file.at(key + "grad_img"), file.tolerance,
                         key + "grad_img");
            expect_close(gradient(moved, file.at(key + "grad_out"), offset).unsqueeze(1), file.at(key + "grad_offset"),
                         2 * file.tolerance, key + "grad_offset");
        }
    }
}

class MergeExtract : public ::testing::TestWithParam<int> {};

TEST_P(MergeExtract, EqualsTheReference)
{
    const auto file = golden::load("phys_merge_extract_c" + std::to_string(GetParam()) + ".npz");
    const auto patches = file.at("in/patches").requires_grad_(true);
    const auto relative = file.at("in/coords_relative").squeeze(2);
    const auto side = patches.size(3);
    const auto check = [&](const std::string& kind, const at::Tensor& merged) {
        expect_close(merged, file.at(kind + "/merged"), file.tolerance, kind);
        if (!file.has(kind + "/extracted"))
            return;
        const auto cut = extract_patches(merged, relative, side);
        expect_close(cut, file.at(kind + "/extracted"), file.tolerance, kind + ", extracted");
        expect_close(gradient(cut, file.at(kind + "/grad_out"), patches), file.at(kind + "/grad_patches"),
                     file.tolerance, kind + ", gradient");
    };
    const auto padded = [&](const std::string& kind) { return file.at(kind + "/padded_size").item<std::int64_t>(); };
    check("central_mask", merge_central_mask(patches, relative, padded("central_mask")));
    check("uniform", merge_weighted(patches, relative, {}, padded("uniform"), false));
    check("probe", merge_weighted(patches, relative, file.at("in/probe").abs().square().sum(0), padded("probe"), true));
    // The reference takes three axes for a probe of each group.
    check("probe3d", merge_weighted(patches, relative, file.at("probe3d/probe").abs().square().unsqueeze(1),
                                    padded("probe"), true));
    check("oddpad", merge_central_mask(patches, relative, padded("oddpad")));
}

INSTANTIATE_TEST_SUITE_P(Groups, MergeExtract, ::testing::Values(1, 4, 9));

TEST(PtychoPinn, CoherentAmplitude)
{
    const auto file = golden::load("phys_pad_and_diffract.npz");
    for (const std::string key : {"P1/", "P2/", "P3/"}) {
        const auto exit = file.at(key + "exit_wave").requires_grad_(true);
        const auto amplitude = coherent_amplitude(exit);
        expect_close(amplitude, file.at(key + "amplitude"), file.tolerance, key + "amplitude");
        expect_close(gradient(amplitude, file.at(key + "grad_out"), exit), file.at(key + "grad_exit_wave"),
                     file.tolerance, key + "gradient");
    }
}

TEST(PtychoPinn, MasksAndPaddedSides)
{
    const auto file = golden::load("phys_masks_illumination.npz");
    expect_close(soft_disk(64, {}, 1), file.at("soft/N64_s1.0_d32.0"), file.tolerance, "N 64");
    expect_close(soft_disk(32, 16.0, 1), file.at("soft/N32_s1.0_d16.0"), file.tolerance, "N 32");
    expect_close(soft_disk(33, 16.5, 2), file.at("soft/N33_s2.0_d16.5"), file.tolerance, "N 33");
    expect_close(soft_disk(48, 20.0, 0.5), file.at("soft/N48_s0.5_d20.0"), file.tolerance, "N 48");
    expect_close(soft_disk(32, 30.0, 0), file.at("soft/N32_s0.0_d30.0"), file.tolerance, "N 32, hard");
    const auto probe = file.at("illum/probe")[0][0], object = file.at("illum/object");
    expect_close(object.unsqueeze(2) * (probe * soft_disk(20, {}, 1)), file.at("illum/exit_on"), file.tolerance,
                 "illumination through the disk");
    const auto table = file.at("padded_size/N_gridsize_maxdist_M").to(at::kDouble);
    for (std::int64_t i = 0; i < table.size(0); ++i) {
        const auto side = table[i][0].item<double>(), grid = table[i][1].item<double>(),
                   distance = table[i][2].item<double>();
        EXPECT_EQ(padded_side(static_cast<std::int64_t>(side), static_cast<std::int64_t>(grid), distance),
                  table[i][3].item<double>())
            << side << " " << grid << " " << distance;
    }
}

TEST(PtychoPinn, ProbeNormalisation)
{
    const auto file = golden::load("phys_scale_constants.npz");
    const auto probe = canonical_probe(file.at("probe"), 20);
    const auto check = [&](const at::Tensor& given, double scale, const at::Tensor& under, const std::string& key) {
        const auto done = normalised_like_ptychopinn(given, scale, under);
        const auto expected = file.at("tf/" + key);
        expect_close(done.probe, canonical_probe(expected, 20), 1e-5, key);
        const double factor = file.at("tf/" + key + "_scaling").item<double>();
        EXPECT_NEAR(done.factor, factor, 1e-5 * factor) << key;
    };
    check(probe, 4, {}, "modes");
    check(probe, 4, soft_disk(20, {}, 1), "modes_masked");
    check(probe.narrow(0, 0, 1), 4, {}, "single");
    check(probe.narrow(0, 0, 1), 4, soft_disk(20, 9.0, 1.5), "single_masked");
    check(probe.narrow(0, 0, 1), 2, {}, "single_nn1");
}

struct Variant {
    std::string name;
    PatchMerge merge = PatchMerge::CentralMask;
    double gain = 1;
    double mask_sigma = 0; ///< 0: no mask
    bool trained_scales = false;
};

TEST(PtychoPinn, ForwardModels)
{
    const std::vector<Variant> variants{{"amp_central"},
                                        {"amp_probe", PatchMerge::Probe},
                                        {"amp_uniform", PatchMerge::Uniform},
                                        {"amp_mask", PatchMerge::CentralMask, 1, 1},
                                        {"amp_gain", PatchMerge::CentralMask, 1.75},
                                        {"amp_nomerge", PatchMerge::None},
                                        {"amp_alphabeta", PatchMerge::CentralMask, 1, 0, true},
                                        {"rect_probe", PatchMerge::Probe},
                                        {"rect_mask", PatchMerge::CentralMask, 1, 1.25}};
    int seen = 0;
    for (const int channels : {1, 4}) {
        const auto file = golden::load("phys_forward_c" + std::to_string(channels) + ".npz");
        const auto relative = file.at("in/coords_relative").squeeze(2);
        const auto experiment = file.at("in/experiment_id");
        for (const auto& variant : variants) {
            if (!file.has(variant.name + "/out"))
                continue;
            ++seen;
            const bool rectangular = variant.name.starts_with("rect");
            const auto parameter = [&](const std::string& name) {
                return file.at("param/" + name).clone().requires_grad_(true);
            };
            const auto alpha = parameter("alpha"), beta = parameter("beta"), s1 = parameter("s1"), s2 = parameter("s2");
            const auto patches = file.at("in/patches").clone().requires_grad_(true);
            PtychoPinnForward options;
            options.merge =
                channels == 1 ? PatchMerge::None : variant.merge; // the reference merges nothing in groups of one
            options.probe_scale = 1;
            options.padded = padded_side(20, 2, 3);
            options.gain = variant.gain;
            options.scale = file.at("in/output_scale");
            if (variant.mask_sigma > 0)
                options.mask = soft_disk(20, {}, variant.mask_sigma);
            if (variant.trained_scales) {
                options.scale = at::full({1, 1, 1, 1}, 2.0);
                options.alpha = alpha.index_select(0, experiment);
                options.beta = beta.index_select(0, experiment);
            }
            if (rectangular) {
                options.s1 = s1.index_select(0, experiment);
                options.s2 = s2.index_select(0, experiment);
            }
            const auto out = (rectangular ? rectangular_forward : amplitude_forward)(patches, relative,
                                                                                     file.at("in/probe"), options);
            const auto name = "C = " + std::to_string(channels) + ", " + variant.name;
            expect_close(out, file.at(variant.name + "/out"), file.tolerance, name);
            out.backward(file.at(variant.name + "/grad_out"));
            expect_close(patches.grad(), file.at(variant.name + "/grad_patches"), file.tolerance, name + ", gradient");
            for (const auto& [key, tensor] : {std::pair{"alpha", alpha}, {"beta", beta}, {"s1", s1}, {"s2", s2}}) {
                if (file.has(variant.name + "/grad_" + key))
                    expect_close(tensor.grad(), file.at(variant.name + "/grad_" + key), file.tolerance,
                                 name + ", " + key);
            }
        }
    }
    EXPECT_EQ(seen, 6 + 9);
}

TEST(PtychoPinn, IlluminateAndDiffract)
{
    const auto file = golden::load("phys_illuminate_and_diffract.npz");
    for (const std::string key : {"P1/", "P2/"}) {
        const auto made =
            illuminate_and_diffract(file.at(key + "object"), canonical_probe(file.at(key + "probe"), 24), 3000);
        expect_close(made.intensity, file.at(key + "intensity"), 1e-5, key + "intensity");
        expect_close(made.probe, file.at(key + "scaled_probe")[0], 1e-5, key + "probe");
    }
}

} // namespace

} // namespace ptk::physics
