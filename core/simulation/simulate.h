#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "data/scan.h"

namespace ptk::simulation {

/// A whole experiment after the simulation.* options, with its truth: the object in the frame of the positions, the
/// probe that lit it, the bad pixels. Frames are far-field counts of the object's patches under the probe shifted by
/// the fraction of each position:
///   I = |FFT2(P(r - f) O(r + corner))|^2, orthonormal, modes incoherent, zero frequency at index N/2,
/// or, with physics.propagator, intensities in the near field (physics::Propagator); the scan says so.
/// With simulation.objects and simulation.probes every object with every probe is an experiment, joined as
/// data::join_scans() does; the first is that of a simulation of one.
/// A seed gives the same frames on any number of threads: streams "simulation.object", ".probe", ".scan", ".detector",
/// and one for each frame.
/// @return frames in memory, whole counts as float32, or mean counts where the noise is switched off; measurement
/// counts
/// @throws Error(InvalidConfig) for options that do not fit together; Error(Shape) for an object file that is smaller
/// than the scan;
///         Error(OutOfMemory); Error(Cancelled)
data::Scan simulate(const config::Settings& settings, Log& log, const Monitor& monitor);

} // namespace ptk::simulation
