#include "generators/ffno.h"

#include "generators/common_options.h"

namespace ptk::generators {

namespace {

FfnoStack::Options stack_options(const config::Settings& settings)
{
    FfnoStack::Options options{};
    options.channels = settings.integer("generator.width");
    options.blocks = settings.integer("generator.blocks");
    options.modes = settings.integer("generator.modes");
    return options;
}

} // namespace

config::Schema ffno_options()
{
    return config::Schema({options::channels(), options::width(), options::blocks("factorized Fourier layers"),
                           options::modes(), options::refiners("residual pairs of 3 x 3 convolutions after them"),
                           options::output_mode(), options::input_transform()});
}

Ffno::Ffno(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("ffno", problem, settings)),
      lifter_(channels(), settings.integer("generator.width"), input_transform_of(settings), random),
      ffno_stack_(stack_options(settings), random),
      output_(settings.integer("generator.width"), channels(), layout().output, random)
{
    for (std::int64_t i = 0; i < settings.integer("generator.cnn_blocks"); ++i)
        refiners_.append(settings.integer("generator.width"), random);
    add_child("lifter", lifter_);
    add_child("ffno_stack", ffno_stack_);
    add_alias("blocks", ffno_stack_.blocks());
    add_child("refiners", refiners_);
    add_child("", output_);
}

ChannelGenerator::Branches Ffno::branches(const at::Tensor& x)
{
    auto y = ffno_stack_(lifter_(x));
    for (std::size_t i = 0; i < refiners_.size(); ++i)
        y = refiners_[i](y);
    return output_(y);
}

} // namespace ptk::generators
