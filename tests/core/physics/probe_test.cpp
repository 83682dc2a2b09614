#include "core/physics/gradient.h"
#include "physics/probe.h"

namespace ptk::physics {

namespace {

using testing::expect_gradient;
using testing::random;

double power(const at::Tensor& probe)
{
    return probe.abs().square().to(at::kDouble).sum().item<double>();
}

/// A smooth spot with a curved phase, not at the centre and not round.
at::Tensor spot(std::int64_t side, double row, double column)
{
    const auto y = at::arange(side, at::kDouble).unsqueeze(1) - row, x = at::arange(side, at::kDouble) - column;
    const auto modulus = at::exp(-(y / (0.10 * side)).square() - (x / (0.15 * side)).square());
    const auto phase = 0.01 * (y.square() + 2 * x.square());
    return at::polar(modulus, phase.expand_as(modulus).contiguous()).unsqueeze(0);
}

TEST(Probe, CanonicalShapes)
{
    const auto one = random({8, 8}, at::kComplexDouble, 1);
    for (const auto& given : {one, one.unsqueeze(0), one.unsqueeze(2)}) {
        const auto probe = canonical_probe(given, 8);
        EXPECT_EQ(probe.sizes(), at::IntArrayRef({1, 8, 8}));
        EXPECT_EQ(probe.scalar_type(), at::kComplexFloat);
        EXPECT_TRUE(at::equal(probe[0], one.to(at::kComplexFloat)));
    }
    EXPECT_EQ(canonical_probe(random({3, 8, 8}, at::kComplexFloat, 1), 8).size(0), 3);
    for (const auto& wrong : {at::Tensor(), random({8}, at::kComplexFloat, 1), random({8, 9}, at::kComplexFloat, 1),
                              random({2, 3, 8, 8}, at::kComplexFloat, 1), random({16, 16}, at::kComplexFloat, 1)}) {
        try {
            canonical_probe(wrong, 8);
            ADD_FAILURE() << "accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Shape);
        }
    }
}

TEST(Probe, PowerIsSetByOneFactor)
{
    const auto probe = random({2, 8, 8}, at::kComplexFloat, 2), scaled = with_power(probe, 1e5);
    EXPECT_NEAR(power(scaled), 1e5, 1);
    EXPECT_TRUE(at::allclose(scaled / scaled[0][0][0], probe / probe[0][0][0], 1e-4, 1e-5));
    EXPECT_THROW(with_power(at::zeros({1, 8, 8}, at::kComplexFloat), 1), Error);
    EXPECT_THROW(with_power(probe, -1), Error);
}

TEST(Probe, MadeModesAreOrthogonalAndKeepThePower)
{
    const auto probe = 30 * spot(32, 15.25, 17.5);
    for (const std::int64_t modes : {2, 3, 8, 20}) {
        const auto made = with_modes(probe, modes);
        ASSERT_EQ(made.size(0), modes);
        EXPECT_NEAR(power(made), power(probe), 1e-9 * power(probe));
        const auto flat = made.flatten(1);
        const auto gram = at::matmul(flat, flat.conj().t());
        const auto off = (gram - at::diag(gram.diagonal())).abs().max().item<double>();
        EXPECT_LT(off, 1e-9 * power(probe)) << modes;
        const double share = std::min(0.05, 0.5 / static_cast<double>(modes - 1));
        for (std::int64_t m = 1; m < modes; ++m)
            EXPECT_NEAR(power(made.narrow(0, m, 1)) / power(probe), share, 1e-9);
    }
    // The first one made is odd in x about the centre, the second in y.
    const auto made = with_modes(probe, 3);
    const auto y = at::arange(32, at::kDouble).unsqueeze(1) - 15.25, x = at::arange(32, at::kDouble) - 17.5;
    const auto overlap = [&](const at::Tensor& a, const at::Tensor& b) {
        return at::vdot(a.flatten(), b.flatten()).abs().item<double>() / std::sqrt(power(a) * power(b));
    };
    EXPECT_GT(overlap(made[1], probe[0] * x), 0.999);
    EXPECT_GT(overlap(made[2], probe[0] * y), 0.999);
}

TEST(Probe, GivenModesStay)
{
    const auto probe = random({3, 16, 16}, at::kComplexDouble, 3);
    const auto fewer = with_modes(probe, 2), more = with_modes(probe, 5);
    EXPECT_NEAR(power(fewer), power(probe), 1e-9 * power(probe));
    EXPECT_TRUE(at::allclose(fewer / fewer[0][0][0], probe.narrow(0, 0, 2) / probe[0][0][0]));
    EXPECT_TRUE(at::allclose(more.narrow(0, 0, 3) / more[0][0][0], probe / probe[0][0][0]));
    EXPECT_NEAR(power(more), power(probe), 1e-9 * power(probe));
}

TEST(Probe, OrthogonalModesSpanTheSameLight)
{
    const auto probe =
        random({4, 12, 12}, at::kComplexDouble, 4) * at::tensor({0.3, 2.0, 1.0, 0.5}, at::kDouble).view({4, 1, 1});
    const auto modes = orthogonal_modes(probe);
    const auto coherence = [](const at::Tensor& p) { return at::matmul(p.flatten(1).t(), p.flatten(1).conj()); };
    EXPECT_TRUE(at::allclose(coherence(modes), coherence(probe), 1e-9, 1e-9));
    const auto gram = at::matmul(modes.flatten(1), modes.flatten(1).conj().t());
    EXPECT_LT((gram - at::diag(gram.diagonal())).abs().max().item<double>(), 1e-9);
    const auto powers = at::real(gram.diagonal());
    EXPECT_TRUE((powers.slice(0, 0, 3) >= powers.slice(0, 1)).all().item<bool>());
    EXPECT_TRUE(at::allclose(orthogonal_modes(modes), modes, 1e-8, 1e-8)) << "done twice, nothing turns";
}

TEST(ShiftedProbe, WholePixelsAreARoll)
{
    const auto probe = random({2, 10, 10}, at::kComplexDouble, 5);
    const auto shifted = shifted_probe(probe, at::tensor({2.0, -3.0, 0.0, 1.0}, at::kDouble).view({2, 2})); // (x, y)
    ASSERT_EQ(shifted.sizes(), at::IntArrayRef({2, 2, 10, 10}));
    EXPECT_TRUE(at::allclose(shifted[0], at::roll(probe, {-3, 2}, {1, 2}), 1e-10, 1e-10));
    EXPECT_TRUE(at::allclose(shifted[1], at::roll(probe, {1, 0}, {1, 2}), 1e-10, 1e-10));
}

TEST(ShiftedProbe, ShiftsComposeAndMinusUndoes)
{
    for (const auto type : {at::kComplexDouble, at::kComplexFloat}) {
        const double tolerance = type == at::kComplexDouble ? 1e-12 : 1e-6;
        const auto probe = random({1, 16, 16}, type, 6);
        const auto by = [](double x, double y) { return at::tensor({x, y}, at::kDouble).unsqueeze(0); };
        const auto twice = shifted_probe(shifted_probe(probe, by(0.25, -0.4))[0], by(0.3, 0.15))[0];
        EXPECT_LT((twice - shifted_probe(probe, by(0.55, -0.25))[0]).abs().max().item<double>(), 10 * tolerance);
        const auto back = shifted_probe(shifted_probe(probe, by(0.25, -0.4))[0], by(-0.25, 0.4))[0];
        EXPECT_EQ(back.scalar_type(), type);
        EXPECT_LT((back - probe).abs().max().item<double>(), 10 * tolerance);
    }
}

TEST(ShiftedProbe, MovesASmoothSpotByTheFraction)
{
    const auto shifted = shifted_probe(spot(48, 24, 24), at::tensor({0.375, -0.25}, at::kDouble).unsqueeze(0))[0];
    const auto centre = centre_of_mass(shifted);
    EXPECT_NEAR(centre.column, 24.375, 1e-4);
    EXPECT_NEAR(centre.row, 23.75, 1e-4);
    EXPECT_LT((shifted - spot(48, 23.75, 24.375)).abs().max().item<double>(), 1e-4);
}

TEST(ShiftedProbe, GradientMatchesFiniteDifferences)
{
    const auto probe = random({2, 8, 8}, at::kComplexDouble, 7), fractions = random({3, 2}, at::kDouble, 8);
    const auto weight = random({3, 2, 8, 8}, at::kComplexDouble, 9);
    expect_gradient([&](const at::Tensor& p) { return at::real(shifted_probe(p, fractions) * weight).sum(); }, probe,
                    "probe");
    expect_gradient([&](const at::Tensor& f) { return at::real(shifted_probe(probe, f) * weight).sum(); }, fractions,
                    "fractions", 1e-6);
}

TEST(Probe, IsCentredByWholePixels)
{
    const auto probe = spot(32, 12.2, 18.7);
    const auto done = centred(probe);
    EXPECT_EQ(done.rows, 4);
    EXPECT_EQ(done.columns, -3);
    EXPECT_TRUE(at::equal(done.probe, at::roll(probe, {4, -3}, {1, 2})));
    const auto centre = centre_of_mass(done.probe);
    EXPECT_NEAR(centre.row, 16.2, 1e-6);
    EXPECT_NEAR(centre.column, 15.7, 1e-6);
}

} // namespace

} // namespace ptk::physics
