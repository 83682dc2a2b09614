#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "data/scan.h"

#include <optional>
#include <string>

namespace ptk::reconstruction {

/// How frames lie to the positions, as the options data.flip_x, data.flip_y and data.transpose say it.
struct Orientation {
    bool flip_x = false, flip_y = false, transpose = false; ///< the flips come first

    bool operator==(const Orientation&) const = default;
};

/// Frames that are brought into @p first and then into @p second.
Orientation combined(const Orientation& first, const Orientation& second);

/// What a trial says of the orientation of a scan's frames.
struct OrientationTrial {
    Orientation best{}; ///< of the frames as they are now
    double error_now = 0, error_best = 0;
    std::int64_t frames = 0;
    bool clear = false; ///< the best is another than now, and much better
};

/// Reconstructs up to 100 frames about the middle of the scan from a flat object and the scan's probe, ten epochs of
/// ePIE, in each of the eight orientations; the errors are relative Fourier errors of a tenth of these frames, which
/// are held out. Positions with exchanged axes, or with an axis the other way round, show as frames that are transposed
/// or mirrored; frames turned by a half are told from others by the probe alone, because the complex conjugates of
/// object and probe explain them.
/// @return nothing for scans that do not tell: without a probe, several experiments, fewer than 25 frames
std::optional<OrientationTrial> try_orientations(const data::Scan& scan, const config::Settings& settings,
                                                 const Monitor& monitor);

/// What to set, when the orientation is clearly wrong and data.check_orientation is on; else nothing.
std::optional<std::string> orientation_advice(const data::Scan& scan, const config::Settings& settings,
                                              const Monitor& monitor);

} // namespace ptk::reconstruction
