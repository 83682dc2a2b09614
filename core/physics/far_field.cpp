#include "physics/far_field.h"

#include "base/shape.h"
#include "physics/framewise_far_field.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/view_as_real.h>

namespace ptk::physics {

namespace {

/// Below this intensity (counts) the gradient of the root is taken as zero. Its value there, 1e-15, is zero for any
/// frame; above it the root of a float32 is exact enough that d sqrt(I) / d psi stays at most one in modulus.
constexpr double smallest_intensity = 1e-30;

void check_shapes(const at::Tensor& patches, const at::Tensor& probe)
{
    require(patches.dim() >= 2 && patches.is_complex() && patches.size(-1) == patches.size(-2), Status::Shape,
            "patches: expected complex (..., N, N), found {}", base::shape_of(patches));
    const bool sides = probe.dim() >= 3 && probe.is_complex() && probe.size(-1) == patches.size(-1) &&
                       probe.size(-2) == patches.size(-1);
    const bool leading =
        probe.dim() == 3 ||
        (probe.dim() == patches.dim() + 1 &&
         probe.sizes().slice(0, patches.dim() - 2).equals(patches.sizes().slice(0, patches.dim() - 2)));
    require(sides && leading, Status::Shape,
            "probe: expected complex (modes, N, N) or the leading axes of the patches {} before it, found {}",
            base::shape_of(patches), base::shape_of(probe));
}

} // namespace

at::Tensor far_field_intensity(const at::Tensor& patches, const at::Tensor& probe)
{
    check_shapes(patches, probe);
    if (takes_framewise(patches, probe))
        return framewise_far_field(patches, probe);
    const auto field = at::fft_fft2(patches.unsqueeze(-3) * probe, c10::nullopt, {-2, -1}, "ortho");
    // One shift of the real intensity moves half as many bytes as a checkerboard on one exit wave, and there is one
    // wave a mode.
    return at::fft_fftshift(at::view_as_real(field).square().sum(at::IntArrayRef({-4, -1})), at::IntArrayRef({-2, -1}));
}

at::Tensor far_field_amplitude(const at::Tensor& patches, const at::Tensor& probe)
{
    return far_field_intensity(patches, probe).clamp_min(smallest_intensity).sqrt();
}

at::Tensor coherent_amplitude(const at::Tensor& exit)
{
    require(exit.dim() == 5 && exit.is_complex(), Status::Shape,
            "exit waves: expected complex (B, C, modes, N, N), found {}", base::shape_of(exit));
    const auto field =
        at::fft_fft2(exit.sum(2), c10::nullopt, {-2, -1}, "ortho"); // linear: one transform for all modes
    const auto intensity = at::view_as_real(field).square().sum(-1).clamp_min(smallest_intensity);
    return at::fft_fftshift(intensity.sqrt(), at::IntArrayRef({-2, -1}));
}

} // namespace ptk::physics
