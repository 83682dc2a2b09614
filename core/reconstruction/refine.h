#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "reconstruction/result.h"

#include <c10/core/Device.h>

namespace ptk::reconstruction {

/// Options of the iterative engine; from the refinement.* settings.
struct RefineOptions {
    std::int64_t epochs = 20;
    bool rpie = true;
    double alpha = 0.1;
    double object_step = 0.5;
    double probe_step = 0.5;
    std::int64_t probe_start = 1;
    bool positions = false;
    double held_out_fraction = 0.05;
    std::int64_t patience = 5;
    std::uint64_t seed = 0;
    static RefineOptions from(const config::Settings& settings);
};

/// Iterate rPIE or ePIE over the frames from the object and probe in @p start (several incoherent modes; sub-pixel by shifting the probe).
/// Stops at the best Fourier error of frames that are left out of the updates, and returns that state.
/// Sources: Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009); Maiden, Johnson & Li, Optica 4, 736 (2017); Thibault & Menzel, Nature 494, 68 (2013).
Result refine(const data::Scan& scan, Result start, const RefineOptions& options, const Monitor& monitor, Log& log);

/// A start from nothing: a flat object of ones in the scan's frame and the scan's probe with power and modes set.
Result flat_start(const data::Scan& scan, std::int64_t modes);

/// The probe after some epochs from a flat object: what training starts from (probe.warm_epochs). Modes are orthogonal, power is the frames'.
at::Tensor warm_probe(const data::Scan& scan, std::int64_t modes, std::int64_t epochs, std::uint64_t seed, const Monitor& monitor, Log& log);

/// Relative Fourier error of an object and probe against frames: sqrt(sum (sqrt(I) - A)^2 / sum A^2), over all frames and pixels.
double fourier_error(const data::Scan& scan, const Result& result, const Monitor& monitor);

}  // namespace ptk::reconstruction
