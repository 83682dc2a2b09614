#include "kernels/cpu/workspace.h"

#include "kernels/cpu/large_pages.h"

#include <memory>

namespace ptk::kernels::cpu {

namespace {

struct Buffer {
    std::unique_ptr<float, FreeArray> data;
    std::size_t count = 0;
};

} // namespace

float* workspace(Workspace use, std::size_t count) noexcept
{
    thread_local Buffer buffers[4];
    auto& buffer = buffers[static_cast<int>(use)];
    if (count <= buffer.count)
        return buffer.data.get();
    buffer.data.reset(); // first, because both may not fit
    buffer.data.reset(large_array(count));
    buffer.count = buffer.data ? count : 0;
    return buffer.data.get();
}

} // namespace ptk::kernels::cpu
