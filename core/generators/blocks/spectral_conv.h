#pragma once
#include "generators/blocks/kept.h"
#include "generators/module.h"

#include <ATen/core/Generator.h>

#include <cstdint>

namespace ptk::generators {

/// A convolution as wide as the image, by its Fourier transform: of each channel the lowest @p modes row and column
/// frequencies are multiplied with complex weights, summed over the channels, and transformed back; all others are
/// dropped. (B, in, H, W) real -> (B, out, H, W) real. The weights do not depend on H and W; where there are fewer
/// frequencies than modes, the weights of the rest have no effect.
/// On a CPU in float32, with multiples of 16 channels, our kernels do it in channels last (kernels::set_backend()).
/// Source: Li et al., "Fourier neural operator", ICLR 2021, eq. 5. Like PtychoPINN's, and unlike the paper's, it keeps
/// row frequencies >= 0 only.
class SpectralConv2d : public Module {
public:
    SpectralConv2d(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const { return add_to({}, x); }
    /// @p sum, which may be changed for it, and the convolution; no leaf that wants a gradient.
    at::Tensor add_to(const at::Tensor& sum, const at::Tensor& x) const;

private:
    at::Tensor by_aten(const at::Tensor& x) const;

    at::Tensor weights_; ///< (in, out, modes, modes) complex64: row, column frequency
    mutable Kept<at::Tensor> matrices_;
};

/// The same along each axis alone, and the sum of both: modes instead of modes^2 weights a pair of channels.
/// (B, C, H, W) -> (B, C, H, W). Source: Tran et al., "Factorized Fourier neural operators", ICLR 2023, eq. 4.
class FactorizedSpectralConv2d : public Module {
public:
    FactorizedSpectralConv2d(std::int64_t channels, std::int64_t modes, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor weights_x_; ///< (C in, C out, modes) complex64, along W
    at::Tensor weights_y_; ///< along H
    mutable Kept<at::Tensor> matrices_x_, matrices_y_;
};

} // namespace ptk::generators
