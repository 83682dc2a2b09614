#include "base/choices.h"
#include "base/numpy_random.h"
#include "core/generators/testing.h"
#include "core/golden.h"
#include "data/groups.h"
#include "data/normalisation.h"
#include "data/scan.h"
#include "physics/probe.h"
#include "physics/rectangular_fit.h"
#include "reconstruction/ptychopinn_assembly.h"

namespace ptk::reconstruction {
namespace {

TEST(PtychoPinnAssembly, ByTranslation)
{
    const auto file = golden::load("reasm_translation.npz");
    const auto positions = file.at("single/coords_global").view({-1, 2});
    const auto single = ptychopinn_translated(file.at("single/patches").squeeze(1), positions, 10);
    golden::expect_close(single.sum, file.at("single/sum"), file.tolerance, "single, sum");
    golden::expect_close(single.ones, at::real(file.at("single/ones")), file.tolerance, "single, ones");
    const auto groups = ptychopinn_translated(file.at("multi/patches"), file.at("multi/coords_relative").squeeze(2),
                                              file.at("multi/coords_center").view({-1, 2}), 10);
    golden::expect_close(groups.sum, file.at("multi/sum")[0], file.tolerance, "groups, sum");
    golden::expect_close(groups.ones, file.at("multi/ones")[0], file.tolerance, "groups, ones");
    EXPECT_THROW(ptychopinn_translated(file.at("single/patches").squeeze(1), positions, 11), Error);
}

TEST(PtychoPinnAssembly, Layout)
{
    const auto file = golden::load("reasm_layout.npz");
    const auto layout = ptychopinn_layout(file.at("in/coords_global"), file.at("in/middle_trim").item<std::int64_t>());
    EXPECT_EQ(layout.height, file.at("out/canvas_shape")[0].item<std::int64_t>());
    EXPECT_EQ(layout.width, file.at("out/canvas_shape")[1].item<std::int64_t>());
    EXPECT_NEAR(layout.centre_x, file.at("out/com")[0].item<double>(), 1e-5);
    EXPECT_NEAR(layout.centre_y, file.at("out/com")[1].item<double>(), 1e-5);
}

/// One experiment of the reference from its file to its canvases.
class EndToEnd : public ::testing::TestWithParam<std::string> {
protected:
    EndToEnd() : file(golden::load("reasm_end_to_end_" + GetParam() + ".npz")), counts(GetParam() == "c4_ci") {}

    static constexpr std::int64_t side = 24;

    data::Scan scan() const
    {
        data::Scan made;
        made.source = file.file;
        made.frames = data::frames_in_memory(file.at("file/diff3d"));
        made.measurement = counts ? data::Measurement::Intensity : data::Measurement::Amplitude;
        made.positions = at::stack({file.at("file/xcoords"), file.at("file/ycoords")}, 1);
        made.probe = physics::canonical_probe(file.at("file/probeGuess"), side);
        return made;
    }

    /// Rows of indices into the frames of the file.
    at::Tensor groups(const data::Scan& all) const
    {
        base::NumpyRandom random(static_cast<std::uint32_t>(file.at("in/numpy_seed").item<std::int64_t>()));
        base::NumpyChoices choices(random);
        const std::pair<double, double> whole{0, 1}, inner{0.05, 0.95};
        const auto inside = data::inside_bounds(all.positions, whole, GetParam() == "c1_amp" ? whole : inner);
        const auto local = data::nearest_groups(all.positions.index_select(0, inside), GetParam() == "c1_amp" ? 1 : 4,
                                                /*neighbours=*/5, /*samples=*/1, choices);
        return inside.index_select(0, local.flatten()).view(local.sizes());
    }

    /// The network's patches of all groups, from frames times a factor.
    at::Tensor patches(const at::Tensor& frames, double scale) const
    {
        const auto generator =
            generators::testing::make("fno", {.side = side, .group_size = frames.size(1)},
                                      R"({"fno_width": 6, "fno_modes": 5, "fno_blocks": 1, "fno_cnn_blocks": 1})");
        const c10::NoGradGuard no_gradient;
        for (const auto& [name, tensor] : generators::testing::state_of(*generator))
            tensor->copy_(file.at("param/model.generator." + name));
        generator->set_training(false);
        return generator->forward({.amplitude = frames, .scale = scale});
    }

    golden::Case file;
    bool counts;
};

void expect_canvas(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what)
{
    const double largest = expected.abs().max().item<double>();
    golden::expect_close(actual / largest, expected / largest, tolerance, what);
}

TEST_P(EndToEnd, FromTheFileToTheCanvas)
{
    const auto all = scan();
    const auto rows = groups(all);
    ASSERT_TRUE(rows.equal(file.at("dataset/nn_indices")));
    const auto positions = all.positions.index_select(0, rows.flatten()).view({-1, rows.size(1), 2});
    golden::expect_close(positions.unsqueeze(2), file.at("dataset/coords_global").to(at::kDouble), 1e-6, "positions");
    const auto relative = data::relative_positions(all.positions, rows);
    golden::expect_close(relative.relative.unsqueeze(2), file.at("dataset/coords_relative").to(at::kDouble), 1e-5,
                         "relative positions");

    const auto normalised = physics::normalised_like_ptychopinn(all.probe, 2, {});
    golden::expect_close(normalised.probe, file.at("dataset/probes")[0], 1e-5, "probe");
    const double factor = file.at("dataset/probe_scaling")[0].item<double>();
    EXPECT_NEAR(normalised.factor, factor, 1e-5 * factor);

    const auto frames = file.at("file/diff3d").index_select(0, rows.flatten()).view({-1, rows.size(1), side, side});
    // Amplitudes: of all frames of the file. Counts: of the rows that are trained on, frames as often as they come.
    const double scale = counts
                             ? data::parseval_scale(frames.to(at::kDouble).square().sum({2, 3}).mean().item<double>(),
                                                    side, /*half_side=*/true)
                             : data::input_scale(data::frame_sums(all), side, {});
    if (!counts) {
        const double expected = file.at("dataset/rms_scaling_constant")[0].item<double>();
        EXPECT_NEAR(scale, expected, 1e-5 * expected);
        const double physics = file.at("dataset/physics_scaling_constant")[0].item<double>();
        EXPECT_NEAR(data::physics_scale(data::frame_sums(all).mean_amplitude), physics, 1e-5 * physics);
    }
    const auto predicted = patches(frames, scale);
    golden::expect_close(predicted.narrow(0, 0, 4), file.at("out/patches"), 5e-5, "patches");

    const auto probe = counts ? all.probe : normalised.probe;
    physics::RectangularMoments moments; // in batches of seven groups, as there
    for (std::int64_t begin = 0; begin < rows.size(0); begin += 7) {
        const auto count = std::min<std::int64_t>(7, rows.size(0) - begin);
        moments.add(physics::rectangular_basis(physics::rectangular_waves(predicted.narrow(0, begin, count), probe)),
                    frames.narrow(0, begin, count));
    }
    const auto fitted = physics::exact_scales(moments);
    int seen = 0;
    for (const auto& [key, canvas] : file.arrays) {
        if (!key.starts_with("out/") || !key.ends_with("/canvas"))
            continue;
        ++seen;
        const bool weighted = key.starts_with("out/probe"), varpro = key.find("varpro") != std::string::npos;
        const auto trim = key.find("trim20") != std::string::npos ? 20 : 12;
        const auto object = ptychopinn_barycentric(predicted, positions, weighted ? probe : at::Tensor(), trim);
        expect_canvas(varpro ? physics::scaled_parts(object, fitted) : object, canvas, varpro ? 2e-4 : 5e-5, key);
    }
    EXPECT_EQ(seen, counts ? 4 : 5);
    const auto layout = ptychopinn_layout(positions, 12);
    EXPECT_NEAR(layout.centre_x, file.at("out/anchor_com")[0].item<double>(), 1e-4);
    EXPECT_NEAR(layout.centre_y, file.at("out/anchor_com")[1].item<double>(), 1e-4);

    if (!file.has("out/translation_trim12/object_nan_as_zero"))
        return;
    const auto sums = rows.size(1) == 1
                          ? ptychopinn_translated(predicted.squeeze(1), positions.flatten(0, 1), 12)
                          : ptychopinn_translated(predicted, relative.relative, relative.centre.squeeze(1), 12);
    const auto object = at::where(sums.ones > 0, sums.sum / sums.ones, at::zeros_like(sums.sum));
    const auto expected = file.at("out/translation_trim12/object_nan_as_zero");
    ASSERT_EQ(object.numel(), expected.numel());
    // At the rim the weight of a pixel is a rounding error, here and there.
    const auto sure = sums.ones > 1e-4;
    expect_canvas(object.masked_select(sure), expected.view(object.sizes()).masked_select(sure), 5e-5, "translation");
}

INSTANTIATE_TEST_SUITE_P(Experiments, EndToEnd, ::testing::Values("c1_amp", "c4_amp", "c4_ci"),
                         [](const auto& info) { return info.param; });

} // namespace
} // namespace ptk::reconstruction
