#include "physics/rpie.h"

#include "base/shape.h"
#include "physics/framewise_far_field.h"
#include "physics/framewise_rpie.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>

#include <array>

namespace ptk::physics {

at::Tensor rpie_step(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& amplitude, double alpha,
                     double step, const at::Tensor& good, const PropagatorPtr& propagator, const at::Tensor& fractions)
{
    const bool fits = patches.dim() == 3 && probe.dim() == 4 && patches.size(0) == probe.size(0) &&
                      amplitude.sizes().equals(patches.sizes()) &&
                      patches.sizes().slice(1).equals(probe.sizes().slice(2));
    require(fits, Status::Shape,
            "rPIE step: expected patches (B, N, N), probe (B, modes, N, N), amplitude (B, N, N), found {}, {}, {}",
            base::shape_of(patches), base::shape_of(probe), base::shape_of(amplitude));
    if (!propagator && amplitude.scalar_type() == at::kFloat && takes_framewise(patches, probe) &&
        !(c10::GradMode::is_enabled() && (patches.requires_grad() || probe.requires_grad())))
        return framewise_rpie(patches, probe, amplitude, alpha, step, good);
    static constexpr std::array<std::int64_t, 2> plane{-2, -1};
    const auto waves = patches.unsqueeze(1) * probe;
    const auto field =
        propagator ? propagator->forward(waves, fractions) : at::fft_fft2(waves, c10::nullopt, plane, "ortho");
    // Where nothing is predicted there is no phase to give the measured amplitude to: with a floor the field stays zero
    // and gradients finite.
    const auto predicted = at::view_as_real(field).square().sum(at::IntArrayRef({1, -1})).clamp_min(1e-12).sqrt();
    auto change = at::fft_ifftshift(amplitude, plane) / predicted - 1;
    if (good.defined())
        change = change * at::fft_ifftshift(good, plane);
    const auto changed = field * change.unsqueeze(1);
    const auto difference =
        propagator ? propagator->backward(changed, fractions) : at::fft_ifft2(changed, c10::nullopt, plane, "ortho");
    const auto power = at::view_as_real(probe).square().sum(at::IntArrayRef({1, -1}));
    const auto denominator = (1 - alpha) * power + alpha * power.amax(plane, true);
    return patches + step * (probe.conj() * difference).sum(1) / denominator.clamp_min(1e-30);
}

} // namespace ptk::physics
