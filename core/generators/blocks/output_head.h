#pragma once
#include "generators/blocks/layers.h"
#include "generators/channel_generator.h"

#include <optional>

namespace ptk::generators {

/// The last layer of most networks: 1 x 1 convolutions from features to the two images of each frame.
/// (B, width, N, N) -> two of (B, C, N, N). Keys output_proj, whose channels are all first images and then all second
/// ones, or, for amplitude (sigmoid) and phase (pi tanh), output_amp and output_phase.
class OutputHead : public Module {
public:
    /// Which layers are made: those of the mode, or all, of which some are then unused (a quirk of some networks of the
    /// reference that their parameter names depend on).
    enum class Layers { Used, All };

    OutputHead(std::int64_t width, std::int64_t channels, OutputMode mode, at::Generator random,
               Layers layers = Layers::Used);
    ChannelGenerator::Branches operator()(const at::Tensor& x) const;

private:
    std::int64_t channels_;
    bool polar_;
    std::optional<Conv2d> output_proj_;
    std::optional<Conv2d> output_amp_;
    std::optional<Conv2d> output_phase_;
};

} // namespace ptk::generators
