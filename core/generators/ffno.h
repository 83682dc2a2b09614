#pragma once
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/ffno_stack.h"
#include "generators/blocks/lifter.h"
#include "generators/blocks/output_head.h"
#include "generators/channel_generator.h"

namespace ptk::generators {

/// A factorized Fourier neural operator at constant size: lifter, an FfnoStack whose blocks share their spectral
/// weights and gate, residual pairs of 3 x 3 convolutions, output. Any N. Source: Tran et al., ICLR 2023; PtychoPINN
/// registry entry 'ffno'.
class Ffno : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    Ffno(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;

private:
    SpatialLifter lifter_;
    FfnoStack ffno_stack_;
    ModuleList<ResidualPair> refiners_;
    OutputHead output_;
};
config::Schema ffno_options();

} // namespace ptk::generators
