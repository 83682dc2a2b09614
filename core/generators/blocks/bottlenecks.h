#pragma once
#include "generators/blocks/ffno_stack.h"
#include "generators/blocks/layers.h"
#include "generators/blocks/module_list.h"
#include "generators/blocks/spectral_conv.h"

#include <optional>

namespace ptk::generators {

// What stands between encoder and decoder at the coarsest size. (B, C, H, W), same shape out; H and W at least 2 (4 for
// ConvNeXt, whose kernel is 7 wide).

class Bottleneck : public Module {
public:
    virtual at::Tensor operator()(at::Tensor x) const = 0;
};

/// The factor on the residuals of all blocks, learned or fixed (then a buffer). Key "layerscale".
struct LayerScale {
    double value = 0.1;
    bool learned = true;
};

/// Two 3 x 3 convolutions on mirrored edges with instance norm, GELU between. Keys 1, 2, 5, 6.
class ResidualBody : public Module {
public:
    ResidualBody(std::int64_t channels, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    MirrorConv2d conv1_;
    InstanceNorm2d norm1_;
    MirrorConv2d conv2_;
    InstanceNorm2d norm2_;
};

/// x + layerscale * block(x), several times. Keys layerscale, blocks.
template <class Block> class ScaledResiduals : public Bottleneck {
public:
    ScaledResiduals(std::int64_t channels, std::int64_t blocks, LayerScale scale, at::Generator random);
    at::Tensor operator()(at::Tensor x) const override;

private:
    at::Tensor layerscale_;
    ModuleList<Block> blocks_;
};

/// A ResidualBody. Key "block".
struct ResnetBlock : Module {
    ResnetBlock(std::int64_t channels, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const { return body(x); }
    ResidualBody body;
};

/// project(GELU(expand(norm(depthwise 7 x 7 convolution of x)))), expanding to 4 C channels.
struct ConvNextBlock : Module {
    ConvNextBlock(std::int64_t channels, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;
    MirrorConv2d depthwise;
    InstanceNorm2d norm;
    Conv2d expand;
    Conv2d project;
};

/// Source: He et al., CVPR 2016; Zhu et al., "CycleGAN", ICCV 2017.
using ResnetBottleneck = ScaledResiduals<ResnetBlock>;
/// Source: Liu et al., "A ConvNet for the 2020s", CVPR 2022, with instance norm.
using ConvNextBottleneck = ScaledResiduals<ConvNextBlock>;

/// An FfnoStack.
class FfnoBottleneck : public Bottleneck {
public:
    FfnoBottleneck(const FfnoStack::Options& options, at::Generator random);
    at::Tensor operator()(at::Tensor x) const override { return stack_(std::move(x)); }

private:
    FfnoStack stack_;
};

/// x + layerscale * body(x) + gate * factorized spectral convolution of x, several times; spectral weights and gate
/// shared by all blocks or one each.
class SpectralResnetBottleneck : public Bottleneck {
public:
    struct Options {
        std::int64_t channels;
        std::int64_t blocks;
        std::int64_t modes;
        bool share_weights = true;
        bool share_gate = true;
        double gate = 0.1;
        double layerscale = 0.1;
    };
    SpectralResnetBottleneck(const Options& options, at::Generator random);
    at::Tensor operator()(at::Tensor x) const override;

private:
    struct Block : Module {
        Block(const Options& options, FactorizedSpectralConv2d* shared, at::Generator random);
        ResidualBody body;
        std::optional<FactorizedSpectralConv2d> own;
        FactorizedSpectralConv2d* spectral;
    };
    /// Parameters 0, 1, 2 ... without a module each.
    struct Gates : Module {
        Gates(std::int64_t count, double value);
        std::vector<at::Tensor> values;
    };
    at::Tensor layerscale_;
    FactorizedSpectralConv2d shared_spectral_; ///< unused when the blocks have their own, as in the reference
    ModuleList<Block> blocks_;
    Gates gates_;
};

} // namespace ptk::generators
