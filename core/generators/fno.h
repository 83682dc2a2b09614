#pragma once
#include "generators/blocks/lifter.h"
#include "generators/blocks/module_list.h"
#include "generators/blocks/output_head.h"
#include "generators/blocks/ptycho_block.h"
#include "generators/channel_generator.h"

#include <optional>

namespace ptk::generators {

/// A Fourier neural operator at constant size: lifter, PtychoBlocks, 1 x 1 convolution, 3 x 3 convolutions with GELU,
/// output. Any N. Source: Li et al., ICLR 2021; PtychoPINN registry entry 'fno'.
class Fno : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    Fno(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;

private:
    struct Refiner : Module {
        Refiner(std::int64_t channels, at::Generator random);
        Conv2d conv;
    };
    SpatialLifter lifter_;
    ModuleList<PtychoBlock> fno_blocks_;
    Conv2d intermediate_;
    ModuleList<Refiner> cnn_refiner_;
    OutputHead output_;
};
config::Schema fno_options();

/// The same without the convolutions between blocks and output. PtychoPINN registry entry 'fno_vanilla'.
class FnoVanilla : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    FnoVanilla(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;

private:
    SpatialLifter lifter_;
    ModuleList<PtychoBlock> blocks_;
    OutputHead output_;
};
config::Schema fno_vanilla_options();

} // namespace ptk::generators
