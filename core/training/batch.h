#pragma once
#include "data/read_ahead.h"
#include "data/scan.h"

#include <c10/core/Device.h>

#include <cstdint>

namespace ptk::training {

/// The measured amplitudes of a scan on the device: all of them kept when they are in memory anyway and not too many,
/// else gathered when they are asked for, the next ones ahead of time on a thread.
class Amplitudes {
public:
    Amplitudes(const data::Scan& scan, c10::Device device, std::int64_t limit_bytes = std::int64_t{1} << 30);

    /// @param frames  (...) int64 on the CPU @return (..., N, N) float32, sqrt(counts)
    at::Tensor of(const at::Tensor& frames);
    /// These will be asked for next; they may be read while others are worked with.
    void expect(const at::Tensor& frames);

private:
    std::int64_t side_;
    c10::Device device_;
    at::Tensor kept_;                        ///< (n, N, N) on the device, or undefined
    data::ReadAhead<at::Tensor> amplitudes_; ///< on the CPU, by indices
};

} // namespace ptk::training
