#pragma once
#include "kernels/cpu/convolution.h"

#include <cstdint>

namespace ptk::kernels::cpu {

/// 3 x 3 convolution (cross-correlation, as in every network) of float32 images, channels last:
///   z(b, y, x, o) = bias(o) + sum_{i, u, v} weight(o, i, u, v) x(b, y + u - 1, x + v - 1, i),  y = activation(z)
/// with weights in PyTorch's order (out, in, 3, 3). Any sizes of at least 1.
///
/// Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray, CVPR 2016): tiles of 6 x 6 are transformed, 36 matrix
/// products over the channels, tiles of 4 x 4 transformed back; 2.25 multiplications for each output and input channel
/// instead of
/// 9. Interpolation at 0, +-2/3, +-3/2 and infinity instead of the usual 0, +-1, +-2: reciprocal pairs around 1 keep
/// the entries near 1 and with them the rounding (about half the error). Error relative to the norm of the result about
/// 1e-6. NaN and infinity in x make NaN in all outputs of the tiles (4 x 4) that see them, not in those pixels alone.
///
/// With shape.mirrored pixels outside are those inside mirrored at the edge, which is not repeated; sizes of at
/// least 2. Then backward() makes no dx, which must be null: the gradient by the mirrored image comes from one on a
/// frame of zeros around dy, folded back.
///
/// These are the kernels of instruction_set(), or of one set for tests and comparisons. x_stride may exceed the
/// channels.
/// @throws Error(Unsupported) when the processor lacks the set; as instruction_set()
const ConvolutionKernels& conv3x3_kernels(InstructionSet set = instruction_set());

/// The same forward with weights that were transformed before: four times their size, and a large part of the time
/// where there are many channels and few pixels.
struct PackedConvolution {
    /// Floats of the transformed weights; of @p shape only in and out count.
    std::int64_t (*size)(const ConvolutionShape& shape);
    /// @param packed  size() floats, overwritten
    void (*pack)(const ConvolutionShape& shape, const float* weight, float* packed, int threads);
    /// As ConvolutionKernels::forward(), with the same bits.
    bool (*forward)(const ConvolutionShape& shape, const float* x, const float* packed, const float* bias,
                    Activation activation, float* y, float* slope, int threads);
};

/// @throws as conv3x3_kernels()
const PackedConvolution& packed_conv3x3_kernels(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
