#pragma once
#include "generators/blocks/bottlenecks.h"
#include "generators/blocks/encoder_block.h"
#include "generators/blocks/lifter.h"
#include "generators/blocks/output_head.h"
#include "generators/blocks/sampling.h"
#include "generators/channel_generator.h"

#include <memory>

namespace ptk::generators {

/// A Fourier encoder, a bottleneck at half or quarter size, and an upsampling decoder: lifter; EncoderBlocks, after the
/// first of which the size halves and the channels double; [1 x 1 convolution to another width]; bottleneck; upsamplers
/// with half the channels each, optionally joined with the encoder's features of that size; output.
///
/// The family differs in bottleneck, decoder and what surrounds the encoder; each member is a Variant.
/// Source: PtychoPINN registry entry 'hybrid_resnet' and those derived from it.
class HybridResnet : public ChannelGenerator {
public:
    enum class BottleneckKind { Resnet, ConvNext, Ffno, SpectralResnet };
    struct Variant {
        const char* name;
        BottleneckKind bottleneck = BottleneckKind::Resnet;
        bool bilinear_decoder = false;
        int ffno_encoder_blocks = 0;                         ///< default of the option
        const char* encoder_order = "ffno_then_ptychoblock"; ///< default of the option
        bool two_stages = false;                             ///< two encoder blocks by default
    };

    /// @throws Error(Shape) unless 2^downsample_steps divides N; Error(InvalidConfig)
    HybridResnet(const Variant& variant, const Problem& problem, const config::Settings& settings,
                 at::Generator random);
    Branches branches(const at::Tensor& x) override;

    static config::Schema options(const Variant& variant);

private:
    enum class SkipStyle { Add, Concat, GatedAdd };
    /// How the features of the encoder join those of the decoder at one size. Key d<divisor>.
    struct Skip {
        std::string key;
        std::unique_ptr<Conv2d> projection;
        at::Tensor gate; ///< undefined unless gated
    };
    /// Only there for the names.
    struct Names : Module {
        void name(const std::string& key, Module& module) { add_child(key, module); }
        void name(const std::string& key, at::Tensor& parameter) { add_parameter(key, parameter); }
    };

    void make_encoder(const config::Settings& settings, const at::Generator& random);
    void make_ffno_encoder(const config::Settings& settings, const at::Generator& random);
    void make_bottleneck(const Variant& variant, const config::Settings& settings, const at::Generator& random);
    void make_decoder(const Variant& variant, const config::Settings& settings, const at::Generator& random);
    void make_skips(const config::Settings& settings, const at::Generator& random);
    void name_children(const Variant& variant);
    at::Tensor encode(at::Tensor x, std::vector<at::Tensor>& taps) const;
    at::Tensor joined(const at::Tensor& x, const at::Tensor& tap, const Skip& skip) const;

    std::int64_t steps_; ///< halvings
    bool ffno_first_;
    SkipStyle skip_style_;
    std::vector<std::int64_t> tap_widths_;     ///< channels before each halving
    std::vector<std::int64_t> decoder_widths_; ///< channels of the bottleneck and after each doubling
    SpatialLifter lifter_;
    std::optional<FfnoStack> ffno_encoder_;
    ModuleList<EncoderBlock> encoder_blocks_;
    ModuleList<Downsampler> downsample_layers_;
    std::optional<Conv2d> adapter_;
    std::unique_ptr<Bottleneck> resnet_;
    ModuleList<Upsampler> upsample_layers_;
    std::vector<Skip> skips_; ///< coarsest first
    Names skip_fusion_projections_;
    Names skip_fusion_gates_;
    std::optional<OutputHead> output_;
};

/// hybrid_resnet and all that derive from it, in the order of the registry.
const std::vector<HybridResnet::Variant>& hybrid_resnet_family();

} // namespace ptk::generators
