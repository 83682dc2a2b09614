#pragma once
#include "kernels/backend.h"

namespace ptk::kernels::testing {

/// These kernels for as long as it lives.
class UsingBackend {
public:
    explicit UsingBackend(Backend chosen) : before_(backend()) { set_backend(chosen); }
    ~UsingBackend() { set_backend(before_); }
    UsingBackend(const UsingBackend&) = delete;
    UsingBackend& operator=(const UsingBackend&) = delete;

private:
    Backend before_;
};

} // namespace ptk::kernels::testing
