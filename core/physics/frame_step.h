#pragma once
#include "kernels/cpu/pie.h"
#include "physics/propagator.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ptk::physics {

/// One frame of the PIE family on the CPU: project on the measured amplitude, then step object and probe. The probe is
/// kept as the spectrum of its modes, so that shifting it to a frame's fraction of a pixel, and its update back, is one
/// factor each. Owns the workspaces: one caller at a time.
class FrameStep {
public:
    struct Steps {
        float object = 0;      ///< 0: the object is not changed
        float probe = 0;       ///< 0: the probe is not changed
        float alpha = 1;       ///< 1: ePIE
        bool position = false; ///< find the shift of the position
    };

    /// What one frame looks like from outside.
    struct Frame {
        const float* amplitude; ///< (N, N) sqrt(counts), zero frequency at index 0
        const float* row;       ///< (N) complex: Fourier ramp of the fraction in y
        const float* column;    ///< (N) complex: Fourier ramp of the fraction in x
        float* object;          ///< first pixel of the patch
        std::int64_t stride;    ///< pixels from one row of the object to the next
        double fraction_x = 0;  ///< by which row and column shift; only the near field looks at them
        double fraction_y = 0;
    };

    struct Outcome {
        double error = 0;   ///< sum (|Psi| - A)^2 before the step
        double shift_x = 0; ///< least-squares shift of the position, pixels
        double shift_y = 0;
    };

    /// @param propagator  to a detector in the near field; nullptr: in the far field
    FrameStep(std::int64_t modes, std::int64_t side, PropagatorPtr propagator);

    /// @param spectrum (M, N, N) complex64, contiguous: FFT2 of the probe's modes without norm; changed when
    /// steps.probe is not 0
    Outcome run(at::Tensor& spectrum, const Frame& frame, const Steps& steps);

private:
    at::Tensor propagated(const Frame& frame) const;
    at::Tensor returned(const at::Tensor& field, const Frame& frame) const;

    const kernels::cpu::PieLoops& loops_;
    std::int64_t modes_, side_;
    PropagatorPtr propagator_;
    at::Tensor waves_; ///< (M, N, N) complex64
    std::vector<float> g_, power_, line_;
};

} // namespace ptk::physics
