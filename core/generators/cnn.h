#pragma once
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/module_list.h"
#include "generators/channel_generator.h"

#include <memory>

namespace ptk::generators {

/// The convolutional autoencoder of PtychoPINN (Hoidn et al., Sci. Rep. 13, 22789, 2023; revision 712c23f of its
/// PyTorch side): amplitudes of a group in, amplitude and phase (or real and imaginary part) of each patch out. Layers,
/// options and parameter names are the reference's, unused layers included, so that its state dicts fit.
///
/// The frames of a group are the channels of one input. With one channel each frame is seen alone, and groups of any
/// size can be trained. N = 64, 128 or 256.
class Cnn : public ChannelGenerator {
public:
    /// @throws Error(Shape) for another N or a group that does not fit the channels; Error(InvalidConfig)
    Cnn(const Problem& problem, const config::Settings& settings, at::Generator random);
    ~Cnn() override;

    Branches branches(const at::Tensor& x) override;
    /// Amplitudes after SiLU may be negative, down to -0.28, where they stay: a training whose first steps lead there
    /// never sees the object. They start at 1.
    void start_transparent() override;
    std::vector<std::string> output_layers() const override
    {
        return {"decoder_amp.amp.conv1",     "decoder_amp.amp.conv2",     "decoder_phase.phase.conv1",
                "decoder_phase.phase.conv2", "decoder_shared.head.conv1", "decoder_shared.head.conv2"};
    }

private:
    struct Options;
    struct Head;
    class Encoder;
    class DecoderLast;
    class Decoder;
    class SharedDecoder;

    Cnn(const Options& options, at::Generator random);
    at::Tensor encode(const at::Tensor& x);

    std::unique_ptr<Encoder> encoder_;
    std::unique_ptr<Cbam> bottleneck_;
    std::unique_ptr<Decoder> decoder_amplitude_;
    std::unique_ptr<Decoder> decoder_phase_;
    std::unique_ptr<SharedDecoder> decoder_shared_;
    bool amplitude_by_silu_;
    bool normalised_;
};

/// Options "generator.*" of the cnn; the reference's names are aliases.
config::Schema cnn_options();

} // namespace ptk::generators
