#include "kernels/backend.h"

#include "base/error.h"

#include <atomic>

namespace ptk::kernels {

namespace {

std::atomic<Backend> chosen{Backend::Own};

} // namespace

Backend backend_named(std::string_view name)
{
    if (name == "own")
        return Backend::Own;
    require(name == "aten", Status::InvalidConfig, "kernels: expected own or aten, found '{}'", name);
    return Backend::Aten;
}

void set_backend(Backend backend) noexcept
{
    chosen.store(backend, std::memory_order_relaxed);
}

Backend backend() noexcept
{
    return chosen.load(std::memory_order_relaxed);
}

} // namespace ptk::kernels
