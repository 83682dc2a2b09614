#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::physics {

/// rpie_step() in the far field without gradients, frame by frame while its waves are in the cache. Takes what
/// takes_framewise() says; the same bits for any number of threads.
/// @param patches, probe, amplitude, good  as rpie_step() takes them, complex64 and float32
at::Tensor framewise_rpie(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& amplitude, double alpha,
                          double step, const at::Tensor& good);

} // namespace ptk::physics
