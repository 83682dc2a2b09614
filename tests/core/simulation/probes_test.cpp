#include "core/golden.h"
#include "core/simulation/simulation_testing.h"
#include "simulation/probes.h"

#include <cmath>

namespace ptk::simulation {
namespace {

TEST(SimulatedProbes, ZernikePolynomialsAreThoseOfPtychoPinn)
{
    const auto golden = golden::load("datagen_probes.npz");
    const auto rho = golden.at("zernike/rho"), theta = golden.at("zernike/theta"), nm = golden.at("zernike/nm"),
               values = golden.at("zernike/values");
    for (std::int64_t k = 0; k < nm.size(0); ++k) {
        auto actual = at::empty_like(rho);
        for (std::int64_t i = 0; i < rho.numel(); ++i)
            actual.flatten()[i] = zernike(nm[k][0].item<int>(), nm[k][1].item<int>(), rho.flatten()[i].item<double>(),
                                          theta.flatten()[i].item<double>());
        golden::expect_close(actual, values[k], 1e-5, "term " + std::to_string(k));
    }
}

TEST(SimulatedProbes, ZernikePolynomialsAreOrthonormalOnTheDisk)
{
    const std::vector<std::pair<int, int>> terms{{0, 0}, {1, 1}, {2, -2}, {2, 0}, {4, 2}};
    for (const auto& [n, m] : terms)
        for (const auto& [p, q] : terms) {
            double sum = 0, area = 0;
            for (int i = 0; i < 200; ++i)
                for (int j = 0; j < 64; ++j) {
                    const double rho = (i + 0.5) / 200, theta = 2 * M_PI * j / 64;
                    sum += zernike(n, m, rho, theta) * zernike(p, q, rho, theta) * rho;
                    area += rho;
                }
            EXPECT_NEAR(sum / area, n == p && m == q ? 1 : 0, 1e-3)
                << n << " " << m << " " << p << " " << q; // midpoint rule: (1/200)^2 times curvature
        }
}

TEST(SimulatedProbes, ZernikeProbesFromTheirCoefficients)
{
    const auto golden = golden::load("datagen_probes.npz");
    for (const std::string name : {"zprobe_order4", "zprobe_order2"}) {
        const auto rows = golden.at(name + "/n_m_re_im");
        std::vector<ZernikeTerm> terms;
        for (std::int64_t i = 0; i < rows.size(0); ++i)
            terms.push_back({static_cast<int>(rows[i][0].item<double>()),
                             static_cast<int>(rows[i][1].item<double>()),
                             {rows[i][2].item<double>(), rows[i][3].item<double>()}});
        golden::expect_close(tensor_of(zernike_probe(32, 34, 15, terms)), golden.at(name + "/probe"), 1e-5, name);
    }
}

TEST(SimulatedProbes, EnvelopeAndEdgeOfPtychoPinn)
{
    const auto golden = golden::load("datagen_probes.npz");
    const auto in = golden.at("envelope/in").to(at::kComplexDouble).contiguous();
    ComplexField field(in.size(0), in.size(1));
    std::copy_n(static_cast<const std::complex<double>*>(in.const_data_ptr()), in.numel(), field.values.begin());
    apply_envelope(field, 7, 5);
    golden::expect_close(tensor_of(field), golden.at("envelope/sigma5_7_raw"), 1e-5, "envelope");
    const auto r = golden.at("edge/r"), expected = golden.at("edge/r4_w0.8");
    for (std::int64_t i = 0; i < r.size(0); ++i)
        EXPECT_NEAR(smooth_edge(r[i].item<double>(), 4, 0.8), expected[i].item<double>(), 1e-12);
}

/// The plate of the golden case.
ZonePlate golden_plate()
{
    return {
        .diameter_m = 160e-6, .outermost_zone_m = 40e-9, .stop_m = 25e-6, .transition = 0.015, .wavelength_m = 0.14e-9};
}

TEST(SimulatedProbes, ZonePlateAndItsFieldAtTheSample)
{
    const auto golden = golden::load("datagen_probes.npz");
    const auto lengths = golden.at("fzp/pixel_w_h_distance_m");
    const double pixel = lengths[0].item<double>(), distance = lengths[2].item<double>(), defocus = 0.0002;
    EXPECT_NEAR(golden_plate().focal_length_m() + defocus, distance, 1e-9);
    const auto pupil = zone_plate_pupil(golden_plate(), 64, pixel);
    golden::expect_close(tensor_of(pupil), golden.at("fzp/optics"), 1e-4, "pupil");
    const auto sample = golden.at("fzp/sample").to(at::kComplexDouble);
    const double largest = sample.abs().max().item<double>();
    const auto field = fresnel_propagated(pupil, pixel, 0.14e-9, distance);
    EXPECT_LE((field - sample).abs().max().item<double>(), 1e-4 * largest);
    // From the pixel of the sample plane alone, where the whole plate fits.
    const auto probe = zone_plate_probe(golden_plate(), 128, 2.5e-8, defocus);
    const double plane_pixel = 0.14e-9 * distance / (128 * 2.5e-8);
    const auto expected =
        fresnel_propagated(zone_plate_pupil(golden_plate(), 128, plane_pixel), plane_pixel, 0.14e-9, distance);
    EXPECT_LE((probe - expected).abs().max().item<double>(), 1e-6 * expected.abs().max().item<double>());
}

TEST(SimulatedProbes, PlateThatDoesNotFitItsPlaneIsAnError)
{
    EXPECT_THROW(zone_plate_probe(golden_plate(), 64, 1e-6, 0.0002), Error);
}

TEST(SimulatedProbes, ModesSpanThoseOfPtychoPinn)
{
    const auto golden = golden::load("datagen_probes.npz");
    const auto ramps = golden.at("modes/ramp_a_b");
    std::vector<std::pair<double, double>> given;
    for (std::int64_t i = 0; i < ramps.size(0); ++i)
        given.emplace_back(ramps[i][0].item<double>(), ramps[i][1].item<double>());
    const auto modes = orthonormal_modes(golden.at("modes/primary"), given).flatten(1);
    const auto expected = golden.at("modes/out").to(at::kComplexDouble).flatten(1);
    const auto overlap = (modes.conj() * expected).sum(1).abs();
    golden::expect_close(overlap, at::ones({3}, at::kDouble), 1e-4, "overlap with the reference's modes");
    golden::expect_close(modes.conj().matmul(modes.transpose(0, 1)), at::eye(3, at::kComplexDouble), 1e-12,
                         "orthonormal");
}

TEST(SimulatedProbes, DiameterIsTheFullWidthAtHalfMaximum)
{
    const auto probe = gaussian_probe(64, 10, 2);
    EXPECT_NEAR(std::norm(probe(32, 32 + 5)), 0.5 * std::norm(probe(32, 32)), 1e-12);
    EXPECT_NEAR(std::arg(probe(32 - 5, 32) / probe(32, 32)), 2, 1e-12);
    const auto disk = disk_probe(64, 20, 0);
    EXPECT_NEAR(std::abs(disk(32 + 10, 32)), 0.5, 1e-12);
    EXPECT_GT(std::abs(disk(32, 32 + 8)), 0.99);
    EXPECT_LT(std::abs(disk(32, 32 + 12)), 0.01);
}

/// The sum of all modes' patterns is the coherent pattern with its autocorrelation times the degree of coherence.
TEST(SimulatedProbes, CoherentModesAreThoseOfTheSchellModel)
{
    constexpr std::int64_t side = 32;
    const double length = 5;
    const auto primary = to_tensor(disk_probe(side, 10, 2)).to(at::kComplexDouble);
    const auto all = partially_coherent(primary, length, 1000);
    EXPECT_NEAR(all.power, 1, 1e-9);
    const auto flat = all.modes.flatten(1);
    const auto gram = at::matmul(flat, flat.conj().transpose(0, 1));
    const auto powers = at::real(gram.diagonal());
    EXPECT_LT((gram - at::diag(gram.diagonal())).abs().max().item<double>(), 1e-9 * powers.max().item<double>());
    EXPECT_GE((powers.slice(0, 0, -1) - powers.slice(0, 1)).min().item<double>(), -1e-9) << "strongest first";
    const auto measured = at::fft_fft2(all.modes).abs().square().sum(0);
    const auto axis = (at::arange(side, at::kDouble) + side / 2).remainder(side) - side / 2;
    const auto degree = at::exp((axis.square().unsqueeze(0) + axis.square().unsqueeze(1)) * (-0.5 / (length * length)));
    const auto expected = at::real(at::fft_fft2(at::fft_ifft2(at::fft_fft2(primary).abs().square()) * degree));
    EXPECT_LT((measured - expected).abs().max().item<double>(), 1e-3 * expected.max().item<double>());

    const auto few = partially_coherent(primary, length, 3);
    EXPECT_EQ(few.modes.size(0), 3);
    EXPECT_NEAR(few.power, (powers.slice(0, 0, 3).sum() / powers.sum()).item<double>(), 1e-9);
    EXPECT_LT(few.power, 0.99);
    const auto coherent = partially_coherent(primary, 1e5, 2);
    EXPECT_GT(coherent.power, 0.9999);
    const auto overlap =
        (coherent.modes[0] * primary.conj()).sum().abs().item<double>() /
        (coherent.modes[0].abs().square().sum().sqrt() * primary.abs().square().sum().sqrt()).item<double>();
    EXPECT_GT(overlap, 0.9999);
}

} // namespace
} // namespace ptk::simulation
