#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// Instance normalisation (Ulyanov et al., arXiv:1607.08022) of one image of float32 in channels last, (pixels,
/// channels) contiguous, channel by channel:
///   n = (x - mean) scale,  scale = 1 / sqrt(variance + epsilon),  y = n weight + bias
/// All arrays but images hold one number a channel. Sums are made in runs of at most 64 pixels. One thread runs each
/// call.
struct InstanceNormKernels {
    InstructionSet set;

    /// mean and scale, from the mean first and then the squares around it
    void (*statistics)(std::int64_t pixels, std::int64_t channels, const float* x, float epsilon, float* mean,
                       float* scale);
    /// y = (x - mean) factor + bias
    void (*apply)(std::int64_t pixels, std::int64_t channels, const float* x, const float* mean, const float* factor,
                  const float* bias, float* y);
    /// sum of dy, and product, the sum of dy n: the gradients by bias and weight
    void (*sums)(std::int64_t pixels, std::int64_t channels, const float* x, const float* mean, const float* scale,
                 const float* dy, float* sum, float* product);
    /// dx = dy a + (x - mean) b + c, the gradient by x when
    ///   a = weight scale,  b = -a scale product / pixels,  c = -a sum / pixels
    void (*gradient)(std::int64_t pixels, std::int64_t channels, const float* x, const float* mean, const float* dy,
                     const float* a, const float* b, const float* c, float* dx);
};

/// @throws as require_supported()
const InstanceNormKernels& instance_norm_kernels(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
