#pragma once

namespace ptk::base {

/// Number of threads that LibTorch and our kernels use in one operation; 0 keeps what the machine gives.
/// Also asks OpenMP to wait passively, unless the user's environment says otherwise.
void set_thread_count(int count);
int thread_count();

}  // namespace ptk::base
