#include "data/gather.h"

#include "base/error.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>

namespace ptk::data {

namespace {

constexpr std::int64_t pixels_per_task = 65536;

template <class Number> void convert(const Number* in, float* out, std::int64_t count)
{
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(in[i]);
}

template <class Number>
void gather(const FrameMemory& memory, const std::int64_t* index, std::int64_t count, float* out)
{
    const auto pixels = memory.side * memory.side;
    at::parallel_for(
        0, count, std::max<std::int64_t>(1, pixels_per_task / pixels), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t k = begin; k < end; ++k) {
                const auto* in =
                    reinterpret_cast<const Number*>(static_cast<const char*>(memory.first) + index[k] * memory.stride);
                convert(in, out + k * pixels, pixels);
            }
        });
}

} // namespace

bool can_gather(at::ScalarType type)
{
    return type == at::kByte || type == at::kUInt16 || type == at::kShort || type == at::kInt || type == at::kFloat;
}

at::Tensor gather_frames(const FrameMemory& memory, const at::Tensor& indices)
{
    const auto flat = indices.contiguous();
    const auto count = flat.size(0);
    const auto* index = flat.const_data_ptr<std::int64_t>();
    for (std::int64_t k = 0; k < count; ++k)
        require(index[k] >= 0 && index[k] < memory.frames, Status::InvalidArgument,
                "frames: index {} is not one of {} frames", index[k], memory.frames);
    auto frames = at::empty({count, memory.side, memory.side}, at::kFloat);
    auto* out = frames.mutable_data_ptr<float>();
    switch (memory.type) {
    case at::kByte:
        gather<std::uint8_t>(memory, index, count, out);
        break;
    case at::kUInt16:
        gather<std::uint16_t>(memory, index, count, out);
        break;
    case at::kShort:
        gather<std::int16_t>(memory, index, count, out);
        break;
    case at::kInt:
        gather<std::int32_t>(memory, index, count, out);
        break;
    case at::kFloat:
        gather<float>(memory, index, count, out);
        break;
    default:
        fail(Status::Internal, "frames: no gathering of {}", c10::toString(memory.type));
    }
    return frames;
}

} // namespace ptk::data
