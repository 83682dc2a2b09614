#pragma once
#include "generators/blocks/attention.h"

#include <optional>

namespace ptk::generators {

/// Two 3 x 3 convolutions, each followed by batch normalisation (when asked for) and ReLU.
/// (B, in, H, W) -> (B, out, H, W). Parameters conv1, conv2, bn1, bn2.
class ConvBlock : public Module {
public:
    ConvBlock(std::int64_t in, std::int64_t out, bool batch_norm, at::Generator random);
    /// @param doubled  every pixel of x becomes a square of four before: (B, in, H, W) -> (B, out, 2 H, 2 W)
    at::Tensor convolve(const at::Tensor& x, bool doubled = false);

private:
    Conv2d conv1_;
    Conv2d conv2_;
    std::optional<BatchNorm2d> bn1_;
    std::optional<BatchNorm2d> bn2_;
};

/// What PtychoPINN's encoder puts between the convolutions and the pooling. Its ECA layer has weights but is not used:
/// a quirk of the reference that the parameter names depend on.
enum class EncoderAttention { None, Cbam, UnusedEca };

/// ConvBlock, attention, 2 x 2 maximum. (B, in, H, W) -> (B, out, H/2, W/2)
class ConvPoolBlock : public ConvBlock {
public:
    ConvPoolBlock(std::int64_t in, std::int64_t out, bool batch_norm, EncoderAttention attention, at::Generator random);
    at::Tensor operator()(const at::Tensor& x);

private:
    std::optional<Cbam> cbam_;
    std::optional<EcaLayer> unused_;
};

/// ConvBlock, then every pixel becomes 2 x 2. (B, in, H, W) -> (B, out, 2 H, 2 W). A layer after it that can take its
/// image doubled makes convolve() enough.
class ConvUpBlock : public ConvBlock {
public:
    using ConvBlock::ConvBlock;
    at::Tensor operator()(const at::Tensor& x);
};

/// ReLU(x + three 3 x 3 convolutions with ReLU between them, through expansion * C channels). Same shape out.
/// Parameters block.0, .2, .4.
class RefinementBlock : public Module {
public:
    RefinementBlock(std::int64_t channels, std::int64_t expansion, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    Conv2d first_;
    Conv2d second_;
    Conv2d third_;
};

/// x + conv2(GELU(conv1(x))), 3 x 3, same shape out. Parameters conv1, conv2.
class ResidualPair : public Module {
public:
    /// What the pair is before training.
    enum class Start { Random, Identity };
    ResidualPair(std::int64_t channels, at::Generator random, Start start = Start::Random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    Conv2d conv1_;
    Conv2d conv2_;
};

} // namespace ptk::generators
