#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/detector_steps.h"
#include "data/frame_rows.h"
#include "data/frames.h"

#include <string>

namespace ptk::data {

// The frame store: the frames of a scan after all that the detector options do to them, in one file that is mapped into
// memory. It is a cache: made from the scan when it is missing, made anew when the scan or what matters for its frames
// changed, and only then. Any number of processes may use it at once.
//
// Layout, version 1, numbers in the byte order of the machine that wrote it (checked):
//
//   offset bytes
//        0     8  magic "PTKFRAME"
//        8     4  0x01020304, tells the byte order
//       12     4  version
//       16     8  bytes of the whole file
//       24     8  frames n
//       32     8  side N
//       40     4  type of a pixel: 1 uint8, 2 uint16, 3 int32, 4 float32
//       44     4  flags: 1 = numbers of the source have fractions
//       48     8  stride: bytes from one frame to the next, a multiple of 64; of 4096, a page, where that adds no more
//                 than an eighth
//       56     8  offset of the first frame, a multiple of 4096
//       64     8  bytes of the identity
//       72     8  checksum (FNV-1a) of the header with zero here, followed by the identity
//       80    48  zero
//      128        identity: UTF-8 text that says what the frames were made of, a line each: source files with bytes and
//                 time of change in ns, array, shape, type, order of axes, detector steps (masks and darks by checksum)
//                 zeros up to the first frame
//                 n frames of N x N pixels, rows first, zero frequency at index N/2, bad pixels 0
//
// Whole numbers up to 32 bits keep their type (signed ones are not negative); binned or dark-subtracted frames, wider
// and fractional numbers are float32, which is what every frame becomes when it is gathered.

/// A store that is ready for use.
struct FrameStore {
    FramesPtr frames;
    bool fractions = false; ///< numbers of the source, before the detector steps, have fractions
    bool built = false;     ///< by this call
};

/// What a store is made of.
struct StoreSource {
    FrameRowsPtr rows;   ///< (n, h, w) real
    DetectorSteps steps; ///< what is done to them
    std::string source;  ///< for messages and the identity
    std::string key;
};

/// Where data.store puts the store of a scan: "auto" = the scan's path with ".ptkframes" added; a folder = a file in it
/// that is named after the scan; else the path itself.
std::string store_path(const std::string& option, const std::string& source);

/// The frames of a scan from their store, which is built first when it is missing, damaged, made of something else or
/// when @p remake says so: in slabs, beside it, then renamed. One builds at a time (a lock file beside it); others wait
/// and use what was built.
///
/// Frames are gathered from the mapping; the system is asked to read all rows of a gather before the first is touched.
/// Between gathers at most about 256 MiB of the mapping stay in the process's resident set. A store that is cut by
/// another program while it is mapped is noticed by its size before each gather, Error(Io); only a cut in the very
/// moment of a gather still ends in the system's SIGBUS, as in every mapped file. This library never changes a store
/// that has its name.
/// @throws Error(Format) the source has numbers that cannot be; the file there is no store, or of a newer version (it
///         is not touched); Error(Io), also when the source changes meanwhile; Error(Cancelled): nothing is left behind
FrameStore open_frame_store(const std::string& path, const StoreSource& source, bool remake, const Monitor& monitor,
                            Log& log);

} // namespace ptk::data
