#include "core/golden.h"
#include "core/physics/gradient.h"
#include "physics/born.h"

namespace ptk::physics {
namespace {

BornGeometry geometry(BornGeometry::Norm norm, const std::vector<double>& angles)
{
    return {.side = 32, .detector = 40, .angles = angles, .wavelength = 5.5, .norm = norm};
}

TEST(Born, IsPtychoPinns)
{
    for (const auto& [name, norm] : {std::pair{"unitary_fft", BornGeometry::Norm::Unitary},
                                     {"odtbrain_compatible", BornGeometry::Norm::OdtBrain}}) {
        const auto file = golden::load(std::string("phys_born_") + name + ".npz");
        const auto angles = file.at("in/angles").contiguous();
        const auto* first = angles.const_data_ptr<double>();
        const BornOperator born(geometry(norm, {first, first + angles.numel()}));
        EXPECT_TRUE(born.valid().equal(file.at("buf/valid_mask").to(at::kBool))) << name;
        const auto there = born.valid().unsqueeze(-1);
        golden::expect_close(born.samples() * there, file.at("buf/sampling_grid") * there, 1e-6, "samples");
        golden::expect_close(born.coefficient(), file.at("buf/coeff_imag") * born.valid(), 1e-6, "coefficient");

        const auto slice = file.at("in/q").squeeze(1).clone().requires_grad_(true);
        const auto field = at::view_as_real(born(slice));
        golden::expect_close(field, file.at("out/field"), file.tolerance, name);
        field.backward(file.at("in/grad_out"));
        golden::expect_close(slice.grad().unsqueeze(1), file.at("out/grad_q"), file.tolerance,
                             std::string(name) + ", gradient");
    }
}

TEST(Born, GradientInDouble)
{
    const auto weight = testing::random({2, 3, 40}, at::kComplexDouble, 2);
    for (const auto norm : {BornGeometry::Norm::Unitary, BornGeometry::Norm::OdtBrain}) {
        const BornOperator born(geometry(norm, {-0.4, 0.0, 0.7}));
        testing::expect_gradient([&](const at::Tensor& slice) { return (born(slice) + weight).abs().square().sum(); },
                                 testing::random({2, 32, 32}, at::kDouble, 1), "slice");
    }
}

TEST(Born, APointScattersItsPlaneWaves)
{
    // A point at index 0 has a flat spectrum: the field is the transform of the coefficients alone.
    auto slice = at::zeros({1, 32, 32}, at::kDouble);
    slice[0][0][0].fill_(1);
    const BornOperator born(geometry(BornGeometry::Norm::Unitary, {0.3}));
    const auto expected =
        at::fft_ifft(at::complex(at::zeros({40}, at::kDouble), born.coefficient()[0] / 32), c10::nullopt, -1, "ortho");
    // Interpolation at the edge of the spectrum mixes in zeros; none of these samples lies there.
    ASSERT_LT(born.samples()[0].masked_select(born.valid()[0].unsqueeze(-1)).abs().max().item<double>(), 1);
    golden::expect_close(born(slice)[0][0], expected, 1e-12, "point");
}

TEST(Born, RefusesWhatIsNoGeometry)
{
    EXPECT_THROW(BornOperator({.side = 32, .detector = 40, .angles = {}, .wavelength = 5}), Error);
    EXPECT_THROW(BornOperator({.side = 32, .detector = 40, .angles = {0}, .wavelength = 0}), Error);
    EXPECT_THROW(BornOperator({.side = 1, .detector = 40, .angles = {0}, .wavelength = 5}), Error);
    const BornOperator born(geometry(BornGeometry::Norm::Unitary, {0}));
    EXPECT_THROW(born(at::zeros({1, 31, 32})), Error);
}

} // namespace
} // namespace ptk::physics
