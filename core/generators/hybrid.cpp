#include "generators/hybrid.h"

#include "generators/common_options.h"

#include <ATen/ops/cat.h>

namespace ptk::generators {

namespace {

template <class Block>
std::unique_ptr<FourierBlock> make_block(std::int64_t channels, std::int64_t modes, at::Generator random)
{
    return std::make_unique<Block>(channels, modes, std::move(random));
}

std::int64_t coarsening(const config::Settings& settings)
{
    return std::int64_t{1} << (settings.integer("generator.blocks") - 1);
}

} // namespace

config::Schema hybrid_options()
{
    auto blocks = options::blocks("Fourier blocks on the way down, with half the size between them");
    blocks.high = 12;
    return config::Schema({options::channels(), options::width(), std::move(blocks), options::modes(),
                           options::max_channels(), options::output_mode(), options::input_transform()});
}

Hybrid::Merge::Merge(std::int64_t in, std::int64_t out, at::Generator random)
    : first(in, out, 3, random), second(out, out, 3, random)
{
    add_child("0", first);
    add_child("2", second);
}

at::Tensor Hybrid::Merge::operator()(const at::Tensor& x) const
{
    return second(first(x, Activation::Gelu));
}

Hybrid::Hybrid(const Problem& problem, const config::Settings& settings, at::Generator random)
    : Hybrid("hybrid", make_block<PtychoBlock>, problem, settings, std::move(random))
{
}

Hybrid::Hybrid(const std::string& name, MakeBlock make, const Problem& problem, const config::Settings& settings,
               at::Generator random)
    : ChannelGenerator(layout_of(name, problem, settings, coarsening(settings))),
      lifter_(channels(), settings.integer("generator.width"),
              input_transform_by_name(settings.text("generator.input_transform")), random),
      output_(settings.integer("generator.width"), channels(), layout().output, random)
{
    const auto blocks = settings.integer("generator.blocks");
    const auto modes = settings.integer("generator.modes");
    std::vector<std::int64_t> widths{settings.integer("generator.width")};
    for (std::int64_t i = 1; i < blocks; ++i)
        widths.push_back(std::min(2 * widths.back(), options::most_channels(settings)));
    for (std::size_t i = 0; i < widths.size(); ++i) {
        encoder_blocks_.adopt(make(widths[i], modes, random));
        if (i + 1 < widths.size())
            downsample_.append(widths[i], widths[i + 1], 2, random);
    }
    bottleneck_ = make(widths.back(), std::max<std::int64_t>(1, modes / 2), random);
    for (std::size_t i = widths.size() - 1; i-- > 0;) {
        upsample_.append(widths[i + 1], widths[i], 2, random);
        decoder_blocks_.append(2 * widths[i], widths[i], random);
    }
    add_child("lifter", lifter_);
    add_child("encoder_blocks", encoder_blocks_);
    add_child("downsample", downsample_);
    add_child("bottleneck", *bottleneck_);
    add_child("upsample", upsample_);
    add_child("decoder_blocks", decoder_blocks_);
    add_child("", output_);
}

ChannelGenerator::Branches Hybrid::branches(const at::Tensor& x)
{
    std::vector<at::Tensor> skips;
    auto y = lifter_(x);
    for (std::size_t i = 0; i < encoder_blocks_.size(); ++i) {
        y = encoder_blocks_[i](y);
        if (i == downsample_.size())
            break;
        skips.push_back(y);
        y = downsample_[i](y);
    }
    y = (*bottleneck_)(y);
    for (std::size_t i = 0; i < upsample_.size(); ++i)
        y = decoder_blocks_[i](at::cat({upsample_[i](y), skips[skips.size() - 1 - i]}, 1));
    return output_(y);
}

StableHybrid::StableHybrid(const Problem& problem, const config::Settings& settings, at::Generator random)
    : Hybrid("stable_hybrid", make_block<StablePtychoBlock>, problem, settings, std::move(random))
{
}

} // namespace ptk::generators
