#pragma once
#include "kernels/cpu/instruction_set.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// One image of float32, channels last: (height, width, channels) contiguous.
struct ImageShape {
    std::int64_t height, width, channels;
    std::int64_t pixels() const { return height * width; }
};

/// What the gates of CBAM (Woo et al., "CBAM", ECCV 2018) and the 2 x 2 maximum after them read and write, each in one
/// pass over an image: a gate is a factor of each channel, g (channels), or of each pixel, s (height, width). One
/// thread runs each call; NaN comes out of every maximum and sum that it goes into; sums are made row by row.
/// Gradients go to one of several equal maxima.
struct GateKernels {
    InstructionSet set;

    /// Of each channel the mean over the pixels, the maximum and, unless @p where is null, the pixel that has it.
    void (*channels)(const ImageShape& shape, const float* x, float* mean, float* maximum, std::int32_t* where);
    /// dx += from the gradients by mean and maximum
    void (*channels_backward)(const ImageShape& shape, const float* dmean, const float* dmaximum,
                              const std::int32_t* where, float* dx);

    /// Of each of @p count pixels the maximum over the channels of g x, their mean and, unless @p where is null, the
    /// channel that has the maximum. x and the results begin at the first of these pixels.
    void (*pixels)(std::int64_t count, std::int64_t channels, const float* x, const float* g, float* maximum,
                   float* mean, std::int32_t* where);
    /// dx += and dg (channels, overwritten), from the gradients by maximum and mean, of a whole image
    void (*pixels_backward)(const ImageShape& shape, const float* x, const float* g, const float* dmaximum,
                            const float* dmean, const std::int32_t* where, float* dx, float* dg);

    /// Rows [begin, end) of y (height / 2, width / 2, channels), the maximum of g s x over squares of 2 x 2; x and y
    /// are the whole images. An odd last row or column is left out.
    void (*pool)(const ImageShape& shape, const float* x, const float* g, const float* s, std::int64_t begin,
                 std::int64_t end, float* y);
    /// dx (overwritten), dg (channels, overwritten) and ds (height, width, overwritten), of a whole image
    void (*pool_backward)(const ImageShape& shape, const float* x, const float* g, const float* s, const float* dy,
                          float* dx, float* dg, float* ds);
};

/// @throws as require_supported()
const GateKernels& gate_kernels(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
