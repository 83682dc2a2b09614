#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::generators {

// What attention gates read and write, each differentiable once in every input. On a CPU in float32 our kernels do it,
// channels last, unless LibTorch's are asked for (kernels::set_backend()); callers see the difference in time only.
// What returns the image again (x) does so for the next that reads it: one after the other they then add to one
// gradient, instead of making one each and a sum. @throws Error(Unsupported) when a gradient of our gradient is asked
// for

/// Mean and maximum of each channel over the pixels.
struct ChannelStatistics {
    at::Tensor mean;    ///< (B, C)
    at::Tensor maximum; ///< (B, C)
    at::Tensor x;
};

/// @param x  (B, C, H, W)
ChannelStatistics channel_statistics(const at::Tensor& x);

struct PixelStatistics {
    at::Tensor values; ///< (B, 2, H, W)
    at::Tensor x;
};

/// Maximum and mean over the channels of gate x, one after the other.
/// @param x  (B, C, H, W) @param gate  (B, C)
PixelStatistics pixel_statistics(const at::Tensor& x, const at::Tensor& gate);

/// The maximum of channel_gate pixel_gate x over squares of 2 x 2; an odd last row or column is left out.
/// @param x  (B, C, H, W) @param channel_gate  (B, C) @param pixel_gate  (B, 1, H, W) @return (B, C, H/2, W/2)
at::Tensor gated_maximum(const at::Tensor& x, const at::Tensor& channel_gate, const at::Tensor& pixel_gate);

} // namespace ptk::generators
