#pragma once
#include "kernels/cpu/activation.h"
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// Sizes of a convolution.
struct ConvolutionShape {
    std::int64_t batch, height, width; ///< of x
    std::int64_t in, out;              ///< channels
    std::int64_t x_stride; ///< floats from one pixel of x to the next, at least @p in: where a kernel allows
                           ///< it, x may be some channels of a larger image
    bool mirrored = false; ///< see conv3x3_kernels(); false for all others
    bool doubled = false;  ///< x is (batch, height / 2, width / 2, in), and each of its pixels stands for a square of
                           ///< four: height and width, even, are those of the image that is convolved. So is dx, whose
                           ///< pixels have the sums over their squares. For conv3x3_kernels() and slim_kernels()
};

/// A convolution of float32 images, channels last, y = activation(z) with z = bias + weight * x, and its gradients.
/// What convolution it is, its weights' order and the size of y say conv3x3.h and resample.h.
///
/// All functions run on at most @p threads OpenMP threads, with the same bits for any number of them, and return false
/// when there is no memory for the workspace (then the results are undefined).
struct ConvolutionKernels {
    InstructionSet set;

    /// @param x      (batch, height, width, in), pixels x_stride apart
    /// @param bias   (out), or null
    /// @param y      channels last with @p out channels, overwritten
    /// @param slope  the activation's derivative at z, in y's shape, for backward(); only with Gelu, null = not wanted
    bool (*forward)(const ConvolutionShape& shape, const float* x, const float* weight, const float* bias,
                    Activation activation, float* y, float* slope, int threads);

    /// Gradients of a loss from its gradient by y; each of them may be null when it is not wanted.
    /// @param dy      as y
    /// @param y       of the same shape: with Relu what forward() returned, with Gelu its slope; unused with None
    /// @param dx      (batch, height, width, in), contiguous, overwritten; x_stride is of x only
    /// @param dweight as weight, overwritten. Its sum is made in at most 16 parts, which depend on the shape alone
    /// @param dbias   (out), overwritten
    bool (*backward)(const ConvolutionShape& shape, const float* x, const float* weight, Activation activation,
                     const float* y, const float* dy, float* dx, float* dweight, float* dbias, int threads);
};

} // namespace ptk::kernels::cpu
