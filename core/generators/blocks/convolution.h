#pragma once
#include "generators/blocks/activation.h"

namespace ptk::generators {

/// The convolutions that networks are made of and that we have kernels for.
enum class Convolution {
    Same,   ///< 3 x 3, one pixel of zeros around: (B, in, H, W) -> (B, out, H, W)
    Mirror, ///< the same with the image mirrored at its edges, which are not repeated; H and W at least 2
    Down,   ///< the same with stride 2: -> (B, out, ceil(H/2), ceil(W/2))
    Up,     ///< 2 x 2, transposed, stride 2: every pixel becomes four, -> (B, out, 2 H, 2 W)
};

/// activation(convolution(x, weight) + bias), differentiable once in all three. On a CPU in float32 our kernels do it
/// where they are faster (kernels::set_backend()), LibTorch otherwise; callers see the difference in time only.
///
/// @param x       any layout; channels last is taken as it is, with Same also when it is some channels of a larger
/// tensor
/// @param weight  (out, in, 3, 3), with Up (in, out, 2, 2)
/// @param bias    (out), or undefined
/// @return channels last from our kernels; from LibTorch as it likes
/// @throws Error(OutOfMemory); Error(Unsupported) when a gradient of our gradient is asked for
at::Tensor convolve(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    Activation activation = Activation::None);

} // namespace ptk::generators
