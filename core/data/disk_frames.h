#pragma once
#include "data/detector_steps.h"
#include "data/frame_rows.h"
#include "data/frames.h"

#include <string>

namespace ptk::data {

/// Frames that stay in their file, (n, h, w); rows are read in runs when they are gathered, then checked and changed.
/// @param path, key  for messages
FramesPtr frames_on_disk(FrameRowsPtr rows, std::string path, std::string key, DetectorSteps steps);

} // namespace ptk::data
