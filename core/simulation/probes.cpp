#include "simulation/probes.h"

#include "base/distributions.h"
#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ptk::simulation {

namespace {

constexpr double pi = std::numbers::pi;

double factorial(int n)
{
    double product = 1;
    for (int i = 2; i <= n; ++i)
        product *= i;
    return product;
}

double zernike_radial(int n, int k, double rho)
{
    double sum = 0;
    for (int s = 0; s <= (n - k) / 2; ++s)
        sum += (s % 2 == 0 ? 1 : -1) * factorial(n - s) /
               (factorial(s) * factorial((n + k) / 2 - s) * factorial((n - k) / 2 - s)) * std::pow(rho, n - 2 * s);
    return sum;
}

at::Tensor to_double_tensor(const ComplexField& field)
{
    auto tensor = at::empty({field.height, field.width}, at::kComplexDouble);
    std::copy(field.values.begin(), field.values.end(), static_cast<std::complex<double>*>(tensor.data_ptr()));
    return tensor;
}

/// Every pixel from its distance to index N/2, in pixels.
template <class Value> ComplexField radial_field(std::int64_t side, const Value& value)
{
    ComplexField field(side, side);
    for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x)
            field(y, x) = value(std::hypot(static_cast<double>(x - side / 2), static_cast<double>(y - side / 2)));
    return field;
}

std::complex<double> curved(double amplitude, double r, double diameter, double defocus)
{
    return std::polar(amplitude, defocus * 4 * r * r / (diameter * diameter));
}

} // namespace

double zernike(int n, int m, double rho, double theta)
{
    if (rho > 1)
        return 0;
    const int k = std::abs(m);
    const double norm = std::sqrt((n + 1.0) * (m != 0 ? 2 : 1));
    return norm * zernike_radial(n, k, rho) * (m >= 0 ? std::cos(m * theta) : std::sin(k * theta));
}

ComplexField zernike_probe(std::int64_t height, std::int64_t width, double diameter,
                           const std::vector<ZernikeTerm>& terms)
{
    ComplexField field(height, width);
    for (std::int64_t row = 0; row < height; ++row)
        for (std::int64_t column = 0; column < width; ++column) {
            const double y = (static_cast<double>(row) - static_cast<double>(height - 1) / 2) / (diameter / 2);
            const double x = (static_cast<double>(column) - static_cast<double>(width - 1) / 2) / (diameter / 2);
            const double rho = std::hypot(x, y), theta = std::atan2(y, x);
            if (rho > 1)
                continue;
            for (const auto& term : terms)
                field(row, column) += term.coefficient * zernike(term.n, term.m, rho, theta);
        }
    return field;
}

std::vector<ZernikeTerm> random_zernike_terms(int order, double sigma, std::mt19937_64& random)
{
    std::vector<ZernikeTerm> terms{{0, 0, 1.0}};
    for (int n = 1; n <= order; ++n)
        for (int m = -n; m <= n; m += 2) {
            const double re = base::normal(random) * sigma;
            const double im = base::normal(random) * sigma;
            if (base::uniform(random) >= 0.1)
                terms.push_back({n, m, {re, im}});
        }
    return terms;
}

void apply_envelope(ComplexField& field, double sigma_y, double sigma_x)
{
    for (std::int64_t row = 0; row < field.height; ++row)
        for (std::int64_t column = 0; column < field.width; ++column) {
            const double y = static_cast<double>(row - field.height / 2) / sigma_y,
                         x = static_cast<double>(column - field.width / 2) / sigma_x;
            field(row, column) *= std::exp(-0.5 * (x * x + y * y));
        }
}

double smooth_edge(double r, double r0, double w)
{
    return 0.5 * (1 - std::tanh((r - r0) / w));
}

ComplexField gaussian_probe(std::int64_t side, double diameter, double defocus)
{
    // Intensity exp(-4 ln 2 r^2 / d^2), amplitude its root.
    return radial_field(side, [&](double r) {
        return curved(std::exp(-2 * std::numbers::ln2 * r * r / (diameter * diameter)), r, diameter, defocus);
    });
}

ComplexField disk_probe(std::int64_t side, double diameter, double defocus)
{
    return radial_field(side,
                        [&](double r) { return curved(smooth_edge(r, diameter / 2, 0.5), r, diameter, defocus); });
}

ComplexField zone_plate_pupil(const ZonePlate& plate, std::int64_t side, double pixel_m)
{
    const double curvature = pi / (plate.wavelength_m * plate.focal_length_m());
    return radial_field(side, [&](double pixels) {
        const double r = pixels * pixel_m;
        const double aperture = smooth_edge(r, plate.diameter_m / 2, plate.transition * plate.diameter_m);
        const double stop =
            plate.stop_m > 0 ? 1 - smooth_edge(r, plate.stop_m / 2, plate.transition * plate.stop_m) : 1;
        return std::polar(aperture * stop, -curvature * r * r);
    });
}

at::Tensor fresnel_propagated(const ComplexField& field, double pixel_m, double wavelength_m, double distance_m)
{
    const auto side = field.height;
    const double fresnel = pixel_m * pixel_m / (wavelength_m * std::abs(distance_m));
    const auto chirped = [&](double factor) {
        return to_double_tensor(radial_field(side, [&](double r) { return std::polar(1.0, pi * factor * r * r); }));
    };
    const auto wave = at::fft_fft2(at::fft_ifftshift(to_double_tensor(field) * chirped(fresnel)));
    const auto n = static_cast<double>(side);
    auto out = at::fft_fftshift(wave) * chirped(1 / (fresnel * n * n));
    // The constant phase of the distance and the factor 1/i of Fresnel's integral.
    const auto constant = std::polar(1.0, 2 * pi * distance_m / wavelength_m - pi / 2);
    const double power = out.abs().square().sum().item<double>();
    require(power > 0, Status::InvalidConfig, "simulation.probe: the propagated field is zero");
    return out * c10::complex<double>(constant.real() / std::sqrt(power), constant.imag() / std::sqrt(power));
}

at::Tensor zone_plate_probe(const ZonePlate& plate, std::int64_t side, double sample_pixel_m, double defocus_m)
{
    const double distance = plate.focal_length_m() + defocus_m;
    const double pixel = plate.wavelength_m * distance / (static_cast<double>(side) * sample_pixel_m);
    require(static_cast<double>(side) * pixel >= plate.diameter_m, Status::InvalidConfig,
            "simulation.zone_plate_*: {} pixels of {:.3g} m in the plane of the plate are shorter than its diameter "
            "{:.3g} m; a smaller object pixel, a longer focus or a smaller plate is needed",
            side, pixel, plate.diameter_m);
    return fresnel_propagated(zone_plate_pupil(plate, side, pixel), pixel, plate.wavelength_m, distance);
}

namespace {

/// Columns sqrt(l) v of the eigenpairs of exp(-(i - j)^2 / (2 length^2)), those with l above a millionth of the
/// largest.
at::Tensor factors_of_gaussian(std::int64_t side, double length)
{
    const auto axis = at::arange(side, at::kDouble);
    const auto kernel = at::exp((axis.unsqueeze(0) - axis.unsqueeze(1)).square() * (-0.5 / (length * length)));
    const auto [values, vectors] = at::linalg_eigh(kernel);
    const auto kept = values.gt(1e-6 * values.max().item<double>()).sum().item<std::int64_t>();
    return (vectors * values.clamp_min(0).sqrt()).slice(1, side - kept).flip({1});
}

} // namespace

CoherentModes partially_coherent(const at::Tensor& primary, double length, std::int64_t count)
{
    const auto side = primary.size(0);
    const auto factors = factors_of_gaussian(side, length);
    const auto kept = factors.size(1);
    // Products of an eigenvector along x and one along y, those that matter.
    const auto strength = factors.square().sum(0);
    const auto products = (strength.unsqueeze(0) * strength.unsqueeze(1)).flatten();
    const auto chosen = at::nonzero(products.gt(1e-4 * products.max().item<double>())).flatten();
    const auto along_y = factors.index_select(1, chosen.div(kept, "floor")),
               along_x = factors.index_select(1, chosen.remainder(kept));
    const auto waves = (primary.to(at::kComplexDouble).unsqueeze(2) * along_y.unsqueeze(1) * along_x.unsqueeze(0))
                           .reshape({side * side, chosen.size(0)});
    const auto [values, vectors] = at::linalg_eigh(at::matmul(waves.conj().transpose(0, 1), waves));
    const auto taken = std::min(count, values.size(0));
    const auto strongest = vectors.slice(1, values.size(0) - taken).flip({1});
    CoherentModes result;
    result.modes = at::matmul(waves, strongest).transpose(0, 1).reshape({taken, side, side}).contiguous();
    result.power = values.slice(0, values.size(0) - taken).sum().item<double>() / values.sum().item<double>();
    return result;
}

at::Tensor orthonormal_modes(const at::Tensor& primary, const std::vector<std::pair<double, double>>& ramps)
{
    const auto rows = primary.size(0), columns = primary.size(1);
    const auto first = primary.to(at::kComplexDouble);
    const auto x = at::linspace(-1, 1, columns, at::kDouble).unsqueeze(0),
               y = at::linspace(-1, 1, rows, at::kDouble).unsqueeze(1);
    std::vector<at::Tensor> modes{first};
    for (const auto& [a, b] : ramps)
        modes.push_back(first * at::exp((x * a + y * b) * c10::complex<double>(0, pi)));
    const auto [u, s, v] = at::linalg_svd(at::stack(modes).flatten(1).transpose(0, 1), false);
    return u.transpose(0, 1).reshape({static_cast<std::int64_t>(modes.size()), rows, columns}).contiguous();
}

} // namespace ptk::simulation
