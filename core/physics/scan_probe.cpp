#include "physics/scan_probe.h"

#include "physics/probe.h"

namespace ptk::physics {

at::Tensor scan_probe(const data::Scan& scan)
{
    require(scan.probe.defined(), Status::State,
            "{}: holds no probe (in NPZ the array 'probeGuess'), and the model or result has none", scan.source);
    return with_power(canonical_probe(scan.probe, scan.side()), data::mean_power(scan));
}

} // namespace ptk::physics
