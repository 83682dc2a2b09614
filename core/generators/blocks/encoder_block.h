#pragma once
#include "generators/blocks/layers.h"
#include "generators/blocks/spectral_conv.h"

#include <optional>

namespace ptk::generators {

/// A Fourier layer with a choice of how its two branches, spectral and 3 x 3 on mirrored edges, are joined:
///   x + alpha GELU(g_s out_s(spectral(in_s(x))) + g_l out_l(conv(in_l(x))))
/// (B, C, H, W), same shape out. Either branch may be missing; a branch of another width than C is entered and left by
/// 1 x 1 convolutions; alpha and the gates g are one learned number a block each, or 1. Keys spectral, local_conv,
/// spectral_in, spectral_out, conv_in, conv_out, encoder_layerscale, spectral_branch_gate, local_branch_gate.
/// Source: the encoder of PtychoPINN's hybrid_resnet.
class EncoderBlock : public Module {
public:
    struct Options {
        std::int64_t channels;
        std::int64_t modes;
        std::int64_t conv_width;     ///< 0: no convolution branch
        std::int64_t spectral_width; ///< 0: no spectral branch
        bool scaled = false;         ///< with alpha
        bool gated = false;          ///< with gates
        double scale = 0.1;
        double gate = 0.1;
    };

    EncoderBlock(const Options& options, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    at::Tensor spectral_branch(const at::Tensor& x) const;
    at::Tensor local_branch(const at::Tensor& x) const;

    at::Tensor encoder_layerscale_; ///< (1), or undefined
    at::Tensor spectral_branch_gate_;
    at::Tensor local_branch_gate_;
    std::optional<Conv2d> spectral_in_;
    std::optional<Conv2d> spectral_out_;
    std::optional<SpectralConv2d> spectral_;
    std::optional<Conv2d> conv_in_;
    std::optional<Conv2d> conv_out_;
    std::optional<MirrorConv2d> local_conv_;
};

} // namespace ptk::generators
