#pragma once
#include "kernels/cpu/convolution.h"

namespace ptk::kernels::cpu {

// Convolutions as direct sums: the two that change the size of images, where Winograd saves little, and that of few
// channels, where his transforms cost as much as the products. Each pixel's sum is made in one run over lines, columns
// and channels; error as that of a plain loop. x_stride must be the number of channels, but with slim_kernels().

/// What conv3x3_kernels() do, for few input channels: as fast there, and accurate where the values of an image differ
/// by orders of magnitude, as those of diffraction do. @throws as conv3x3_kernels()
const ConvolutionKernels& narrow_kernels(InstructionSet set = instruction_set());

/// What conv3x3_kernels() do, for few output channels, as the last layers of networks have them: x is read once, and
/// nothing is transformed for so few results. @throws as conv3x3_kernels()
const ConvolutionKernels& slim_kernels(InstructionSet set = instruction_set());

/// 3 x 3 convolution with stride 2 and one pixel of zeros around each image:
///   z(b, y, x, o) = bias(o) + sum_{i, u, v} weight(o, i, u, v) x(b, 2 y + u - 1, 2 x + v - 1, i)
/// weight (out, in, 3, 3); y (batch, ceil(height / 2), ceil(width / 2), out). @throws as conv3x3_kernels()
const ConvolutionKernels& down_kernels(InstructionSet set = instruction_set());

/// 2 x 2 transposed convolution with stride 2: every pixel becomes a square of four,
///   z(b, 2 y + u, 2 x + v, o) = bias(o) + sum_i weight(i, o, u, v) x(b, y, x, i)
/// weight (in, out, 2, 2); y (batch, 2 height, 2 width, out). @throws as conv3x3_kernels()
const ConvolutionKernels& up_kernels(InstructionSet set = instruction_set());

} // namespace ptk::kernels::cpu
