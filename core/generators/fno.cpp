#include "generators/fno.h"

#include "generators/common_options.h"

namespace ptk::generators {

namespace {

std::int64_t width_of(const config::Settings& settings)
{
    return settings.integer("generator.width");
}

InputTransform transform_of(const config::Settings& settings)
{
    return input_transform_by_name(settings.text("generator.input_transform"));
}

void append_blocks(ModuleList<PtychoBlock>& blocks, const config::Settings& settings, const at::Generator& random)
{
    for (std::int64_t i = 0; i < settings.integer("generator.blocks"); ++i)
        blocks.append(width_of(settings), settings.integer("generator.modes"), random);
}

} // namespace

config::Schema fno_options()
{
    return config::Schema({options::channels(), options::width(), options::blocks("Fourier layers"), options::modes(),
                           options::refiners("3 x 3 convolutions after the Fourier layers"), options::output_mode(),
                           options::input_transform()});
}

Fno::Refiner::Refiner(std::int64_t channels, at::Generator random) : conv(channels, channels, 3, random)
{
    add_child("0", conv);
}

Fno::Fno(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("fno", problem, settings)),
      lifter_(channels(), width_of(settings), transform_of(settings), random),
      intermediate_(width_of(settings), width_of(settings), 1, random),
      output_(width_of(settings), channels(), layout().output, random)
{
    append_blocks(fno_blocks_, settings, random);
    for (std::int64_t i = 0; i < settings.integer("generator.cnn_blocks"); ++i)
        cnn_refiner_.append(width_of(settings), random);
    add_child("lifter", lifter_);
    add_child("fno_blocks", fno_blocks_);
    add_child("intermediate", intermediate_);
    add_child("cnn_refiner", cnn_refiner_);
    add_child("", output_);
}

ChannelGenerator::Branches Fno::branches(const at::Tensor& x)
{
    auto y = lifter_(x);
    for (std::size_t i = 0; i < fno_blocks_.size(); ++i)
        y = fno_blocks_[i](y);
    y = intermediate_(y);
    for (std::size_t i = 0; i < cnn_refiner_.size(); ++i)
        y = cnn_refiner_[i].conv(y, Activation::Gelu);
    return output_(y);
}

config::Schema fno_vanilla_options()
{
    return config::Schema({options::channels(), options::width(), options::blocks("Fourier layers"), options::modes(),
                           options::output_mode(), options::input_transform()});
}

FnoVanilla::FnoVanilla(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("fno_vanilla", problem, settings)),
      lifter_(channels(), width_of(settings), transform_of(settings), random),
      output_(width_of(settings), channels(), layout().output, random)
{
    append_blocks(blocks_, settings, random);
    add_child("lifter", lifter_);
    add_child("blocks", blocks_);
    add_child("", output_);
}

ChannelGenerator::Branches FnoVanilla::branches(const at::Tensor& x)
{
    auto y = lifter_(x);
    for (std::size_t i = 0; i < blocks_.size(); ++i)
        y = blocks_[i](y);
    return output_(y);
}

} // namespace ptk::generators
