#pragma once
#include "generators/blocks/activation.h"
#include "generators/blocks/kept.h"

#include <memory>

namespace ptk::generators {

/// The convolutions that networks are made of and that we have kernels for.
enum class Convolution {
    Same,    ///< 3 x 3, one pixel of zeros around: (B, in, H, W) -> (B, out, H, W)
    Doubled, ///< the same of the image in which every pixel has become a square of four: -> (B, out, 2 H, 2 W)
    Mirror,  ///< the same with the image mirrored at its edges, which are not repeated; H and W at least 2
    Down,    ///< the same with stride 2: -> (B, out, ceil(H/2), ceil(W/2))
    Up,      ///< 2 x 2, transposed, stride 2: every pixel becomes four, -> (B, out, 2 H, 2 W)
};

/// The transformed weights of one layer: four times their memory, for what is most of the time of a prediction of one
/// frame.
using KeptWeights = Kept<std::shared_ptr<const float>>;

/// activation(convolution(x, weight) + bias), differentiable once in all three. On a CPU in float32 our kernels do it
/// where they are faster (kernels::set_backend()), LibTorch otherwise, which also computes in bfloat16 (Autocast);
/// callers see the difference in time only, or in precision where they asked for it.
///
/// @param x       any layout; channels last is taken as it is, with Same also when it is some channels of a larger
/// tensor
/// @param weight  (out, in, 3, 3), with Up (in, out, 2, 2)
/// @param bias    (out), or undefined
/// @param kept    the layer's, for predictions; or null
/// @return channels last from our kernels; from LibTorch as it likes
/// @throws Error(OutOfMemory); Error(Unsupported) when a gradient of our gradient is asked for
at::Tensor convolve(Convolution kind, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    Activation activation = Activation::None, KeptWeights* kept = nullptr);

} // namespace ptk::generators
