#pragma once
#include <cstddef>

namespace ptk::kernels::cpu {

/// Memory that a kernel needs during one call. Each thread owns a buffer for each use; it grows to the largest size
/// that was asked for and stays until the thread ends, so that repeated calls allocate nothing.
enum class Workspace { Weights, Sums, Tiles, Rows };

/// At least @p count floats, on a cache line, contents undefined; valid until this thread asks for the same use again.
/// @return nullptr when there is no memory
float* workspace(Workspace use, std::size_t count) noexcept;

} // namespace ptk::kernels::cpu
