#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::data {

/// Frames one after the other in memory, or in a mapped file.
struct FrameMemory {
    const void* first = nullptr;
    std::int64_t frames = 0;
    std::int64_t side = 0;
    std::int64_t stride = 0; ///< bytes from one frame to the next
    at::ScalarType type = at::kByte;
};

/// Types that gather_frames() reads: uint8, uint16, int16, int32, float32.
bool can_gather(at::ScalarType type);

/// Frames as float32, picked and converted in one pass.
/// @param indices  (k) int64 on the CPU, any order, with repetitions @return (k, N, N) float32
/// @throws Error(InvalidArgument) for an index that is no frame
at::Tensor gather_frames(const FrameMemory& memory, const at::Tensor& indices);

} // namespace ptk::data
