#pragma once
#include <string>

namespace ptk::parallel {

struct NcclRequest; // nccl_module.h
struct NcclAnswer;

/// The module that knows NCCL, see nccl_module.h.
struct NcclModule {
    void (*open)(const NcclRequest&, NcclAnswer&) noexcept = nullptr; ///< nullptr when there is none
    std::string error{};                                              ///< then why
};

/// The module is opened when it is first asked for: most trainings never do, and most builds have none. Call it with
/// LibTorch's CUDA library open (base::open_device()). Threads: any
const NcclModule& nccl_module();

} // namespace ptk::parallel
