#pragma once
#include "config/schema.h"
#include "data/scan.h"

namespace ptk::data {

/// What a scan is, as JSON: source, frames, side, measurement, on_disk, has_probe, has_object, bad_pixels, modes,
/// positions {x, y: [low, high]}, geometry (only what is known), notes.
config::Json summary(const Scan& scan);

} // namespace ptk::data
