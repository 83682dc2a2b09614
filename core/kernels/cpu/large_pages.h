#pragma once
#include <cstddef>

namespace ptk::kernels::cpu {

/// Of the usual processors and systems.
constexpr std::size_t large_page = std::size_t{2} << 20;

/// Asks the system to back the whole large pages in [data, data + bytes) as such. The 36 matrices of a convolution lie
/// in as many places, more than the processor remembers the translation of with small pages: measured, 1.3 times the
/// speed; and fresh memory is made in one step for 512. Changes no contents; where the system cannot, nothing happens.
void use_large_pages(void* data, std::size_t bytes) noexcept;

/// @p count floats on a cache line, in large pages when they are many; contents undefined; null when there is no
/// memory. To be given to FreeArray.
float* large_array(std::size_t count) noexcept;

struct FreeArray {
    void operator()(float* data) const noexcept;
};

} // namespace ptk::kernels::cpu
