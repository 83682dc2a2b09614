#include "generators/cnn.h"

#include "generators/blocks/activation_watch.h"
#include "generators/common_options.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace ptk::generators {

namespace {

using HeadActivation = at::Tensor (*)(const at::Tensor&);
using config::Type;

at::Tensor pi_tanh(const at::Tensor& x)
{
    return std::numbers::pi * at::tanh(x);
}
at::Tensor real_part(const at::Tensor& x)
{
    return 0.2 + at::tanh(x);
}
at::Tensor imaginary_part(const at::Tensor& x)
{
    return 1.2 * at::tanh(x);
}
at::Tensor identity(const at::Tensor& x)
{
    return x;
}

/// A head's values, after they were shown to an ActivationWatch.
at::Tensor activated(HeadActivation activation, const at::Tensor& x)
{
    auto y = activation(x);
    if (ActivationWatch::active()) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        ActivationWatch::ends("saturated_head", activation(at::tensor({-infinity, infinity}, at::kDouble)), y);
    }
    return y;
}

HeadActivation first_activation(bool polar, bool sigmoid)
{
    if (!polar)
        return real_part;
    return sigmoid ? static_cast<HeadActivation>(at::sigmoid) : static_cast<HeadActivation>(at::silu);
}

HeadActivation second_activation(bool polar)
{
    return polar ? pi_tanh : imaginary_part;
}

/// x with SiLU(x) = @p y >= 1, by Newton's method.
double before_silu(double y)
{
    double x = y;
    for (int step = 0; step < 8; ++step) {
        const double sigmoid = 1 / (1 + std::exp(-x));
        x -= (x * sigmoid - y) / (sigmoid * (1 + x * (1 - sigmoid)));
    }
    return x;
}

/// Channels of the encoder's blocks in units of n_filters_scale, from the input down to a side of 8.
std::vector<std::int64_t> encoder_ladder(std::int64_t side)
{
    if (side == 64)
        return {32, 64, 128};
    return side == 128 ? std::vector<std::int64_t>{16, 32, 64, 128} : std::vector<std::int64_t>{8, 16, 32, 64, 128};
}

/// The same of a decoder, from the side 8 up to N/2.
std::vector<std::int64_t> decoder_ladder(std::int64_t side)
{
    if (side == 64)
        return {128, 64, 32};
    return side == 128 ? std::vector<std::int64_t>{128, 128, 64, 32} : std::vector<std::int64_t>{128, 256, 128, 64, 32};
}

/// Groups of four, as the reference's default, unless something says otherwise.
std::int64_t encoder_channels(const Problem& problem, const config::Settings& settings)
{
    return settings.flag("generator.object_big") ? channels_of("cnn", problem, settings, 4) : 1;
}

} // namespace

config::Schema cnn_options()
{
    using options::choice, options::count, options::flag;
    return config::Schema({
        count("n_filters_scale", 2, "multiplies the number of filters of every layer", 8),
        options::channels("4"),
        flag("object_big", true,
             "true: the frames of a group are channels of one input; false: one channel, each frame is seen alone"),
        flag("probe_big", true, "predict the outer half of the patch too; false leaves it at the activation of zero"),
        choice("cnn_output_mode", "amp_phase",
               "what the two heads are: amplitude and phase, or real and imaginary part", {"amp_phase", "real_imag"}),
        choice("amp_activation", "silu",
               "activation of the amplitude: sigmoid; every other name means SiLU, as in the reference",
               {"sigmoid", "silu", "SiLU", "swish", "softplus", "relu", "tanh"}),
        flag("batch_norm", false,
             "batch normalisation in the encoder, the phase decoder and the shared decoder (the amplitude decoder has "
             "none)"),
        flag("use_shared_decoder", false, "one decoder with refinement blocks for both heads"),
        flag("cbam_encoder", true, "CBAM attention in the encoder"),
        flag("eca_encoder", false,
             "ECA layers in the encoder unless it has CBAM; the reference makes them and does not use them"),
        flag("cbam_bottleneck", false, "CBAM attention between encoder and decoder"),
        flag("cbam_decoder", false, "CBAM layers in the decoder; the reference makes them and does not use them"),
        flag("eca_decoder", false, "ECA layers in the decoder, before the other two kinds; made, not used"),
        flag("spatial_decoder", false, "spatial attention in the decoder, before CBAM; made, not used"),
        count("decoder_spatial_kernel", 7, "kernel of the spatial attention, odd", 63),
        count("edge_pad", 10, "accepted for the reference's configurations; without effect, there and here", 1e6, 0),
        flag("use_legacy_decoder_channel_override", false,
             "split the channels of the last layer by decoder_last_c_outer_fraction, as older revisions did"),
        {"generator.decoder_last_c_outer_fraction",
         Type::Float,
         "0.125",
         "legacy split: fraction of the last layer's channels that make the outer half of the patch",
         0,
         0.5,
         {},
         {"decoder_last_c_outer_fraction"}},
        count("decoder_last_amp_channels", 1,
              "legacy split: channels of the amplitude head; must equal those of the phase", 64),
    });
}

struct Cnn::Options {
    Options(const Problem& problem, const config::Settings& settings)
        : side(problem.side), channels(encoder_channels(problem, settings)),
          scale(settings.integer("generator.n_filters_scale")), probe_big(settings.flag("generator.probe_big")),
          polar(settings.text("generator.cnn_output_mode") == "amp_phase"),
          sigmoid(settings.text("generator.amp_activation") == "sigmoid"),
          batch_norm(settings.flag("generator.batch_norm")), shared(settings.flag("generator.use_shared_decoder")),
          cbam_bottleneck(settings.flag("generator.cbam_bottleneck")),
          eca_decoder(settings.flag("generator.eca_decoder")),
          spatial_decoder(settings.flag("generator.spatial_decoder")),
          cbam_decoder(settings.flag("generator.cbam_decoder")),
          spatial_kernel(settings.integer("generator.decoder_spatial_kernel")),
          legacy_split(settings.flag("generator.use_legacy_decoder_channel_override")),
          outer_fraction(settings.number("generator.decoder_last_c_outer_fraction"))
    {
        if (settings.flag("generator.cbam_encoder"))
            attention = EncoderAttention::Cbam;
        else if (settings.flag("generator.eca_encoder"))
            attention = EncoderAttention::UnusedEca;
        require(side == 64 || side == 128 || side == 256, Status::Shape,
                "cnn takes frames of 64 x 64, 128 x 128 or 256 x 256, found {} x {}; crop or pad the frames", side,
                side);
        require(spatial_kernel % 2 == 1, Status::InvalidConfig,
                "generator.decoder_spatial_kernel: expected an odd number, found {}", spatial_kernel);
        const auto amplitudes = settings.integer("generator.decoder_last_amp_channels");
        // The reference makes such a model and fails when it predicts: amplitude and phase must have the same shape.
        require(!legacy_split || shared || amplitudes == channels, Status::InvalidConfig,
                "generator.decoder_last_amp_channels: expected {}, as many as the phase has, found {}", channels,
                amplitudes);
    }

    std::int64_t side;
    std::int64_t channels;
    std::int64_t scale;
    EncoderAttention attention = EncoderAttention::None;
    bool probe_big;
    bool polar;
    bool sigmoid;
    bool batch_norm;
    bool shared;
    bool cbam_bottleneck;
    bool eca_decoder;
    bool spatial_decoder;
    bool cbam_decoder;
    std::int64_t spatial_kernel;
    bool legacy_split;
    double outer_fraction;
};

/// How a decoder ends: name of its last layer, channels and activation.
struct Cnn::Head {
    std::string name;
    std::int64_t channels;
    HeadActivation activation;
    bool batch_norm;
};

class Cnn::Encoder : public Module {
public:
    Encoder(const Options& options, at::Generator random)
    {
        add_child("blocks", blocks_);
        auto in = options.channels;
        for (const auto step : encoder_ladder(options.side)) {
            blocks_.append(in, step * options.scale, options.batch_norm, options.attention, random);
            in = step * options.scale;
        }
    }

    at::Tensor operator()(at::Tensor x)
    {
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            x = blocks_[i](x);
        return x;
    }

private:
    ModuleList<ConvPoolBlock> blocks_;
};

/// From N/2 to N: the first channels make the central half of the patch, the last ones its border.
class Cnn::DecoderLast : public Module {
public:
    DecoderLast(const Options& options, const Head& head, at::Generator random)
        : in_(32 * options.scale), outer_(outer_channels(options, head)), probe_big_(options.probe_big),
          activation_(head.activation), conv1_(in_ - outer_, head.channels, 3, random),
          conv_up_block_(outer_, in_, head.batch_norm, random), conv2_(in_, head.channels, 3, random)
    {
        add_child("conv1", conv1_);
        add_child("conv_up_block", conv_up_block_);
        add_child("conv2", conv2_);
        if (!head.batch_norm)
            return;
        add_child("bn1", bn1_.emplace(head.channels));
        add_child("bn2", bn2_.emplace(head.channels));
    }

    /// @param doubled  x is at half of its size, every pixel stands for a square of four
    at::Tensor operator()(const at::Tensor& x, bool doubled)
    {
        const auto half = doubled ? 2 * x.size(2) : x.size(2);
        const auto inner = x.slice(1, 0, in_ - outer_);
        auto centre = doubled ? conv1_.doubled(inner) : conv1_(inner);
        centre = activated(activation_, bn1_ ? (*bn1_)(centre) : centre);
        if (!probe_big_)
            return at::constant_pad_nd(centre, {half / 2, half / 2, half / 2, half / 2});
        auto patch = conv2_.doubled(conv_up_block_.convolve(x.slice(1, in_ - outer_, in_), doubled));
        // A quirk of the reference: the border has SiLU whatever the head is, so an amplitude may be negative there and
        // a phase is not bounded.
        patch = bn2_ ? (*bn2_)(patch) : patch;
        ActivationWatch::silu("saturated_border", patch);
        patch = at::silu(patch);
        patch.slice(2, half / 2, half / 2 + half).slice(3, half / 2, half / 2 + half).copy_(centre);
        return patch;
    }

private:
    static std::int64_t outer_channels(const Options& options, const Head& head)
    {
        const auto in = 32 * options.scale;
        const auto outer =
            options.legacy_split
                ? std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(in) * options.outer_fraction))
                : head.channels;
        require(outer < in, Status::InvalidConfig,
                "generator.C_model: {} output channels do not fit into the {} of the last layer; raise "
                "generator.n_filters_scale",
                outer, in);
        return outer;
    }

    std::int64_t in_;
    std::int64_t outer_;
    bool probe_big_;
    HeadActivation activation_;
    Conv2d conv1_;
    ConvUpBlock conv_up_block_;
    Conv2d conv2_;
    std::optional<BatchNorm2d> bn1_;
    std::optional<BatchNorm2d> bn2_;
};

class Cnn::Decoder : public Module {
public:
    Decoder(const Options& options, const Head& head, bool batch_norm, at::Generator random)
    {
        add_child("blocks", blocks_);
        add_child("attention_blocks", unused_attention_);
        const auto ladder = decoder_ladder(options.side);
        for (std::size_t i = 1; i < ladder.size(); ++i) {
            blocks_.append(ladder[i - 1] * options.scale, ladder[i] * options.scale, batch_norm, random);
            append_attention(options, ladder[i] * options.scale, random);
        }
        add_child(head.name, last_.emplace(options, head, random));
    }

    at::Tensor operator()(at::Tensor x)
    {
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            x = blocks_[i].convolve(x, /*doubled=*/i > 0);
        return (*last_)(x, /*doubled=*/blocks_.size() > 0);
    }

private:
    void append_attention(const Options& options, std::int64_t channels, at::Generator random)
    {
        if (options.eca_decoder)
            unused_attention_.append<EcaLayer>(random);
        else if (options.spatial_decoder)
            unused_attention_.append<SpatialAttention>(options.spatial_kernel, random);
        else if (options.cbam_decoder)
            unused_attention_.append<Cbam>(channels, random);
    }

    ModuleList<ConvUpBlock> blocks_;
    ModuleList<Module> unused_attention_;
    std::optional<DecoderLast> last_;
};

class Cnn::SharedDecoder : public Module {
public:
    SharedDecoder(const Options& options, at::Generator random)
        : first_(first_activation(options.polar, options.sigmoid)), second_(second_activation(options.polar))
    {
        add_child("blocks", blocks_);
        add_child("refinement_blocks", refinements_);
        const auto ladder = decoder_ladder(options.side);
        for (std::size_t i = 1; i < ladder.size(); ++i) {
            blocks_.append(ladder[i - 1] * options.scale, ladder[i] * options.scale, options.batch_norm, random);
            refinements_.append(ladder[i] * options.scale, i + 1 == ladder.size() ? 2 : 1, random);
        }
        add_child("eca", eca_.emplace(random));
        // Its activations come after the border is joined on, unlike those of the two decoders.
        add_child("head",
                  last_.emplace(options, Head{"head", 2 * options.channels, identity, options.batch_norm}, random));
    }

    Branches operator()(at::Tensor x)
    {
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            x = refinements_[i](blocks_[i](x));
        const auto both = (*last_)((*eca_)(x), /*doubled=*/false).chunk(2, 1);
        return {activated(first_, both[0]), activated(second_, both[1])};
    }

private:
    HeadActivation first_;
    HeadActivation second_;
    ModuleList<ConvUpBlock> blocks_;
    ModuleList<RefinementBlock> refinements_;
    std::optional<EcaLayer> eca_;
    std::optional<DecoderLast> last_;
};

Cnn::Cnn(const Problem& problem, const config::Settings& settings, at::Generator random)
    : Cnn(Options(problem, settings), random)
{
}

Cnn::Cnn(const Options& options, at::Generator random)
    : ChannelGenerator(
          {"cnn", options.channels, options.side, options.polar ? OutputMode::AmpPhase : OutputMode::RealImag}),
      encoder_(std::make_unique<Encoder>(options, random)), amplitude_by_silu_(options.polar && !options.sigmoid),
      normalised_(options.batch_norm)
{
    add_child("encoder", *encoder_);
    if (options.cbam_bottleneck) {
        bottleneck_ = std::make_unique<Cbam>(128 * options.scale, random);
        add_child("bottleneck_cbam", *bottleneck_);
    }
    if (options.shared) {
        decoder_shared_ = std::make_unique<SharedDecoder>(options, random);
        add_child("decoder_shared", *decoder_shared_);
        return;
    }
    const Head first{"amp", options.channels, first_activation(options.polar, options.sigmoid), false};
    const Head second{"phase", options.channels, second_activation(options.polar), options.batch_norm};
    decoder_amplitude_ = std::make_unique<Decoder>(options, first, false, random);
    add_child("decoder_amp", *decoder_amplitude_);
    decoder_phase_ = std::make_unique<Decoder>(options, second, options.batch_norm, random);
    add_child("decoder_phase", *decoder_phase_);
}

Cnn::~Cnn() = default;

void Cnn::start_transparent()
{
    if (!amplitude_by_silu_)
        return;
    const c10::NoGradGuard no_gradient;
    const auto fill = [this](const std::string& layer, double value) {
        for (const auto& [name, tensor] : named_parameters())
            if (name == layer + ".bias")
                tensor->narrow(0, 0, std::min(channels(), tensor->size(0))).fill_(value);
    };
    const double once = before_silu(1);
    for (const auto* layer : {"decoder_amp.amp.conv1", "decoder_amp.amp.conv2"})
        fill(layer, once);
    // The shared decoder's phase follows after the amplitude, a norm comes after its convolutions, and its border goes
    // through SiLU twice.
    fill(normalised_ ? "decoder_shared.head.bn1" : "decoder_shared.head.conv1", once);
    fill(normalised_ ? "decoder_shared.head.bn2" : "decoder_shared.head.conv2", before_silu(once));
}

at::Tensor Cnn::encode(const at::Tensor& x)
{
    const auto features = (*encoder_)(x.contiguous(at::MemoryFormat::ChannelsLast));
    return bottleneck_ ? (*bottleneck_)(features) : features;
}

Cnn::Branches Cnn::branches(const at::Tensor& x)
{
    const auto features = encode(x);
    if (decoder_shared_)
        return (*decoder_shared_)(features);
    return {(*decoder_amplitude_)(features), (*decoder_phase_)(features)};
}

} // namespace ptk::generators
