#pragma once
#include "config/config.h"
#include "physics/patches.h"

#include <c10/core/Device.h>

#include <cstdint>

namespace ptk::training {

/// How fractions of a pixel are treated (physics.subpixel) and overlapping patches weighted (physics.patch_weighting).
enum class Subpixel { ShiftProbe, Interpolate, Round };
enum class Weighting { Probe, CentralMask, Uniform, None };

Subpixel subpixel_of(const config::Settings& settings);
Weighting weighting_of(const config::Settings& settings);

/// The light on a batch of frames.
struct Light {
    at::Tensor probe;   ///< (B, G, M, N, N) complex64
    at::Tensor weights; ///< (B, G, N, N) float32 for merging, no gradient; undefined when patches stay apart
    at::Tensor
        fractions{}; ///< (B, G, 2) float64 (x, y), by which the probes were shifted; undefined when they were not
};

/// Gives each frame its probe: shifted to the fraction of its position, or as it is. A fixed probe is shifted for all
/// frames once, if that fits into memory.
class Illumination {
public:
    /// @param fractions      (n, 2) of all frames of the scan, see physics::pixel_grid()
    /// @param experiment_of  (n) int64, which of several probes each frame has; undefined for one
    Illumination(at::Tensor fractions, at::Tensor experiment_of, Subpixel subpixel, Weighting weighting,
                 c10::Device device, std::int64_t limit_bytes = std::int64_t{1} << 29);

    /// The probe from now on, (M, N, N) complex64, or of each experiment, (E, M, N, N); @p lasting when it will not
    /// change soon.
    void set_probe(const at::Tensor& probe, bool lasting);

    /// @param frames  (B, G) int64 on the CPU
    Light on(const at::Tensor& frames) const;
    /// The same with another probe, differentiable in it; weights are taken as constant.
    Light on(const at::Tensor& frames, const at::Tensor& probe) const;

private:
    /// Shift the probe for all n frames.
    void keep(std::int64_t n);
    at::Tensor fractions_of(const at::Tensor& frames) const;
    at::Tensor shifted(const at::Tensor& frames, const at::Tensor& probe) const;
    at::Tensor weights(const at::Tensor& shifted_probe) const;

    at::Tensor fractions_;
    at::Tensor experiment_of_;
    Subpixel subpixel_;
    Weighting weighting_;
    c10::Device device_;
    std::int64_t limit_bytes_;
    at::Tensor probe_;
    at::Tensor kept_probes_;  ///< (n, M, N, N) or undefined
    at::Tensor kept_weights_; ///< (n, N, N) or undefined
};

} // namespace ptk::training
