#include "physics/near_field.h"

#include "base/shape.h"
#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>

#include <array>
#include <cmath>
#include <numbers>

namespace ptk::physics {

namespace {

constexpr double pi = std::numbers::pi;

void check(const at::Tensor& field, double number, const char* what)
{
    require(field.dim() >= 2 && field.is_complex() && field.size(-1) == field.size(-2), Status::Shape,
            "propagation: expected a complex field (..., N, N), found {}", base::shape_of(field));
    require(std::isfinite(number) && number != 0, Status::InvalidArgument,
            "propagation: {} is {}; expected a finite number other than zero", what, number);
}

/// x^2 + y^2 of the grid whose axes these are, (N, N).
at::Tensor square_radius(const at::Tensor& axis)
{
    return axis.square().unsqueeze(0) + axis.square().unsqueeze(1);
}

at::Tensor indices(std::int64_t side)
{
    return at::arange(side, at::kDouble) - static_cast<double>(side / 2);
}

at::Tensor through(const at::Tensor& field, const at::Tensor& response)
{
    return at::fft_ifft2(at::fft_fft2(field) * response.to(field.options()));
}

} // namespace

double fresnel_number(double pixel, double wavelength, double distance)
{
    require(
        std::isfinite(pixel) && pixel > 0 && std::isfinite(wavelength) && wavelength > 0 && std::isfinite(distance) &&
            distance != 0,
        Status::InvalidArgument,
        "Fresnel number: pixel {} m, wavelength {} m, distance {} m; expected positive lengths and a distance other "
        "than zero",
        pixel, wavelength, distance);
    return pixel * pixel / (wavelength * distance);
}

at::Tensor fresnel_response(std::int64_t side, double fresnel)
{
    return phasor(square_radius(frequencies(side)) * (-pi / fresnel));
}

at::Tensor fresnel_chirp(std::int64_t side, double fresnel)
{
    return phasor(square_radius(indices(side)) * (pi * fresnel));
}

at::Tensor angular_response(std::int64_t side, double wavelength, double distance)
{
    const double whole = 1 / wavelength;
    const auto axial = whole * whole - square_radius(frequencies(side));
    const auto travels = axial.ge(0);
    const auto phase = (axial.clamp_min(0).sqrt() - whole) * (2 * pi * distance);
    const auto decay =
        distance >= 0 ? ((-axial).clamp_min(0).sqrt() * (-2 * pi * distance)).exp() : travels.to(axial.scalar_type());
    return at::polar(at::where(travels, at::ones_like(axial), decay), phase);
}

at::Tensor fresnel_transfer(const at::Tensor& field, double fresnel)
{
    check(field, fresnel, "the Fresnel number");
    return through(field, fresnel_response(field.size(-1), fresnel));
}

at::Tensor fresnel_single(const at::Tensor& field, double fresnel)
{
    check(field, fresnel, "the Fresnel number");
    const auto side = field.size(-1);
    constexpr std::array<std::int64_t, 2> axes{-2, -1};
    const auto chirped = field * fresnel_chirp(side, fresnel).to(field.options());
    // Backward the far side of the lens is that of the inverse transform.
    const auto centred = at::fft_ifftshift(chirped, axes);
    const auto spectrum = fresnel > 0 ? at::fft_fft2(centred, c10::nullopt, {-2, -1}, "ortho")
                                      : at::fft_ifft2(centred, c10::nullopt, {-2, -1}, "ortho");
    const double turn = fresnel > 0 ? -pi / 2 : pi / 2;
    const auto far = static_cast<double>(side) * static_cast<double>(side) * fresnel;
    return at::fft_fftshift(spectrum, axes) *
           phasor(square_radius(indices(side)) * (pi / far) + turn).to(field.options());
}

at::Tensor angular_spectrum(const at::Tensor& field, double wavelength, double distance)
{
    check(field, wavelength, "the wavelength");
    require(wavelength > 0 && std::isfinite(distance), Status::InvalidArgument,
            "propagation: wavelength {}, distance {}; expected a wavelength above zero and a finite distance",
            wavelength, distance);
    return through(field, angular_response(field.size(-1), wavelength, distance));
}

at::Tensor near_field_intensity(const at::Tensor& patches, const at::Tensor& probe, double fresnel)
{
    require(probe.dim() >= 3 && probe.is_complex() && probe.size(-1) == patches.size(-1), Status::Shape,
            "probe: expected complex (..., modes, {0}, {0}), found {1}", patches.size(-1), base::shape_of(probe));
    const auto waves = patches.unsqueeze(-3) * probe;
    const bool near = std::abs(fresnel) * static_cast<double>(patches.size(-1)) >= 1;
    const auto field = near ? fresnel_transfer(waves, fresnel) : fresnel_single(waves, fresnel);
    return at::view_as_real(field).square().sum(at::IntArrayRef({-4, -1}));
}

} // namespace ptk::physics
