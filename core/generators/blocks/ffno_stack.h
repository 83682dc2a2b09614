#pragma once
#include "generators/blocks/layers.h"
#include "generators/blocks/module_list.h"
#include "generators/blocks/spectral_conv.h"

#include <optional>
#include <string>

namespace ptk::generators {

/// Residual blocks of a factorized Fourier neural operator (Tran et al., ICLR 2023), (B, C, H, W), same shape out.
/// Each:
///   x + gate * project(GELU(expand(norm(spectral(x) [+ local convolution of x]))))
/// with 1 x 1 convolutions expand and project through max(C, round(ratio C)) channels.
class FfnoStack : public Module {
public:
    enum class Norm { None, Instance, Layer };
    /// Where the gates of blocks with their own spectral weights live. PtychoPINN keeps them where neither its
    /// optimizer nor its state dict finds them, so they stay constant.
    enum class OwnGates { Trained, Constant };

    struct Options {
        std::int64_t channels;
        std::int64_t blocks;
        std::int64_t modes;
        bool share_weights = true; ///< one spectral convolution and one gate for all blocks
        double mlp_ratio = 2;
        double gate = 0.1;
        Norm norm = Norm::Instance;
        std::int64_t local_kernel = 0; ///< side of the local convolution, odd; 0 = none
        OwnGates own_gates = OwnGates::Trained;
    };

    FfnoStack(const Options& options, at::Generator random);
    at::Tensor operator()(at::Tensor x) const;

    class Block;
    ModuleList<Block>& blocks() noexcept { return blocks_; }

private:
    at::Tensor shared_gate_;
    FactorizedSpectralConv2d shared_spectral_; ///< unused when the blocks have their own, as in the reference
    ModuleList<Block> blocks_;
};

/// "identity", "instance" or "layer".
FfnoStack::Norm ffno_norm_by_name(const std::string& name);

class FfnoStack::Block : public Module {
public:
    /// @param shared  spectral convolution of all blocks; nullptr for one of its own
    Block(const Options& options, FactorizedSpectralConv2d* shared, at::Generator random);
    /// @param shared_gate  for blocks without their own
    at::Tensor operator()(const at::Tensor& x, const at::Tensor& shared_gate) const;

private:
    at::Tensor gate_; ///< undefined when shared
    std::optional<FactorizedSpectralConv2d> own_;
    FactorizedSpectralConv2d* spectral_;
    std::optional<Conv2d> local_conv_;
    std::optional<InstanceNorm2d> instance_;
    std::optional<LayerNorm2d> layer_;
    Conv2d expand_;
    Conv2d project_;
};

} // namespace ptk::generators
