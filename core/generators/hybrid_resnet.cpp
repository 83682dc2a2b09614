#include "generators/hybrid_resnet.h"

#include "generators/blocks/initial.h"
#include "generators/common_options.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <cmath>

namespace ptk::generators {

namespace {

using config::Option;
using config::Type;
using BottleneckKind = HybridResnet::BottleneckKind;

constexpr double skip_gate = 0.1;
constexpr double smallest_factor = 1e-12; ///< factors that start a residual must not be zero

Option factor(const std::string& name, double initial, std::string meaning, double largest = 1e3)
{
    return {"generator." + name,
            Type::Float,
            fmt::format("{}", initial),
            std::move(meaning),
            smallest_factor,
            largest,
            {},
            {name}};
}

Option optional_count(const std::string& name, const char* initial, std::string meaning, double largest)
{
    return {"generator." + name, Type::Int, initial, std::move(meaning), 1, largest, {}, {name}, true};
}

std::vector<Option> encoder_options(const HybridResnet::Variant& variant)
{
    return {
        options::channels(),
        options::width(),
        options::blocks("Fourier blocks of the encoder", 4, 3),
        optional_count("ptychoblock_stage_count", variant.two_stages ? "2" : "null",
                       "Fourier blocks of the encoder when their number is not 'blocks'; null = blocks", 64),
        options::modes(),
        options::max_channels(),
        options::input_transform(),
        options::count("hybrid_downsample_steps", 2, "how often the size halves between the first blocks", 2),
        options::choice("hybrid_downsample_op", "stride_conv",
                        "how the size halves: 2 x 2 convolution, mean of 2 x 2 pixels, or blur and every second pixel",
                        {"stride_conv", "avgpool_conv", "blurpool_conv"}),
        factor("hybrid_encoder_conv_hidden_scale", 1, "width of a block's convolution branch over that of the block",
               16),
        factor("hybrid_encoder_spectral_hidden_scale", 1, "width of a block's spectral branch over that of the block",
               16),
        optional_count("hybrid_encoder_conv_hidden_channels", "null",
                       "width of the convolution branch of all blocks, instead of the scale", 4096),
        optional_count("hybrid_encoder_spectral_hidden_channels", "null",
                       "width of the spectral branch of all blocks, instead of the scale", 4096),
        options::choice(
            "encoder_fusion_mode", "baseline",
            "learned factors of a block: none, one on what it adds (layerscale), one on each branch, or both",
            {"baseline", "layerscale", "branch_gated", "branch_gated_layerscale"}),
        factor("encoder_layerscale_init", 0.1, "where the factor on what a block adds starts"),
        factor("encoder_branch_gate_init", 0.1, "where the factors on the branches start"),
        options::choice("encoder_branch_select", "both", "branches of a block", {"both", "conv_only", "spectral_only"}),
        options::count("ffno_encoder_blocks", variant.ffno_encoder_blocks,
                       "factorized Fourier layers next to the Fourier blocks", 64, 0),
        options::choice("encoder_order", variant.encoder_order,
                        "factorized layers before the blocks, at full size, or after them, at the coarsest",
                        {"ffno_then_ptychoblock", "ptychoblock_then_ffno"}),
        optional_count("ffno_encoder_modes", "null", "frequencies of the factorized layers; null = modes", 256),
        options::flag("ffno_encoder_share_weights", true, "one set of spectral weights for all factorized layers"),
        factor("ffno_encoder_gate_init", 0.1, "where the factor on what a factorized layer adds starts"),
        options::choice("ffno_encoder_norm", "instance", "normalisation in the factorized layers",
                        {"identity", "instance", "layer"}),
        factor("ffno_encoder_mlp_ratio", 2, "channels inside a factorized layer over those outside", 16),
    };
}

std::vector<Option> residual_bottleneck_options()
{
    return {
        {"generator.resnet_blocks",
         Type::Int,
         "6",
         "residual blocks of the bottleneck",
         1,
         64,
         {},
         {"resnet_blocks", "hybrid_resnet_blocks"}},
        options::choice("bottleneck_layerscale_mode", "learned",
                        "the factor on what a block of the bottleneck adds: learned from 0.1, or fixed",
                        {"learned", "fixed"}),
        {"generator.bottleneck_layerscale_value",
         Type::Float,
         "null",
         "that factor when it is fixed",
         smallest_factor,
         1e3,
         {},
         {"bottleneck_layerscale_value"},
         true},
    };
}

std::vector<Option> spectral_bottleneck_options(BottleneckKind kind)
{
    std::vector<Option> list{
        {"generator.spectral_bottleneck_blocks",
         Type::Int,
         "6",
         "blocks of the bottleneck",
         1,
         64,
         {},
         {"spectral_bottleneck_blocks", "ffno_bottleneck_blocks"}},
        {"generator.spectral_bottleneck_modes",
         Type::Int,
         "12",
         "lowest frequencies along each axis that the bottleneck mixes",
         1,
         256,
         {},
         {"spectral_bottleneck_modes", "ffno_bottleneck_modes"}},
        options::flag("spectral_bottleneck_share_weights", true,
                      "one set of spectral weights for all blocks of the bottleneck"),
        factor("spectral_bottleneck_gate_init", 0.1, "where the factor on the spectral branch starts"),
    };
    if (kind == BottleneckKind::SpectralResnet)
        list.push_back(options::choice("spectral_bottleneck_gate_mode", "shared",
                                       "that factor is one for all blocks, or one a block", {"shared", "per_block"}));
    return list;
}

std::vector<Option> decoder_options()
{
    auto width =
        optional_count("resnet_width", "null",
                       "channels of the bottleneck, a multiple of 4; null = those the encoder ends with", 4096);
    auto skips = options::flag("skip_connections", false, "join the encoder's features of each size in the decoder");
    skips.aliases.emplace_back("hybrid_skip_connections");
    return {
        std::move(width),
        std::move(skips),
        options::choice("hybrid_skip_style", "add",
                        "how they join: added, side by side, or added with a learned factor",
                        {"add", "concat", "gated_add"}),
        options::output_mode(),
    };
}

LayerScale bottleneck_scale(const config::Settings& settings)
{
    const bool learned = settings.text("generator.bottleneck_layerscale_mode") == "learned";
    const bool given = settings.has("generator.bottleneck_layerscale_value");
    require(learned != given, Status::InvalidConfig,
            "generator.bottleneck_layerscale_value: expected {} with bottleneck_layerscale_mode = {}",
            learned ? "nothing" : "a number", learned ? "learned" : "fixed");
    return {given ? settings.number("generator.bottleneck_layerscale_value") : LayerScale().value, learned};
}

/// Width of a branch of a block: given, or in proportion; 0 when the branch is not selected.
std::int64_t branch_width(const config::Settings& settings, const std::string& branch, std::int64_t channels)
{
    const auto& selected = settings.text("generator.encoder_branch_select");
    if (selected != "both" && selected != branch + "_only")
        return 0;
    const auto prefix = "generator.hybrid_encoder_" + branch + "_hidden_";
    if (settings.has(prefix + "channels"))
        return settings.integer(prefix + "channels");
    const auto width = std::nearbyint(static_cast<double>(channels) * settings.number(prefix + "scale"));
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(width));
}

FfnoStack::OwnGates own_gates(const config::Settings& settings)
{
    return settings.text("compat") == "ptychopinn" ? FfnoStack::OwnGates::Constant : FfnoStack::OwnGates::Trained;
}

FfnoStack::Options ffno_bottleneck(std::int64_t channels, const config::Settings& settings)
{
    FfnoStack::Options options{};
    options.channels = channels;
    options.blocks = settings.integer("generator.spectral_bottleneck_blocks");
    options.modes = settings.integer("generator.spectral_bottleneck_modes");
    options.share_weights = settings.flag("generator.spectral_bottleneck_share_weights");
    options.gate = settings.number("generator.spectral_bottleneck_gate_init");
    options.own_gates = own_gates(settings);
    return options;
}

SpectralResnetBottleneck::Options spectral_bottleneck(std::int64_t channels, const config::Settings& settings)
{
    SpectralResnetBottleneck::Options options{};
    options.channels = channels;
    options.blocks = settings.integer("generator.spectral_bottleneck_blocks");
    options.modes = settings.integer("generator.spectral_bottleneck_modes");
    options.share_weights = settings.flag("generator.spectral_bottleneck_share_weights");
    options.share_gate = settings.text("generator.spectral_bottleneck_gate_mode") == "shared";
    options.gate = settings.number("generator.spectral_bottleneck_gate_init");
    return options;
}

bool has_spectral_blocks(BottleneckKind kind)
{
    return kind == BottleneckKind::Ffno || kind == BottleneckKind::SpectralResnet;
}

} // namespace

const std::vector<HybridResnet::Variant>& hybrid_resnet_family()
{
    static constexpr const char* ffno = "Tran et al., ICLR 2023";
    static const std::vector<HybridResnet::Variant> family{
        {.name = "hybrid_resnet",
         .summary = "Fourier encoder, ResNet bottleneck, upsampling decoder",
         .source = "Zhu et al., ICCV 2017"},
        {.name = "hybrid_resnet_ffno_ptychoblock_encoder",
         .summary = "hybrid_resnet with 24 factorized Fourier layers before two encoder blocks",
         .source = ffno,
         .ffno_encoder_blocks = 24,
         .two_stages = true},
        {.name = "hybrid_resnet_ptychoblock_ffno_encoder",
         .summary = "hybrid_resnet with 24 factorized Fourier layers after two encoder blocks",
         .source = ffno,
         .ffno_encoder_blocks = 24,
         .encoder_order = "ptychoblock_then_ffno",
         .two_stages = true},
        {.name = "hybrid_resnet_ffno_bottleneck",
         .summary = "hybrid_resnet with a factorized Fourier bottleneck",
         .source = ffno,
         .bottleneck = BottleneckKind::Ffno},
        {.name = "hybrid_resnet_convnext_bottleneck",
         .summary = "hybrid_resnet with a ConvNeXt bottleneck",
         .source = "Liu et al., CVPR 2022",
         .bottleneck = BottleneckKind::ConvNext},
        {.name = "spectral_resnet_bottleneck_net",
         .summary = "hybrid_resnet whose residual blocks have a spectral branch too",
         .source = ffno,
         .bottleneck = BottleneckKind::SpectralResnet},
        {.name = "spectral_resnet_bottleneck_linear_decoder",
         .summary = "spectral_resnet_bottleneck_net with a decoder that interpolates",
         .source = ffno,
         .bottleneck = BottleneckKind::SpectralResnet,
         .bilinear_decoder = true},
    };
    return family;
}

config::Schema HybridResnet::options(const Variant& variant)
{
    return options::join({encoder_options(variant),
                          has_spectral_blocks(variant.bottleneck) ? spectral_bottleneck_options(variant.bottleneck)
                                                                  : residual_bottleneck_options(),
                          decoder_options()});
}

HybridResnet::HybridResnet(const Variant& variant, const Problem& problem, const config::Settings& settings,
                           at::Generator random)
    : ChannelGenerator(layout_of(variant.name, problem, settings,
                                 std::int64_t{1} << settings.integer("generator.hybrid_downsample_steps"))),
      steps_(settings.integer("generator.hybrid_downsample_steps")),
      ffno_first_(settings.text("generator.encoder_order") == "ffno_then_ptychoblock"), skip_style_(SkipStyle::Add),
      lifter_(channels(), settings.integer("generator.width"), input_transform_of(settings), random)
{
    make_encoder(settings, random);
    make_ffno_encoder(settings, random);
    make_bottleneck(variant, settings, random);
    make_decoder(variant, settings, random);
    if (settings.flag("generator.skip_connections"))
        make_skips(settings, random);
    const auto layers =
        variant.bottleneck == BottleneckKind::SpectralResnet ? OutputHead::Layers::All : OutputHead::Layers::Used;
    output_.emplace(decoder_widths_.back(), channels(), layout().output, random, layers);
    name_children(variant);
}

void HybridResnet::make_encoder(const config::Settings& settings, const at::Generator& random)
{
    const auto blocks = settings.has("generator.ptychoblock_stage_count")
                            ? settings.integer("generator.ptychoblock_stage_count")
                            : settings.integer("generator.blocks");
    require(blocks >= steps_, Status::InvalidConfig,
            "generator.ptychoblock_stage_count: expected at least hybrid_downsample_steps = {}, found {}", steps_,
            blocks);
    const auto& fusion = settings.text("generator.encoder_fusion_mode");
    auto channels = settings.integer("generator.width");
    for (std::int64_t i = 0; i < blocks; ++i) {
        EncoderBlock::Options block{};
        block.channels = channels;
        block.modes = settings.integer("generator.modes");
        block.conv_width = branch_width(settings, "conv", channels);
        block.spectral_width = branch_width(settings, "spectral", channels);
        block.scaled = fusion.ends_with("layerscale");
        block.gated = fusion.starts_with("branch_gated");
        block.scale = settings.number("generator.encoder_layerscale_init");
        block.gate = settings.number("generator.encoder_branch_gate_init");
        encoder_blocks_.append(block, random);
        tap_widths_.push_back(channels);
        if (i >= steps_)
            continue;
        const auto next = std::min(2 * channels, options::most_channels(settings));
        downsample_layers_.adopt(
            downsampler_by_name(settings.text("generator.hybrid_downsample_op"), channels, next, random));
        channels = next;
    }
    tap_widths_.push_back(channels);
}

void HybridResnet::make_ffno_encoder(const config::Settings& settings, const at::Generator& random)
{
    FfnoStack::Options options{};
    options.channels = ffno_first_ ? tap_widths_.front() : tap_widths_.back();
    options.blocks = settings.integer("generator.ffno_encoder_blocks");
    if (options.blocks == 0)
        return;
    options.modes = settings.integer(settings.has("generator.ffno_encoder_modes") ? "generator.ffno_encoder_modes"
                                                                                  : "generator.modes");
    options.share_weights = settings.flag("generator.ffno_encoder_share_weights");
    options.mlp_ratio = settings.number("generator.ffno_encoder_mlp_ratio");
    options.gate = settings.number("generator.ffno_encoder_gate_init");
    options.norm = ffno_norm_by_name(settings.text("generator.ffno_encoder_norm"));
    options.own_gates = own_gates(settings);
    ffno_encoder_.emplace(options, random);
}

void HybridResnet::make_bottleneck(const Variant& variant, const config::Settings& settings,
                                   const at::Generator& random)
{
    const auto encoded = tap_widths_.back();
    const bool given = settings.has("generator.resnet_width");
    const auto width = given ? settings.integer("generator.resnet_width") : encoded;
    require(!given || width % 4 == 0, Status::InvalidConfig,
            "generator.resnet_width: expected a multiple of 4, which can be halved twice, found {}", width);
    if (width != encoded)
        adapter_.emplace(encoded, width, 1, random);
    decoder_widths_.push_back(width);
    switch (variant.bottleneck) {
    case BottleneckKind::Resnet:
        resnet_ = std::make_unique<ResnetBottleneck>(width, settings.integer("generator.resnet_blocks"),
                                                     bottleneck_scale(settings), random);
        return;
    case BottleneckKind::ConvNext:
        resnet_ = std::make_unique<ConvNextBottleneck>(width, settings.integer("generator.resnet_blocks"),
                                                       bottleneck_scale(settings), random);
        return;
    case BottleneckKind::Ffno:
        resnet_ = std::make_unique<FfnoBottleneck>(ffno_bottleneck(width, settings), random);
        return;
    case BottleneckKind::SpectralResnet:
        resnet_ = std::make_unique<SpectralResnetBottleneck>(spectral_bottleneck(width, settings), random);
        return;
    }
}

void HybridResnet::make_decoder(const Variant& variant, const config::Settings& settings, const at::Generator& random)
{
    const bool spectral = variant.bottleneck == BottleneckKind::SpectralResnet;
    const auto least = spectral ? settings.integer("generator.width") : 1;
    for (std::int64_t i = 0; i < steps_; ++i) {
        const auto in = decoder_widths_.back();
        const auto out = std::max(least, in / 2);
        if (variant.bilinear_decoder)
            upsample_layers_.adopt(std::make_unique<BilinearUpsampler>(in, out, random));
        else
            upsample_layers_.adopt(std::make_unique<CycleGanUpsampler>(in, out, random));
        decoder_widths_.push_back(out);
    }
}

void HybridResnet::make_skips(const config::Settings& settings, const at::Generator& random)
{
    const auto& style = settings.text("generator.hybrid_skip_style");
    if (style != "add")
        skip_style_ = style == "concat" ? SkipStyle::Concat : SkipStyle::GatedAdd;
    for (std::int64_t level = steps_ - 1; level >= 0; --level) {
        const auto tapped = tap_widths_[static_cast<std::size_t>(level)];
        const auto width = decoder_widths_[static_cast<std::size_t>(steps_ - level)];
        const auto in = skip_style_ == SkipStyle::Concat ? width + tapped : tapped;
        Skip skip{"d" + std::to_string(std::int64_t{1} << level), std::make_unique<Conv2d>(in, width, 1, random), {}};
        if (skip_style_ == SkipStyle::GatedAdd)
            skip.gate = scalar_weight(skip_gate);
        skips_.push_back(std::move(skip));
    }
    for (auto& skip : skips_) {
        skip_fusion_projections_.name(skip.key, *skip.projection);
        if (skip.gate.defined())
            skip_fusion_gates_.name(skip.key, skip.gate);
    }
}

void HybridResnet::name_children(const Variant& variant)
{
    add_child("lifter", lifter_);
    if (ffno_encoder_)
        add_child("ffno_encoder", *ffno_encoder_);
    add_child("encoder_blocks", encoder_blocks_);
    add_child("downsample_layers", downsample_layers_);
    if (variant.bottleneck != BottleneckKind::SpectralResnet)
        add_alias("downsample", downsample_layers_);
    if (adapter_)
        add_child("adapter", *adapter_);
    add_child("resnet", *resnet_);
    add_child("upsample_layers", upsample_layers_);
    add_child("skip_fusion_projections", skip_fusion_projections_);
    add_child("skip_fusion_gates", skip_fusion_gates_);
    add_child("", *output_);
}

at::Tensor HybridResnet::encode(at::Tensor x, std::vector<at::Tensor>& taps) const
{
    if (ffno_encoder_ && ffno_first_)
        x = (*ffno_encoder_)(x);
    for (std::size_t i = 0; i < encoder_blocks_.size(); ++i) {
        x = encoder_blocks_[i](x);
        if (i >= downsample_layers_.size())
            continue;
        taps.push_back(x);
        x = downsample_layers_[i](x);
    }
    return ffno_encoder_ && !ffno_first_ ? (*ffno_encoder_)(x) : x;
}

at::Tensor HybridResnet::joined(const at::Tensor& x, const at::Tensor& tap, const Skip& skip) const
{
    const auto& project = *skip.projection;
    switch (skip_style_) {
    case SkipStyle::Concat:
        return project(at::cat({x, tap}, 1));
    case SkipStyle::GatedAdd:
        return x + skip.gate * project(tap);
    case SkipStyle::Add:
        break;
    }
    return x + project(tap);
}

ChannelGenerator::Branches HybridResnet::branches(const at::Tensor& x)
{
    std::vector<at::Tensor> taps;
    auto y = encode(lifter_(x), taps);
    if (adapter_)
        y = (*adapter_)(y);
    y = (*resnet_)(y);
    for (std::size_t i = 0; i < upsample_layers_.size(); ++i) {
        y = upsample_layers_[i](y);
        if (!skips_.empty())
            y = joined(y, taps[taps.size() - 1 - i], skips_[i]);
    }
    return (*output_)(y);
}

} // namespace ptk::generators
