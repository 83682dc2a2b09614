#pragma once
#include "data/scan.h"

#include <c10/core/Device.h>

#include <cstdint>

namespace ptk::training {

/// The measured amplitudes of a scan on the device: all of them kept when they are in memory anyway and not too many,
/// else gathered when they are asked for.
class Amplitudes {
public:
    Amplitudes(const data::Scan& scan, c10::Device device, std::int64_t limit_bytes = std::int64_t{1} << 30);

    /// @param frames  (...) int64 on the CPU @return (..., N, N) float32, sqrt(counts)
    at::Tensor of(const at::Tensor& frames) const;

private:
    at::Tensor gather(const at::Tensor& indices) const;

    data::FramesPtr frames_;
    data::Measurement measurement_;
    c10::Device device_;
    at::Tensor kept_; ///< (n, N, N) or undefined
};

} // namespace ptk::training
