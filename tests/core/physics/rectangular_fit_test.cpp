#include "core/golden.h"
#include "physics/amplitude_forward.h"
#include "physics/rectangular_fit.h"

#include <array>

namespace ptk::physics {
namespace {

using golden::expect_close;

void expect_relative(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what)
{
    const double scale = expected.abs().max().item<double>();
    ASSERT_GT(scale, 0) << what;
    expect_close(actual / scale, expected.to(actual.scalar_type()) / scale, tolerance, what);
}

void expect_scales(const RectangularScales& actual, const at::Tensor& expected, double tolerance,
                   const std::string& what)
{
    EXPECT_NEAR(actual.s1, expected[0].item<double>(), tolerance) << what;
    EXPECT_NEAR(actual.s2, expected[1].item<double>(), tolerance) << what;
}

/// From (s1^2, s1 s2, s2^2), the order of that file, to ours.
at::Tensor reordered(const at::Tensor& values)
{
    const auto order = at::tensor({0, 2, 1}, at::kLong);
    auto result = values;
    for (std::int64_t axis = 0; axis < values.dim(); ++axis)
        result = result.index_select(axis, order);
    return result;
}

TEST(RectangularFit, GlobalOptimumIsPtychoPinns)
{
    const auto file = golden::load("phys_rect_scales.npz");
    const RectangularBasis basis{file.at("A"), file.at("B"), 2 * file.at("C").to(at::kDouble)};
    for (int i = 0; i < 5; ++i) {
        const auto prefix = "case" + std::to_string(i) + "/";
        RectangularMoments plain, weighted;
        plain.add(basis, file.at(prefix + "I"));
        weighted.add(basis, file.at(prefix + "I"), file.at("weights"));
        expect_scales(exact_scales(plain), file.at(prefix + "solution"), 2e-6, prefix);
        expect_scales(exact_scales(weighted), file.at(prefix + "solution_weighted"), 2e-6, prefix + "weighted");
    }
}

TEST(RectangularFit, MomentsMayComeInParts)
{
    const auto file = golden::load("phys_rect_scales.npz");
    const auto a = file.at("stream/psi_a").to(at::kComplexDouble), b = file.at("stream/psi_b").to(at::kComplexDouble);
    const auto measured = file.at("stream/I");
    RectangularMoments moments;
    for (const auto& [first, count] : {std::pair{0, 2}, {2, 3}, {5, 1}})
        moments.add(rectangular_basis({a.narrow(0, first, count).unsqueeze(1), b.narrow(0, first, count).unsqueeze(1)}),
                    measured.narrow(0, first, count));
    // The reference multiplies the waves in single precision.
    expect_relative(moments.matrix(), reordered(file.at("stream/M")), 1e-7, "M");
    expect_relative(moments.vector(), reordered(file.at("stream/b")), 1e-7, "b");
    expect_scales(exact_scales(moments), file.at("stream/solution"), 1e-6, "solution");
}

TEST(RectangularFit, VarProStatisticsAndSolvers)
{
    const auto file = golden::load("phys_varpro.npz");
    const auto part = [&](const std::string& name, std::int64_t first, std::int64_t count) {
        return file.at(name).narrow(0, first, count);
    };
    for (int i = 0; i < 3; ++i) {
        const auto prefix = "case" + std::to_string(i) + "/";
        RectangularMoments moments;
        for (const auto& [first, count] : {std::pair{0, 2}, {2, 1}})
            moments.add({part("X1", first, count), part("X2", first, count), part("X3", first, count)},
                        part(prefix + "I", first, count));
        expect_relative(moments.matrix(), file.at(prefix + "ATA"), 1e-9, prefix + "matrix");
        expect_relative(moments.vector(), file.at(prefix + "ATb").squeeze(1), 1e-9, prefix + "vector");
        EXPECT_EQ(moments.pixels(), file.at(prefix + "n_pixels").item<std::int64_t>());
        EXPECT_NEAR(moments.power(), file.at(prefix + "sum_I2").item<double>(), 1e-9 * moments.power());
        EXPECT_NEAR(moments.condition(), file.at(prefix + "condition").item<double>(), 1e-8);
        expect_close(moments.correlation(), file.at(prefix + "correlation"), 1e-9, prefix + "correlation");

        expect_scales(projected_scales(moments), file.at(prefix + "solve"), 1e-5, prefix + "solve");
        expect_scales(adam_scales(moments), file.at(prefix + "solve_autograd"), 1e-4, prefix + "solve_autograd");
        const auto exact = exact_scales(moments);
        expect_scales(exact, file.at(prefix + "solve_lbfgs"), 1e-5, prefix + "solve_lbfgs");
        // Nothing is better than the exact one, and the reference's others are as good as their way lets them.
        const auto reference = file.at(prefix + "solve_quadratic_direct");
        EXPECT_LE(moments.misfit(exact),
                  moments.misfit({reference[0].item<double>(), reference[1].item<double>()}) + 1e-12);
        expect_close(scaled_parts(file.at("canvas/in"), exact), file.at(prefix + "canvas_scaled"), 2e-5,
                     prefix + "canvas");

        const auto swapped = moments.swapped();
        expect_relative(swapped.matrix(), file.at(prefix + "swapped_ATA"), 1e-9, prefix + "swapped matrix");
        expect_relative(swapped.vector(), file.at(prefix + "swapped_ATb").squeeze(1), 1e-9, prefix + "swapped vector");
        // Where L-BFGS stops depends on the order: its two answers to case 1 differ by 1.6e-5.
        expect_scales(exact_scales(swapped), file.at(prefix + "swapped_solve_lbfgs"), 2e-5, prefix + "swapped");
    }
}

TEST(RectangularFit, BasisOfAnObject)
{
    const auto file = golden::load("phys_varpro.npz");
    const auto check = [&](const std::string& kind, const at::Tensor& scale) {
        const auto waves = rectangular_waves(file.at("basis/object"), file.at("basis/probe"), scale);
        const auto basis = rectangular_basis(waves);
        expect_relative(basis.x1, file.at("basis/" + kind + "_X1"), 2e-5, kind + " X1");
        expect_relative(basis.x2, file.at("basis/" + kind + "_X2"), 2e-5, kind + " X2");
        expect_relative(basis.x3, file.at("basis/" + kind + "_X3"), 2e-5, kind + " X3");
        return waves;
    };
    check("plain", {});
    const auto waves = check("scaled", file.at("basis/scale"));
    expect_relative(waves.real, file.at("basis/scaled_psi_a"), 2e-5, "psi_a");
    expect_relative(waves.imaginary, file.at("basis/scaled_psi_b"), 2e-5, "psi_b");
}

TEST(RectangularFit, ForwardWithGradients)
{
    const auto file = golden::load("phys_rectangular.npz");
    const auto object = file.at("in/object").clone().requires_grad_(true);
    const auto s1 = file.at("param/s1").clone().requires_grad_(true),
               s2 = file.at("param/s2").clone().requires_grad_(true);
    const auto experiment = file.at("in/experiment_id");
    PtychoPinnForward options;
    options.merge = PatchMerge::None;
    options.scale = file.at("in/scale");
    options.s1 = s1.index_select(0, experiment);
    options.s2 = s2.index_select(0, experiment);
    const auto intensity = rectangular_forward(object, {}, file.at("in/probe"), options);
    expect_relative(intensity, file.at("out/intensity"), 2e-5, "intensity");
    intensity.backward(file.at("in/grad_out"));
    expect_relative(object.grad(), file.at("out/grad_object"), 2e-5, "gradient of the object");
    expect_relative(s1.grad(), file.at("out/grad_s1"), 2e-5, "gradient of s1");
    expect_relative(s2.grad(), file.at("out/grad_s2"), 2e-5, "gradient of s2");
}

TEST(RectangularFit, CoefficientsOfSingleImages)
{
    const auto file = golden::load("phys_rectangular.npz");
    const auto object = file.at("in/object"), probe = file.at("in/probe"), measured = file.at("solve/measured");
    const auto waves = rectangular_waves(object, probe, at::full({1}, 1.5));
    expect_relative(waves.real, file.at("basis/psi_a_scale1.5"), 2e-5, "psi_a");
    expect_relative(waves.imaginary, file.at("basis/psi_b_scale1.5"), 2e-5, "psi_b");

    const auto two = at::full({1}, 2.0);
    const auto basis = rectangular_basis(rectangular_waves(object, probe, two));
    expect_relative(basis.x1, file.at("solve/X1"), 2e-5, "X1");
    expect_relative(basis.x2, file.at("solve/X2"), 2e-5, "X2");
    expect_relative(basis.x3, file.at("solve/X3"), 2e-5, "X3");
    const auto coefficients = image_coefficients(basis, measured);
    expect_relative(coefficients, file.at("solve/coefficients"), 1e-4, "coefficients");
    const auto scales = projected_scales(coefficients);
    expect_relative(scales, file.at("solve/projected"), 1e-4, "projected");
    // That mode of the reference adds the factors themselves, where their squares would be right.
    const auto s1 = scales.select(2, 0).unsqueeze(-1).unsqueeze(-1),
               s2 = scales.select(2, 1).unsqueeze(-1).unsqueeze(-1);
    expect_relative((s1 * basis.x1 + s2 * basis.x2 + s1 * s2 * basis.x3).clamp_min(0),
                    file.at("solve/intensity_autograd_false_scale2"), 1e-4, "intensity");
    const auto single = rectangular_basis(rectangular_waves(object, probe.narrow(0, 0, 1), two));
    expect_relative(image_coefficients(single, measured), file.at("solve/coefficients_single_mode"), 1e-4,
                    "coefficients, one mode");
    expect_close(projected_scales(file.at("project/c")), file.at("project/s"), 1e-5, "projection");
}

TEST(RectangularFit, SaysWhatItCannotFit)
{
    RectangularMoments moments;
    const auto ones = at::ones({4, 4});
    moments.add({ones, at::zeros({4, 4}), at::zeros({4, 4})}, ones); // an object without imaginary part
    EXPECT_THROW(exact_scales(moments), Error);
    RectangularMoments alike;
    alike.add({ones, ones, 2 * ones}, ones);
    EXPECT_THROW(exact_scales(alike), Error);
    EXPECT_THROW(alike.add({ones, ones, ones}, at::ones({4, 5})), Error);
}

} // namespace
} // namespace ptk::physics
