#pragma once

namespace ptk::base {

/// Number of threads that LibTorch and our kernels use in one operation; 0 keeps what the machine gives.
/// How OpenMP's threads wait (OMP_WAIT_POLICY) is read when a process starts: a library cannot set it.
void set_thread_count(int count);
int thread_count();

} // namespace ptk::base
