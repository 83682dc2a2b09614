#pragma once
#include "base/log.h"
#include "config/config.h"
#include "data/scan.h"

#include <string>

namespace ptk::data {

/// Open a file: NPZ in PtychoPINN's layout or HDF5 in CXI layout, told apart by content, not by name.
/// Applies the data.* options (measurement, dc, layout, position unit, bounds), checks every number that later work relies on.
/// Frames above data.memory_mib stay in their HDF5 file.
/// @throws Error(Io | Format | Shape | NotFound | InvalidConfig): the message starts with the file
Scan read_scan(const std::string& path, const config::Settings& settings, Log& log);

/// The same checks and options for arrays of a caller.
/// @param frames     (n, h, w) any real type (copied)
/// @param positions  (n, 2) (x, y) float64, pixels (metres when data.position_unit says so and data.pixel_size_m is given)
/// @param probe      (modes, N, N), (N, N) or undefined, complex
/// @param object     (H, W) complex or undefined
Scan scan_from_arrays(at::Tensor frames, at::Tensor positions, at::Tensor probe, at::Tensor object, const config::Settings& settings, Log& log);

/// What is in a file: kind, arrays with shapes, types, what would be read, notes, suggestions. As JSON text.
std::string describe_file(const std::string& path, const config::Settings& settings, Log& log);

/// A complex object or other 2-D array out of an NPZ/NPY or a result file of ours (for evaluation). complex64 (H, W)
at::Tensor read_object(const std::string& path);

}  // namespace ptk::data
