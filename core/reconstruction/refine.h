#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "physics/iterative_engine.h"
#include "reconstruction/result.h"

namespace ptk::reconstruction {

/// The refinement.* settings.
physics::EngineOptions engine_options(const config::Settings& settings);

/// physics.propagator, else the scan's own propagation, is that of the frames, here as below.
///
/// Iterate the engine over the frames from the object, probe and positions of @p start, e.g. the network's picture.
/// Pixels that no frame reached in the start take the mean amplitude and phase of the others, so that the picture has
/// no edge; the frame grows where patches need it. Returns the best state with both error curves; its coverage is the
/// sum of the refined probe's intensities at the refined positions. With refinement.epochs = 0, the start.
/// @throws Error(State) without object or probe, Error(Shape) when the start was made of another number of frames, and
/// what physics::iterate() throws
Result refine(const data::Scan& scan, const Result& start, const config::Settings& settings, const Monitor& monitor,
              Log& log);

/// Iterate from a flat object and the scan's probe. @throws Error(State) when the scan has no probe
Result refine_from_scratch(const data::Scan& scan, const config::Settings& settings, const Monitor& monitor, Log& log);

/// Relative Fourier error of a result against the measured frames, by the scan's own propagation; pixels that no frame
/// reached as in refine().
double fourier_error(const data::Scan& scan, const Result& result, const Monitor& monitor);

} // namespace ptk::reconstruction
