#pragma once
#include "generators/blocks/layers.h"
#include "generators/blocks/lifter.h"
#include "generators/blocks/module_list.h"
#include "generators/channel_generator.h"

namespace ptk::generators {

/// A vision transformer: each square of pixels is a token, with four register tokens before them; blocks of attention
/// and a two-layer network, both after an RMS norm and with a factor a channel that starts at 1e-5; a 1 x 1 convolution
/// a branch back to squares of pixels. Positions are learned, added once, and rotate queries and keys by row and
/// column. N is a multiple of patch_size. Source: Dosovitskiy et al., ICLR 2021; Darcet et al., "Registers", ICLR 2024;
/// Su et al., "RoFormer", 2021; PtychoPINN registry entry 'vit', there for N = 128 and one channel.
class Vit : public ChannelGenerator {
public:
    /// @throws Error(Shape); Error(InvalidConfig) when the width of a head is not a multiple of 4
    Vit(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;
    std::vector<std::string> output_layers() const override { return {"amplitude_decoder", "phase_decoder"}; }

private:
    struct Attention : Module {
        Attention(std::int64_t width, std::int64_t heads, at::Generator random);
        /// @param rotation  (T, head width / 2) complex64, by which pairs of components are multiplied
        at::Tensor operator()(const at::Tensor& tokens, const at::Tensor& rotation) const;
        std::int64_t heads;
        Linear qkv;
        RmsNorm q_norm;
        RmsNorm k_norm;
        Linear projection;
    };
    struct Block : Module {
        Block(std::int64_t width, std::int64_t heads, at::Generator random);
        at::Tensor operator()(at::Tensor tokens, const at::Tensor& rotation) const;
        at::Tensor scale_attention;
        at::Tensor scale_mlp;
        RmsNorm norm1;
        Attention attention;
        RmsNorm norm2;
        Linear mlp_in;
        Linear mlp_out;
    };

    std::int64_t patch_;
    std::int64_t grid_; ///< squares along a side
    InputTransform transform_;
    at::Tensor rotation_;
    at::Tensor register_tokens_;   ///< (1, 4, width)
    at::Tensor absolute_position_; ///< (1, 4 + grid^2, width)
    PatchConv2d patch_embedding_;
    ModuleList<Block> blocks_;
    RmsNorm norm_;
    Conv2d amplitude_decoder_; ///< the first branch, whatever the output mode
    Conv2d phase_decoder_;
};
config::Schema vit_options();

} // namespace ptk::generators
