#include "core/evaluation/fields.h"
#include "core/golden.h"
#include "evaluation/evaluate.h"
#include "evaluation/ptychopinn_scores.h"

namespace ptk::evaluation {
namespace {

double number(const golden::Case& golden, const std::string& key)
{
    return golden.at(key).item<double>();
}

void expect_relative(double actual, double expected, double tolerance, const std::string& what)
{
    EXPECT_NEAR(actual, expected, tolerance * std::abs(expected)) << what;
}

TEST(PtychoPinnScores, AreTheReferences)
{
    const auto golden = golden::load("metrics_eval_reconstruction.npz");
    for (const std::string align : {"plane", "mean"}) {
        for (const int sigma : {0, 1}) {
            const auto prefix = align + "_frcsigma" + std::to_string(sigma) + "/";
            PtychoPinnEvaluation options;
            options.phase_align =
                align == "plane" ? PtychoPinnEvaluation::PhaseAlign::Plane : PtychoPinnEvaluation::PhaseAlign::Mean;
            options.frc_sigma = sigma;
            const auto scores = ptychopinn_scores(golden.at("in/pred"), golden.at("in/target"), options);
            const auto pair = [&](const std::array<double, 2>& actual, const std::string& key, double tolerance) {
                for (std::size_t i = 0; i < 2; ++i)
                    expect_relative(actual[i],
                                    golden.at(prefix + key + "_amp_phase")[static_cast<std::int64_t>(i)].item<double>(),
                                    tolerance, prefix + key);
            };
            pair(scores.mae, "mae", 1e-5);
            pair(scores.mse, "mse", 1e-5);
            pair(scores.psnr, "psnr", 1e-5);
            pair(scores.ssim, "ssim", 1e-5);
            pair(scores.ms_ssim, "ms_ssim", 1e-5);
            for (const auto& [rings, key] :
                 {std::pair{scores.frc_half, "frc50_amp_phase"}, {scores.frc_seventh, "frc1over7_amp_phase"}})
                for (std::size_t i = 0; i < 2; ++i)
                    EXPECT_NEAR(rings[i], golden.at(prefix + key)[static_cast<std::int64_t>(i)].item<double>(), 1e-3)
                        << prefix << key;
            for (const auto& [curve, key] :
                 {std::pair{&scores.frc_amplitude, "frc_amp"}, {&scores.frc_phase, "frc_phase"}})
                golden::expect_close(at::tensor(*curve, at::kDouble), golden.at(prefix + key), 5e-5,
                                     prefix + key); // of float32 images
        }
    }
}

TEST(PtychoPinnScores, MultiScaleSsim)
{
    const auto golden = golden::load("metrics_basic.npz");
    const auto target = golden.at("in/target").abs(), pred = golden.at("in/pred").abs();
    expect_relative(multi_scale_ssim(pred, target, 0), number(golden, "amp_raw/ms_ssim"), 1e-5, "as they are");
    expect_relative(multi_scale_ssim(pred, target, 1), number(golden, "amp_raw/ms_ssim_sigma1"), 1e-5, "smoothed");
    expect_relative(multi_scale_ssim(pred, target, 0, 3), number(golden, "amp_raw/ms_ssim_levels3"), 1e-5, "3 levels");
    expect_relative(multi_scale_ssim(target, target, 0), number(golden, "identity/ms_ssim"), 1e-5, "of itself");
    EXPECT_THROW(multi_scale_ssim(pred, target, 0, 6), Error);
    EXPECT_THROW(multi_scale_ssim(pred, target.narrow(0, 0, 50), 0), Error);
}

TEST(PtychoPinnScores, PhasePlanesAndTaper)
{
    const auto basic = golden::load("metrics_basic.npz");
    for (const std::string name : {"target", "pred"})
        golden::expect_close(without_plane(basic.at("in/" + name).angle()), basic.at("phase/plane_removed_" + name),
                             1e-5, name);
    const auto golden = golden::load("metrics_frc_preprocess.npz");
    const auto a = golden.at("in/a"), b = golden.at("in/b");
    golden::expect_close(phase_plane_matched(a, {}, true), golden.at("phase/ramp_only"), 1e-6, "ramp");
    const auto matched = phase_plane_matched(a, b, true);
    golden::expect_close(matched, golden.at("phase/matched"), 1e-6, "matched");
    golden::expect_close(phase_plane_matched(a, b, false), golden.at("phase/matched_uniform"), 1e-6, "uniform");
    golden::expect_close(matched, golden.at("noalign_notaper/a"), 1e-6, "without taper");
    golden::expect_close(tapered(matched, 10), golden.at("noalign/a"), 1e-6, "tapered a");
    golden::expect_close(tapered(b, 10), golden.at("noalign/b"), 1e-6, "tapered b");
    EXPECT_TRUE(at::real(tapered(at::ones({9, 9}), 0)).eq(1).all().item<bool>());
}

TEST(PtychoPinnScores, OfAResultInTheReferencesFrame)
{
    const auto golden = golden::load("metrics_eval_reconstruction.npz");
    const auto truth = golden.at("in/target"), object = golden.at("in/pred");
    reconstruction::Result result;
    result.object = object.narrow(0, 4, 60).narrow(1, 6, 50).contiguous();
    result.origin_x = 6;
    result.origin_y = 4;
    const auto scores = evaluate_as_ptychopinn(result, {.object = truth});
    const auto expected = ptychopinn_scores(result.object, truth.narrow(0, 4, 60).narrow(1, 6, 50).contiguous());
    EXPECT_EQ(scores.mae, expected.mae);
    EXPECT_EQ(scores.frc_amplitude, expected.frc_amplitude);
    EXPECT_EQ(to_json(scores)["mae"]["phase"].get<double>(), expected.mae[1]);
    EXPECT_THROW(ptychopinn_scores(object, truth.narrow(0, 0, 30)), Error);
    EXPECT_THROW(ptychopinn_scores(object.narrow(0, 0, 11), truth.narrow(0, 0, 11)), Error);
}

} // namespace
} // namespace ptk::evaluation
