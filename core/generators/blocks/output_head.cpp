#include "generators/blocks/output_head.h"

namespace ptk::generators {

OutputHead::OutputHead(std::int64_t width, std::int64_t channels, OutputMode mode, at::Generator random, Layers layers)
    : channels_(channels), polar_(mode == OutputMode::AmpPhase)
{
    if (!polar_ || layers == Layers::All)
        add_child("output_proj", output_proj_.emplace(width, 2 * channels, 1, random));
    if (!polar_ && layers == Layers::Used)
        return;
    add_child("output_amp", output_amp_.emplace(width, channels, 1, random));
    add_child("output_phase", output_phase_.emplace(width, channels, 1, random));
}

ChannelGenerator::Branches OutputHead::operator()(const at::Tensor& x) const
{
    if (polar_)
        return bounded((*output_amp_)(x), (*output_phase_)(x));
    const auto both = (*output_proj_)(x);
    return {both.slice(1, 0, channels_), both.slice(1, channels_, 2 * channels_)};
}

} // namespace ptk::generators
