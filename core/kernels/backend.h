#pragma once
#include <string_view>

namespace ptk::kernels {

/// Who does the work where both LibTorch and we have a kernel.
enum class Backend {
    Own,  ///< ours wherever it can: on a CPU in float32
    Aten, ///< LibTorch
};

/// From "own" or "aten". @throws Error(InvalidConfig)
Backend backend_named(std::string_view name);

/// For the whole process, from the next operation on. @{
void set_backend(Backend backend) noexcept;
Backend backend() noexcept;
/// @}

} // namespace ptk::kernels
