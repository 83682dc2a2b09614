#pragma once
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/lifter.h"
#include "generators/blocks/module_list.h"
#include "generators/blocks/output_head.h"
#include "generators/channel_generator.h"

namespace ptk::generators {

/// A U-Net: pairs of 3 x 3 convolutions with ReLU, after each of which the size halves and the channels double, and
/// back up with the features of each size joined before the next pair. 2^levels divides N. PtychoPINN's cnn had such
/// connections for a while, resized to half their size; here they stay at their own.
/// Source: Ronneberger et al., MICCAI 2015, with zero padding.
class Unet : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    Unet(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;

private:
    struct Block : ConvBlock {
        using ConvBlock::ConvBlock;
        at::Tensor operator()(const at::Tensor& x) { return convolve(x); }
    };
    InputTransform transform_;
    ModuleList<Block> encoder_;      ///< finest first, the last one at the coarsest size
    ModuleList<ConvTranspose2d> up_; ///< coarsest first
    ModuleList<Block> decoder_;
    std::optional<OutputHead> output_;
};
config::Schema unet_options();

} // namespace ptk::generators
