#include "physics/probe.h"

#include "base/shape.h"
#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/vdot.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

namespace ptk::physics {

namespace {

constexpr double mode_power = 0.05; ///< share of each mode that with_modes() makes

void require_probe(const at::Tensor& probe)
{
    require(probe.defined() && probe.dim() == 3 && probe.is_complex() && probe.size(0) > 0 &&
                probe.size(1) == probe.size(2) && probe.size(1) > 0,
            Status::Shape, "probe: expected complex (modes, N, N), found {}",
            probe.defined() ? base::shape_of(probe) : std::string("none"));
}

at::Tensor intensity(const at::Tensor& probe)
{
    return at::view_as_real(probe.detach().to(at::kComplexDouble).resolve_conj())
        .square()
        .sum(at::IntArrayRef({0, -1}));
}

struct Moments {
    double power;
    double row, column;             ///< centre of mass
    double row_width, column_width; ///< root mean square
};

Moments moments(const at::Tensor& probe)
{
    const auto weight = intensity(probe).cpu();
    const auto index = at::arange(weight.size(0), at::kDouble);
    const auto rows = weight.sum(1), columns = weight.sum(0);
    const double power = rows.sum().item<double>();
    require(std::isfinite(power) && power > 0, Status::InvalidArgument,
            "probe: its sum of squares is {}; expected a finite number above zero", power);
    Moments result{};
    result.power = power;
    result.row = (rows * index).sum().item<double>() / power;
    result.column = (columns * index).sum().item<double>() / power;
    result.row_width = std::sqrt((rows * (index - result.row).square()).sum().item<double>() / power);
    result.column_width = std::sqrt((columns * (index - result.column).square()).sum().item<double>() / power);
    return result;
}

/// He_0 ... He_order (probabilists' Hermite polynomials) of (index - centre) / width, rows of (order + 1, N).
at::Tensor hermite(std::int64_t order, std::int64_t side, double centre, double width)
{
    const auto x = (at::arange(side, at::kDouble) - centre) / std::max(width, 1e-6);
    std::vector<at::Tensor> rows{at::ones_like(x), x};
    for (std::int64_t k = 2; k <= order; ++k)
        rows.push_back(x * rows[k - 1] - static_cast<double>(k - 1) * rows[k - 2]);
    return at::stack(rows);
}

/// Exponents (columns, rows) of the polynomial factors in order of total degree, x before y; (0, 0) is left out.
std::vector<std::pair<std::int64_t, std::int64_t>> polynomial_orders(std::int64_t count)
{
    std::vector<std::pair<std::int64_t, std::int64_t>> orders;
    for (std::int64_t degree = 1; static_cast<std::int64_t>(orders.size()) < count; ++degree) {
        for (std::int64_t row = 0; row <= degree; ++row)
            orders.emplace_back(degree - row, row);
    }
    orders.resize(count);
    return orders;
}

/// @p mode without its parts along the unit vectors of @p basis, as a unit vector. Twice, because once is not enough in
/// floating point (Giraud et al., Numer. Math. 101, 87 (2005)). Undefined when nothing is left.
at::Tensor orthonormal_to(const std::vector<at::Tensor>& basis, at::Tensor mode)
{
    for (int pass = 0; pass < 2; ++pass) {
        const double before = at::linalg_vector_norm(mode).item<double>();
        for (const auto& unit : basis)
            mode = mode - unit * at::vdot(unit.flatten(), mode.flatten());
        const double norm = at::linalg_vector_norm(mode).item<double>();
        if (!(norm > 1e-9 * before))
            return {};
        mode = mode / norm;
    }
    return mode;
}

} // namespace

at::Tensor canonical_probe(const at::Tensor& probe, std::int64_t side)
{
    require(probe.defined(), Status::Shape, "probe: none is given");
    auto modes = probe;
    if (modes.dim() == 3 && modes.size(2) == 1 && modes.size(0) == side && modes.size(1) == side)
        modes = modes.squeeze(2);
    if (modes.dim() == 2)
        modes = modes.unsqueeze(0);
    require(modes.dim() == 3 && modes.size(0) > 0 && modes.size(1) == side && modes.size(2) == side, Status::Shape,
            "probe has shape {}, expected ({}, {}), ({}, {}, 1) or (modes, {}, {})", base::shape_of(probe), side, side,
            side, side, side, side);
    return modes.to(at::kComplexFloat).contiguous();
}

at::Tensor with_power(const at::Tensor& probe, double power)
{
    require_probe(probe);
    require(std::isfinite(power) && power > 0, Status::InvalidArgument,
            "probe: asked for a power of {}; expected a finite number above zero", power);
    return probe * std::sqrt(power / moments(probe).power);
}

at::Tensor with_modes(const at::Tensor& probe, std::int64_t modes)
{
    require_probe(probe);
    require(modes >= 1, Status::InvalidArgument, "probe: asked for {} modes; expected at least 1", modes);
    const double power = moments(probe).power;
    const auto given = probe.size(0);
    if (modes <= given)
        return with_power(probe.narrow(0, 0, modes), power);

    const auto exact = probe.detach().to(at::kCPU, at::kComplexDouble);
    const auto side = probe.size(1);
    const auto first = moments(exact.narrow(0, 0, 1));
    std::vector<at::Tensor> basis;
    for (std::int64_t m = 0; m < given; ++m) {
        if (auto unit = orthonormal_to(basis, exact[m]); unit.defined())
            basis.push_back(unit);
    }
    std::vector<at::Tensor> made;
    const auto missing = modes - given;
    const auto orders = polynomial_orders(2 * missing + 8); // some may be dependent on what is there
    const auto columns = hermite(orders.back().first + orders.back().second, side, first.column, first.column_width);
    const auto rows = hermite(orders.back().first + orders.back().second, side, first.row, first.row_width);
    for (const auto& [column, row] : orders) {
        if (static_cast<std::int64_t>(made.size()) == missing)
            break;
        const auto unit = orthonormal_to(basis, exact[0] * at::outer(rows[row], columns[column]));
        if (!unit.defined())
            continue;
        basis.push_back(unit);
        made.push_back(unit);
    }
    require(static_cast<std::int64_t>(made.size()) == missing, Status::InvalidArgument,
            "probe: {} independent modes cannot be made from it; ask for fewer", modes);

    const double share = std::min(mode_power, 0.5 / static_cast<double>(missing));
    const double kept = 1 - share * static_cast<double>(missing);
    return at::cat({exact * std::sqrt(kept), at::stack(made) * std::sqrt(share * power)}).to(probe.options());
}

at::Tensor orthogonal_modes(const at::Tensor& probe)
{
    require_probe(probe);
    const auto exact = probe.to(at::kComplexDouble).flatten(1);
    const auto coherence = at::matmul(exact, exact.conj().t()).cpu();
    const auto [powers, vectors] = at::linalg_eigh(coherence); // ascending
    auto mixing = vectors.flip(1);
    // An eigenvector has no phase of its own: keep that of the mode it is mostly made of, so that modes do not turn
    // from call to call.
    const auto largest = mixing.abs().argmax(0, true);
    mixing = mixing * at::exp(at::complex(at::zeros_like(powers), -mixing.gather(0, largest).angle().squeeze(0)));
    return at::matmul(mixing.conj().t().to(exact.device()), exact).view_as(probe).to(probe.scalar_type());
}

namespace {

/// exp(-2 pi i k f) of each position, (B, N, N).
at::Tensor ramps_of(const at::Tensor& fractions, const at::Tensor& probe)
{
    require(fractions.dim() == 2 && fractions.size(1) == 2, Status::Shape, "fractions: expected (B, 2), found {}",
            base::shape_of(fractions));
    const auto along = ramps(-fractions.to(at::kDouble).t(), frequencies(probe.size(-1), fractions.options()));
    return plane_ramps(along.to(probe.options()));
}

} // namespace

at::Tensor shifted_probe(const at::Tensor& probe, const at::Tensor& fractions)
{
    require_probe(probe);
    return shifted_from_spectrum(at::fft_fft2(probe), fractions);
}

at::Tensor shifted_from_spectrum(const at::Tensor& spectrum, const at::Tensor& fractions)
{
    return at::fft_ifft2(spectrum.unsqueeze(0) * ramps_of(fractions, spectrum).unsqueeze(1));
}

at::Tensor shifted_probes(const at::Tensor& probes, const at::Tensor& which, const at::Tensor& fractions)
{
    require(probes.dim() == 4, Status::Shape, "probes: expected (E, modes, N, N), found {}", base::shape_of(probes));
    require_probe(probes[0]);
    return at::fft_ifft2(at::fft_fft2(probes).index_select(0, which) * ramps_of(fractions, probes).unsqueeze(1));
}

CentreOfMass centre_of_mass(const at::Tensor& probe)
{
    require_probe(probe);
    const auto found = moments(probe);
    return {found.row, found.column};
}

Centred centred(const at::Tensor& probe)
{
    const auto centre = centre_of_mass(probe);
    const auto middle = static_cast<double>(probe.size(1) / 2);
    const auto rows = static_cast<std::int64_t>(std::llround(middle - centre.row));
    const auto columns = static_cast<std::int64_t>(std::llround(middle - centre.column));
    return {at::roll(probe, {rows, columns}, {1, 2}), rows, columns};
}

NormalisedProbe normalised_like_ptychopinn(const at::Tensor& probe, double probe_scale, const at::Tensor& mask)
{
    require_probe(probe);
    require(probe_scale > 0, Status::InvalidArgument, "probe_scale is {}; expected a number above zero", probe_scale);
    const auto masked = mask.defined() ? probe * mask : probe;
    const double divisor = probe_scale * masked.abs().to(at::kDouble).mean().item<double>();
    require(std::isfinite(divisor) && divisor > 0, Status::InvalidArgument,
            "probe: its mean modulus under the mask is zero or not finite");
    return {probe / divisor, 1 / divisor};
}

at::Tensor soft_disk(std::int64_t side, std::optional<double> diameter, double sigma)
{
    require(side > 0, Status::InvalidArgument, "disk: its side is {}; expected at least 1", side);
    const double radius = diameter.value_or(static_cast<double>(side) / 2) / 2;
    const auto axis = at::arange(side, at::kDouble) - static_cast<double>(side / 2) + 0.5;
    auto disk = ((axis.square().unsqueeze(1) + axis.square()).sqrt() < radius).to(at::kDouble);
    if (sigma > 0) {
        const auto reach = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(3 * sigma)));
        auto kernel = (-0.5 * (at::arange(-reach, reach + 1, at::kDouble) / sigma).square()).exp();
        kernel = (kernel / kernel.sum()).view({1, 1, 1, -1});
        disk = at::conv2d(disk.view({1, 1, side, side}), kernel, {}, 1, at::IntArrayRef({0, reach}));
        disk = at::conv2d(disk, kernel.transpose(2, 3), {}, 1, at::IntArrayRef({reach, 0})).view({side, side});
    }
    const double largest = disk.max().item<double>();
    require(largest > 0, Status::InvalidArgument, "disk: a diameter of {} pixels holds no pixel", 2 * radius);
    return (disk / largest).clamp(0, 1).to(at::kFloat);
}

} // namespace ptk::physics
