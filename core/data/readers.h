#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "data/scan.h"

#include <functional>
#include <string>
#include <vector>

namespace ptk::data {

/// Open a scan, told apart by content, not by name: NPZ in PtychoPINN's layout; HDF5 in CXI layout, of ptychodus
/// (diffraction and product), of PtyPy
/// (.ptyd), or of any layout with its paths in data.frames and its kin; NPY frames with data.positions; a folder of
/// ptychodus or of NPZ files.
/// Applies the data.* options (measurement, dc, layout, position unit, detector steps, bounds), checks every number
/// that later work relies on. Frames above data.memory_mib stay in their HDF5 file; with data.store those of any format
/// are read from a mapped store (frame_store.h), which is built when needed: @p monitor watches that.
/// A folder of several NPZ files, in the order of their names, and the scans that data.more names beside @p path are
/// several experiments in one scan (experiments.h), each read by itself: bounds, data.subsample and data.store are of
/// each (a store that is a file has ".1", ".2" ... added).
/// @throws Error(Io | Format | Shape | NotFound | InvalidConfig): the message starts with the file
Scan read_scan(const std::string& path, const config::Settings& settings, Log& log, const Monitor& monitor = {});

/// The same checks and options for arrays of a caller.
/// @param frames     (n, h, w) any real type (copied)
/// @param positions  (n, 2) (x, y) float64, pixels (metres when data.position_unit says so and data.pixel_size_m is
/// given)
/// @param probe      (modes, N, N), (N, N) or undefined, complex
/// @param object     (H, W) complex or undefined
Scan scan_from_arrays(at::Tensor frames, at::Tensor positions, at::Tensor probe, at::Tensor object,
                      const config::Settings& settings, Log& log);

/// What is in a file, as JSON text: file, bytes, kind, arrays [{name, type, shape}] (at most 500), and for a scan also
/// scan (what read_scan() would make of it), notes and suggestions. Files of ours have their ptychokit_kind as kind.
/// @throws Error as read_scan() for a damaged scan; a whole file that is no scan is described without one
/// @param advise  more suggestions for a scan, of layers that know physics
using Advise = std::function<std::vector<std::string>(const Scan&)>;
std::string describe_file(const std::string& path, const config::Settings& settings, Log& log,
                          const Advise& advise = {});

/// A complex object (for evaluation): 'objectGuess', 'object' or the only complex array of two axes of an NPZ, an NPY,
/// 'object' of a result file of ours or the image of a CXI file. @return (H, W) complex64
at::Tensor read_object(const std::string& path);

} // namespace ptk::data
