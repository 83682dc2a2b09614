#include "kernels/cpu/large_pages.h"

#include <cstdint>
#include <cstdlib>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ptk::kernels::cpu {

void use_large_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) noexcept
{
#if defined(MADV_HUGEPAGE)
    const auto begin = (reinterpret_cast<std::uintptr_t>(data) + large_page - 1) / large_page * large_page;
    const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / large_page * large_page;
    if (begin < end)
        ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

float* large_array(std::size_t count) noexcept
{
    constexpr std::size_t line = 64;
    const std::size_t bytes = count * sizeof(float);
    const std::size_t unit = bytes < large_page / 2 ? line : large_page;
    const std::size_t whole = (bytes + unit - 1) / unit * unit;
    auto* data = static_cast<float*>(std::aligned_alloc(unit, whole));
    if (data)
        use_large_pages(data, whole);
    return data;
}

void FreeArray::operator()(float* data) const noexcept
{
    std::free(data);
}

} // namespace ptk::kernels::cpu
