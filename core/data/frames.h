#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

namespace ptk::data {

/// The diffraction frames of a scan, stored once: in memory or in their file. Square, zero frequency at index N/2.
/// Threads: concurrent calls are allowed.
class Frames {
public:
    virtual ~Frames() = default;
    virtual std::int64_t size() const = 0; ///< number of frames
    virtual std::int64_t side() const = 0; ///< N
    /// Frames of the given indices, in their order.
    /// @param indices  (k) int64 in [0, size())
    /// @return (k, N, N) float32 on the CPU, in the unit of the measurement
    virtual at::Tensor gather(const at::Tensor& indices) const = 0;
    /// True when the frames are read from a file at each gather().
    virtual bool on_disk() const { return false; }
};

using FramesPtr = std::shared_ptr<const Frames>;

/// Frames in memory, kept in their own type.
/// @param frames  (n, N, N) any real type, contiguous or not (it is kept as it is, not copied)
FramesPtr frames_in_memory(at::Tensor frames);

/// A selection of other frames; nothing is copied.
FramesPtr frames_subset(FramesPtr all, at::Tensor indices);

} // namespace ptk::data
