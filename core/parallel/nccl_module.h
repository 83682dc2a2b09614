// Between the library and libptychokit_nccl.so, which is linked with LibTorch's CUDA library. The library is not: it
// runs without one. Both are built together, so that types of C++ pass between them.
#pragma once
#include "parallel/nccl.h"

#include <c10/core/Device.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace ptk::parallel {

struct NcclRequest {
    c10::intrusive_ptr<c10d::Store> store; ///< where the ranks find each other
    int rank;
    int size;
    c10::Device device;
    std::chrono::milliseconds limit; ///< how long a call waits for the others
};

struct NcclAnswer {
    c10::intrusive_ptr<c10d::Backend> backend{}; ///< not connected yet; nullptr: see error
    std::array<std::int64_t, 2> card{};          ///< equal for two processes that use one device
    std::string error{};
};

} // namespace ptk::parallel
