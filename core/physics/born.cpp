#include "physics/born.h"

#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftfreq.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifft.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <numbers>

namespace ptk::physics {

namespace {

constexpr double smallest_axial = 1e-12;

void check(const BornGeometry& geometry)
{
    require(geometry.side > 1 && geometry.detector > 0, Status::InvalidArgument,
            "Born operator: a slice of {} pixels and a line of {}; expected at least 2 and 1", geometry.side,
            geometry.detector);
    require(std::isfinite(geometry.wavelength) && geometry.wavelength > 0, Status::InvalidArgument,
            "Born operator: a wavelength of {} pixels; expected more than 0", geometry.wavelength);
    require(!geometry.angles.empty(), Status::InvalidArgument, "Born operator: no angles");
}

const char* transform_norm(const BornGeometry& geometry)
{
    return geometry.norm == BornGeometry::Norm::Unitary ? "ortho" : "backward";
}

} // namespace

BornOperator::BornOperator(const BornGeometry& geometry) : geometry_(geometry)
{
    check(geometry);
    const double k = 2 * std::numbers::pi / geometry.wavelength;
    const auto across = 2 * std::numbers::pi * at::fft_fftfreq(geometry.detector, 1.0, at::kDouble); // (D)
    const auto axial = (k * k - across.square()).clamp_min(0).sqrt();
    const auto angles = at::tensor(geometry.angles, at::kDouble).unsqueeze(1);
    const auto x = across - k * angles.sin(), z = axial - k * angles.cos(); // (A, D)
    const auto side = static_cast<double>(geometry.side);
    const auto place = [&](const at::Tensor& frequency) {
        const auto index = frequency * (side / (2 * std::numbers::pi)) + static_cast<double>(geometry.side / 2);
        return index / (side - 1) * 2 - 1;
    };
    samples_ = at::stack({place(x), place(z)}, -1);
    valid_ = (across.abs() < k).logical_and(samples_.abs().le(1).all(-1));
    const auto strength = geometry.norm == BornGeometry::Norm::Unitary ? at::zeros_like(axial) + 1
                                                                       : 0.5 / axial.clamp_min(smallest_axial);
    coefficient_ = at::where(valid_, strength.expand(valid_.sizes()), 0.0);
}

at::Tensor BornOperator::operator()(const at::Tensor& slice) const
{
    require(slice.dim() == 3 && slice.size(1) == geometry_.side && slice.size(2) == geometry_.side, Status::Shape,
            "Born operator: expected slices (B, {0}, {0}), found {1}", geometry_.side, base::shape_of(slice));
    const auto spectrum = at::fft_fftshift(at::fft_fft2(slice, c10::nullopt, {-2, -1}, transform_norm(geometry_)),
                                           at::IntArrayRef({-2, -1}));
    const auto channels = at::view_as_real(spectrum).permute({0, 3, 1, 2});
    const auto grid = samples_.to(channels.options()).unsqueeze(0).expand({slice.size(0), -1, -1, -1});
    constexpr std::int64_t bilinear = 0, zeros = 0;
    const auto read = at::grid_sampler(channels, grid, bilinear, zeros, /*align_corners=*/true);
    const auto strength = coefficient_.to(channels.options());
    // Times i: (re, im) -> (-im, re).
    const auto wave = at::complex(-read.select(1, 1) * strength, read.select(1, 0) * strength);
    return at::fft_ifft(wave, c10::nullopt, -1, transform_norm(geometry_));
}

} // namespace ptk::physics
