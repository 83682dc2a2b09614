#pragma once
#include "data/detector_steps.h"
#include "data/frames.h"

#include <memory>
#include <string>

namespace ptk::data {

class Hdf5File;

/// Frames that stay in their HDF5 file, (n, h, w); rows are read in runs when they are gathered, then checked and
/// changed.
FramesPtr frames_on_disk(std::shared_ptr<const Hdf5File> file, std::string path, std::string key, DetectorSteps steps);

} // namespace ptk::data
