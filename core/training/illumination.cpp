#include "training/illumination.h"

#include "base/error.h"
#include "physics/probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <utility>

namespace ptk::training {

namespace {

/// Frames whose probes are shifted together: the transforms in between take several times their memory.
constexpr std::int64_t at_once = 256;

at::Tensor grouped(const at::Tensor& flat, const at::Tensor& frames)
{
    auto shape = frames.sizes().vec();
    shape.insert(shape.end(), flat.sizes().begin() + 1, flat.sizes().end());
    return flat.view(shape);
}

} // namespace

Subpixel subpixel_of(const config::Settings& settings)
{
    const auto& name = settings.text("physics.subpixel");
    return name == "shift_probe"   ? Subpixel::ShiftProbe
           : name == "interpolate" ? Subpixel::Interpolate
                                   : Subpixel::Round;
}

Weighting weighting_of(const config::Settings& settings)
{
    const auto& name = settings.text("physics.patch_weighting");
    if (name == "probe")
        return Weighting::Probe;
    if (name == "central_mask")
        return Weighting::CentralMask;
    return name == "uniform" ? Weighting::Uniform : Weighting::None;
}

Illumination::Illumination(at::Tensor fractions, at::Tensor experiment_of, Subpixel subpixel, Weighting weighting,
                           c10::Device device, std::int64_t limit_bytes)
    : fractions_(std::move(fractions)), experiment_of_(std::move(experiment_of)), subpixel_(subpixel),
      weighting_(weighting), device_(device), limit_bytes_(limit_bytes)
{
}

void Illumination::set_probe(const at::Tensor& probe, bool lasting)
{
    const at::NoGradGuard no_gradient;
    probe_ = probe.detach().to(device_);
    kept_probes_.reset();
    kept_weights_.reset();
    const auto n = fractions_.size(0), side = probe_.size(-1);
    const auto frame_bytes = side * side * (probe_.size(-3) * 8 + 4);
    if (!lasting || subpixel_ != Subpixel::ShiftProbe || n > limit_bytes_ / frame_bytes)
        return;
    keep(n);
}

void Illumination::keep(std::int64_t n)
{
    const auto modes = probe_.size(-3), side = probe_.size(-1);
    kept_probes_ = at::empty({n, modes, side, side}, probe_.options());
    if (weighting_ == Weighting::Probe)
        kept_weights_ = at::empty({n, side, side}, probe_.options().dtype(at::kFloat));
    for (std::int64_t begin = 0; begin < n; begin += at_once) {
        const auto end = std::min(begin + at_once, n);
        const auto probes = shifted(at::arange(begin, end, at::kLong), probe_);
        kept_probes_.slice(0, begin, end).copy_(probes);
        if (weighting_ == Weighting::Probe)
            kept_weights_.slice(0, begin, end).copy_(weights(probes));
    }
    if (weighting_ != Weighting::Probe)
        kept_weights_ = weights(kept_probes_);
}

Light Illumination::on(const at::Tensor& frames) const
{
    if (!kept_probes_.defined())
        return on(frames, probe_);
    const auto flat = frames.reshape({-1}).to(device_);
    Light light{grouped(kept_probes_.index_select(0, flat), frames), {}, fractions_of(frames)};
    if (kept_weights_.defined())
        light.weights = grouped(kept_weights_.index_select(0, flat), frames);
    return light;
}

Light Illumination::on(const at::Tensor& frames, const at::Tensor& probe) const
{
    const auto probes = shifted(frames.reshape({-1}), probe);
    Light light{grouped(probes, frames), {}, fractions_of(frames)};
    if (const auto each = weights(probes.detach()); each.defined())
        light.weights = grouped(each, frames);
    return light;
}

at::Tensor Illumination::fractions_of(const at::Tensor& frames) const
{
    if (subpixel_ != Subpixel::ShiftProbe)
        return {};
    return grouped(fractions_.index_select(0, frames.reshape({-1})), frames);
}

at::Tensor Illumination::shifted(const at::Tensor& frames, const at::Tensor& probe) const
{
    if (probe.dim() == 4) {
        const auto which = experiment_of_.index_select(0, frames).to(device_);
        return subpixel_ == Subpixel::ShiftProbe
                   ? physics::shifted_probes(probe, which, fractions_.index_select(0, frames).to(device_))
                   : probe.index_select(0, which);
    }
    if (subpixel_ == Subpixel::ShiftProbe)
        return physics::shifted_probe(probe, fractions_.index_select(0, frames).to(device_));
    return probe.unsqueeze(0).expand({frames.size(0), -1, -1, -1});
}

at::Tensor Illumination::weights(const at::Tensor& shifted_probe) const
{
    const auto n = shifted_probe.size(0), side = shifted_probe.size(2);
    const auto real = shifted_probe.options().dtype(at::kFloat);
    switch (weighting_) {
    case Weighting::Probe:
        return at::view_as_real(shifted_probe).square().sum(at::IntArrayRef({1, -1}));
    case Weighting::CentralMask:
        return physics::central_half(side, real).expand({n, side, side});
    case Weighting::Uniform:
        return at::ones({1, 1, 1}, real).expand({n, side, side});
    case Weighting::None:
        return {};
    }
    return {};
}

} // namespace ptk::training
