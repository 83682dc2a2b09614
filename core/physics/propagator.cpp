#include "physics/propagator.h"

#include "base/shape.h"
#include "physics/near_field.h"
#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/view_as_real.h>

#include <array>
#include <numbers>

namespace ptk::physics {

namespace {

constexpr double turn = 2 * std::numbers::pi;
constexpr std::array<std::int64_t, 2> plane{-2, -1};

} // namespace

std::shared_ptr<const Propagator> Propagator::of(const data::Propagation& way, std::int64_t side)
{
    if (!way.near_field())
        return nullptr;
    const double fresnel = fresnel_number(way.pixel_m, way.wavelength_m, way.distance_m);
    if (!way.keeps_pixel(side))
        return std::shared_ptr<const Propagator>(new Propagator(fresnel_chirp(side, fresnel), fresnel, false));
    const auto response = way.kind == data::Propagation::Kind::Fresnel
                              ? fresnel_response(side, fresnel)
                              : angular_response(side, way.wavelength_m / way.pixel_m, way.distance_m / way.pixel_m);
    // From index N/2 to index 0.
    const auto axis = frequencies(side) * (turn * static_cast<double>(side / 2));
    const auto to_corner = phasor(axis);
    return std::shared_ptr<const Propagator>(
        new Propagator(response * to_corner.unsqueeze(0) * to_corner.unsqueeze(1), fresnel, true));
}

at::Tensor Propagator::factor(const at::Tensor& fractions, const at::TensorOptions& options) const
{
    if (!fractions.defined())
        return factor_.to(options);
    const auto side = factor_.size(0);
    const auto at_home = fractions.to(at::kCPU, at::kDouble).t(); // x first
    // |r - d|^2 = |r|^2 - 2 r d + a constant phase, which the square of the modulus does not see.
    const auto along = transfer_
                           ? ramps(at_home, frequencies(side))
                           : ramps(at_home * -fresnel_, at::arange(side, at::kDouble) - static_cast<double>(side / 2));
    return (factor_ * plane_ramps(along)).unsqueeze(1).to(options);
}

at::Tensor Propagator::forward(const at::Tensor& waves, const at::Tensor& fractions) const
{
    const auto side = factor_.size(0);
    require(waves.dim() == 4 && waves.is_complex() && waves.size(2) == side && waves.size(3) == side, Status::Shape,
            "propagation: expected complex waves (B, modes, {0}, {0}), found {1}", side, base::shape_of(waves));
    const auto factors = factor(fractions, waves.options());
    if (transfer_)
        return at::fft_ifft2(at::fft_fft2(waves) * factors);
    return fresnel_ > 0 ? at::fft_fft2(waves * factors, c10::nullopt, plane, "ortho")
                        : at::fft_ifft2(waves * factors, c10::nullopt, plane, "ortho");
}

at::Tensor Propagator::backward(const at::Tensor& fields, const at::Tensor& fractions) const
{
    const auto factors = factor(fractions, fields.options()).conj();
    if (transfer_)
        return at::fft_ifft2(at::fft_fft2(fields) * factors);
    return (fresnel_ > 0 ? at::fft_ifft2(fields, c10::nullopt, plane, "ortho")
                         : at::fft_fft2(fields, c10::nullopt, plane, "ortho")) *
           factors;
}

at::Tensor Propagator::intensity(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& fractions) const
{
    const auto side = factor_.size(0);
    const bool fits = patches.dim() >= 2 && probe.dim() == patches.dim() + 1 && patches.size(-1) == side &&
                      patches.size(-2) == side && probe.size(-1) == side && probe.size(-2) == side;
    require(fits, Status::Shape,
            "propagation: expected patches (..., {0}, {0}) and a probe (..., modes, {0}, {0}), found {1} and {2}", side,
            base::shape_of(patches), base::shape_of(probe));
    const auto waves = (patches.unsqueeze(-3) * probe).reshape({-1, probe.size(-3), side, side});
    const auto field = forward(waves, fractions.defined() ? fractions.reshape({-1, 2}) : fractions);
    const auto intensity = at::view_as_real(field.resolve_conj()).square().sum(at::IntArrayRef({1, 4}));
    return at::fft_fftshift(intensity, plane).reshape(patches.sizes());
}

} // namespace ptk::physics
