#pragma once
#include <ATen/core/Tensor.h>

#include <string>

namespace ptk::data {

/// Positions in a file of their own, x first: NPY of shape (n, 2) or (n, 3); NPZ with 'xcoords' and 'ycoords'; or text
/// with two or three numbers a line between spaces, tabs, commas or semicolons, where empty lines, what follows a '#'
/// and a first line of words are left out.
/// @return (n, 2) float64, (x, y)
/// @throws Error(Io); Error(Format | Shape) naming the line or array
at::Tensor read_position_file(const std::string& path);

/// A complex array in a file of its own: NPY, NPZ with @p key, or an NPZ with one array. @throws Error
at::Tensor read_array_file(const std::string& path, const std::string& key);

} // namespace ptk::data
