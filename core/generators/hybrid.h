#pragma once
#include "generators/blocks/lifter.h"
#include "generators/blocks/module_list.h"
#include "generators/blocks/output_head.h"
#include "generators/blocks/ptycho_block.h"
#include "generators/channel_generator.h"

namespace ptk::generators {

/// A U-shaped Fourier neural operator: lifter; Fourier blocks, between which the size halves and the channels double; a
/// Fourier block with half the modes; transposed convolutions back up, joined with the features of each size and
/// followed by two 3 x 3 convolutions; output. 2^(blocks - 1) divides N.
/// Source: Rahman et al., "U-NO", TMLR 2023; PtychoPINN registry entry 'hybrid'.
class Hybrid : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    Hybrid(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;

protected:
    using MakeBlock = std::unique_ptr<FourierBlock> (*)(std::int64_t channels, std::int64_t modes,
                                                        at::Generator random);
    Hybrid(const std::string& name, MakeBlock make, const Problem& problem, const config::Settings& settings,
           at::Generator random);

private:
    /// conv3x3, GELU, conv3x3. Keys 0, 2.
    struct Merge : Module {
        Merge(std::int64_t in, std::int64_t out, at::Generator random);
        at::Tensor operator()(const at::Tensor& x) const;
        Conv2d first;
        Conv2d second;
    };
    SpatialLifter lifter_;
    ModuleList<FourierBlock> encoder_blocks_;
    ModuleList<PatchConv2d> downsample_;
    std::unique_ptr<FourierBlock> bottleneck_;
    ModuleList<ConvTranspose2d> upsample_;
    ModuleList<Merge> decoder_blocks_;
    OutputHead output_;
};

/// The same of StablePtychoBlocks, which start nearly as the identity. PtychoPINN registry entry 'stable_hybrid'.
class StableHybrid : public Hybrid {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    StableHybrid(const Problem& problem, const config::Settings& settings, at::Generator random);
};

config::Schema hybrid_options();

} // namespace ptk::generators
