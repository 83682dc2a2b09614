#include "generators/unet.h"

#include "generators/common_options.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>

namespace ptk::generators {

config::Schema unet_options()
{
    return config::Schema(
        {options::channels(),
         options::width(),
         {"generator.levels", config::Type::Int, "3", "sizes below the full one, each half of the one above", 1, 8},
         options::max_channels(),
         options::flag("batch_norm", false, "batch normalisation after every convolution of a pair"),
         options::output_mode(),
         options::input_transform()});
}

Unet::Unet(const Problem& problem, const config::Settings& settings, at::Generator random)
    : ChannelGenerator(layout_of("unet", problem, settings, std::int64_t{1} << settings.integer("generator.levels"))),
      transform_(input_transform_of(settings))
{
    const bool batch_norm = settings.flag("generator.batch_norm");
    std::vector<std::int64_t> widths{settings.integer("generator.width")};
    for (std::int64_t i = 0; i < settings.integer("generator.levels"); ++i)
        widths.push_back(std::min(2 * widths.back(), options::most_channels(settings)));
    encoder_.append(channels(), widths[0], batch_norm, random);
    for (std::size_t i = 1; i < widths.size(); ++i)
        encoder_.append(widths[i - 1], widths[i], batch_norm, random);
    for (std::size_t i = widths.size() - 1; i-- > 0;) {
        up_.append(widths[i + 1], widths[i], 2, random);
        decoder_.append(2 * widths[i], widths[i], batch_norm, random);
    }
    output_.emplace(widths[0], channels(), layout().output, random);
    add_child("encoder", encoder_);
    add_child("up", up_);
    add_child("decoder", decoder_);
    add_child("", *output_);
}

ChannelGenerator::Branches Unet::branches(const at::Tensor& x)
{
    std::vector<at::Tensor> skips;
    auto y = encoder_[0](transformed(x, transform_).contiguous(at::MemoryFormat::ChannelsLast));
    for (std::size_t i = 1; i < encoder_.size(); ++i) {
        skips.push_back(y);
        y = encoder_[i](at::max_pool2d(y, 2));
    }
    for (std::size_t i = 0; i < up_.size(); ++i)
        y = decoder_[i](at::cat({up_[i](y), skips[skips.size() - 1 - i]}, 1));
    return (*output_)(y);
}

} // namespace ptk::generators
