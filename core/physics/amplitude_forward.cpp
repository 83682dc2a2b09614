#include "physics/amplitude_forward.h"

#include "physics/far_field.h"
#include "physics/patches.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/real.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <cmath>

namespace ptk::physics {

namespace {

at::Tensor agreed(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& probe,
                  const PtychoPinnForward& options)
{
    if (options.merge == PatchMerge::None)
        return patches;
    const auto merged = [&] {
        if (options.merge == PatchMerge::CentralMask)
            return merge_central_mask(patches, relative, options.padded);
        const bool by_probe = options.merge == PatchMerge::Probe;
        return merge_weighted(patches, relative,
                              by_probe ? at::view_as_real(probe).square().sum(at::IntArrayRef({0, -1})) : at::Tensor(),
                              options.padded, by_probe);
    }();
    return extract_patches(merged, relative, patches.size(3));
}

at::Tensor masked(const at::Tensor& probe, const at::Tensor& mask)
{
    return mask.defined() ? probe * mask : probe;
}

at::Tensor per_group(const at::Tensor& values)
{
    return values.view({-1, 1, 1, 1});
}

} // namespace

at::Tensor amplitude_forward(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& probe,
                             const PtychoPinnForward& options)
{
    const auto divided = probe / options.probe_scale;
    const auto exit = agreed(patches, relative, divided, options).unsqueeze(2) * masked(divided, options.mask);
    auto amplitude = coherent_amplitude(exit);
    if (options.scale.defined())
        amplitude = amplitude / options.scale;
    if (options.gain != 1)
        amplitude = amplitude * options.gain;
    if (options.alpha.defined())
        amplitude = per_group(options.alpha) * amplitude + per_group(options.beta);
    return amplitude;
}

at::Tensor rectangular_forward(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& probe,
                               const PtychoPinnForward& options)
{
    auto object = agreed(patches, relative, probe, options);
    if (options.s1.defined())
        object = at::complex(per_group(options.s1) * at::real(object), per_group(options.s2) * at::imag(object));
    if (options.scale.defined())
        object = object * options.scale;
    return far_field_intensity(object, masked(probe, options.mask));
}

Illuminated illuminate_and_diffract(const at::Tensor& objects, const at::Tensor& probe, double photons)
{
    require(photons > 0, Status::InvalidArgument, "photons per frame: {}; expected a number above zero", photons);
    const auto intensity = far_field_intensity(objects, probe.sum(0, true)); // coherent modes diffract as their sum
    const double mean = intensity.detach().sum(at::IntArrayRef({1, 2})).to(at::kDouble).mean().item<double>();
    const double factor = mean > std::max(1e-9, photons * 1e-9) ? photons / mean : 1;
    return {intensity * factor, probe * std::sqrt(factor)};
}

} // namespace ptk::physics
