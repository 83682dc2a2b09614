#include "kernels/cpu/workspace.h"

#include <cstdlib>

namespace ptk::kernels::cpu {

namespace {

constexpr std::size_t line = 64;

struct Buffer {
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { std::free(data); }

    float* data = nullptr;
    std::size_t count = 0;
};

} // namespace

float* workspace(Workspace use, std::size_t count) noexcept
{
    thread_local Buffer buffers[4];
    auto& buffer = buffers[static_cast<int>(use)];
    if (count <= buffer.count)
        return buffer.data;
    std::free(buffer.data);
    const std::size_t bytes = (count * sizeof(float) + line - 1) / line * line;
    buffer.data = static_cast<float*>(std::aligned_alloc(line, bytes));
    buffer.count = buffer.data ? count : 0;
    return buffer.data;
}

} // namespace ptk::kernels::cpu
