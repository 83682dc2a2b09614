#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "physics/iterative_engine.h"
#include "reconstruction/result.h"

namespace ptk::reconstruction {

/// The refinement.* settings.
physics::EngineOptions engine_options(const config::Settings& settings);

/// Iterate the engine over the frames from the object and probe of @p start, e.g. the network's picture. Unreached pixels of the start are
/// set to one. Returns the best state with both error curves filled in.
Result refine(const data::Scan& scan, const Result& start, const config::Settings& settings, const Monitor& monitor, Log& log);

/// Iterate from a flat object and the scan's probe.
Result refine_from_scratch(const data::Scan& scan, const config::Settings& settings, const Monitor& monitor, Log& log);

/// Relative Fourier error of a result against the measured frames.
double fourier_error(const data::Scan& scan, const Result& result, const Monitor& monitor);

}  // namespace ptk::reconstruction
