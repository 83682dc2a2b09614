#pragma once
#include "data/scan.h"

namespace ptk::physics {

/// The scan's probe, (modes, N, N) complex64, with the mean power of its frames, in sqrt(counts).
/// @throws Error(State) when the scan has none, Error(Shape) for one of another size
at::Tensor scan_probe(const data::Scan& scan);

} // namespace ptk::physics
