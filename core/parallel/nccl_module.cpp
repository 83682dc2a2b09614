// libptychokit_nccl.so: the one file that knows c10d's backend NCCL. It is built when there is the complete LibTorch
// with the headers of CUDA and NCCL, and opened by nccl.cpp.
#define USE_C10D_NCCL 1
#include "parallel/nccl_module.h"

#include <ATen/cuda/CUDAContext.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

namespace ptk::parallel {

namespace {

/// A variable of the environment that has a value in this scope only, and only when the user has set none.
class DefaultVariable {
public:
    /// @param names  the variable and what it was called before
    DefaultVariable(const std::vector<std::string>& names, const char* value)
    {
        for (const auto& name : names)
            if (std::getenv(name.c_str()) != nullptr)
                return;
        ours_ = names.front();
        ::setenv(ours_.c_str(), value, 0);
    }
    ~DefaultVariable()
    {
        if (!ours_.empty())
            ::unsetenv(ours_.c_str());
    }
    DefaultVariable(const DefaultVariable&) = delete;
    DefaultVariable& operator=(const DefaultVariable&) = delete;

private:
    std::string ours_{};
};

/// c10d watches over its calls on threads that end the process when a call fails, takes too long or they think so. That
/// is not for a library to do: with waits that block and throw there are no such threads. c10d has no other way to be
/// told, and asks once, when the backend is made. The other variables count for those who want the threads back.
c10::intrusive_ptr<c10d::Backend> backend_of(const NcclRequest& request)
{
    static std::mutex one_at_a_time; // the environment is the whole process's
    const std::scoped_lock lock(one_at_a_time);
    const DefaultVariable wait(c10d::TORCH_NCCL_BLOCKING_WAIT, "1");
    const DefaultVariable errors(c10d::TORCH_NCCL_ASYNC_ERROR_HANDLING, "0");
    const DefaultVariable monitoring(c10d::TORCH_NCCL_ENABLE_MONITORING, "0");
    const DefaultVariable rethrow(c10d::TORCH_NCCL_RETHROW_CUDA_ERRORS, "0");
    const auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = request.limit;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(request.store, request.rank, request.size, options);
}

/// Its number says little: processes may each see only some of the cards.
std::array<std::int64_t, 2> card_of(c10::Device device)
{
    const auto& uuid = at::cuda::getDeviceProperties(device.index())->uuid;
    std::array<std::int64_t, 2> card{};
    static_assert(sizeof card == sizeof uuid);
    std::memcpy(card.data(), &uuid, sizeof card);
    return card;
}

} // namespace

extern "C" __attribute__((visibility("default"))) void ptychokit_open_nccl(const NcclRequest& request,
                                                                           NcclAnswer& answer) noexcept
{
    try {
        auto backend = backend_of(request);
        answer.card = card_of(request.device);
        answer.backend = std::move(backend);
    } catch (const c10::Error& error) {
        answer.error = error.what_without_backtrace();
    } catch (const std::exception& error) {
        answer.error = error.what();
    } catch (...) {
        answer.error = "unknown reason";
    }
}

} // namespace ptk::parallel
