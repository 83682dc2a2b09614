#pragma once
#include "generators/generator.h"

#include <string>

namespace ptk::generators {

/// What the two images are that a network predicts for each frame, and how they become a complex patch.
enum class OutputMode {
    RealImag,      ///< real and imaginary part
    AmpPhase,      ///< amplitude and phase (rad), in the range of their activations
    AmpPhaseLogits ///< two numbers a and p: amplitude sigmoid(a), phase pi tanh(p)
};
/// "real_imag", "amp_phase" or "amp_phase_logits".
OutputMode output_mode_by_name(const std::string& name);

/// The generators of PtychoPINN: they see the scaled amplitudes and nothing else, the frames of a group are the
/// channels of one input, and two real images a frame come out. With one channel each frame is seen alone, and groups
/// of any size can be trained.
class ChannelGenerator : public Generator {
public:
    struct Layout {
        std::string name;
        std::int64_t channels;
        std::int64_t side;
        OutputMode output;
    };
    /// The two images before they become complex, each (B, C, N, N): float32, or what the layers compute in.
    struct Branches {
        at::Tensor first;
        at::Tensor second;
    };

    /// @throws Error(Shape) for other shapes than (B, C, N, N), any number of frames where C is 1
    at::Tensor forward(const Input& input) final;
    bool grouped() const final { return layout_.channels > 1; }
    bool needs_probe() const final { return false; }
    std::int64_t channels() const final { return layout_.channels; }

    /// @param x  (B, C, N, N) float32, scaled amplitudes
    virtual Branches branches(const at::Tensor& x) = 0;

protected:
    explicit ChannelGenerator(Layout layout) : layout_(std::move(layout)) {}
    const Layout& layout() const noexcept { return layout_; }

private:
    Layout layout_;
};

/// Amplitude sigmoid(first) in (0, 1) and phase pi tanh(second) in (-pi, pi).
ChannelGenerator::Branches bounded(const at::Tensor& first, const at::Tensor& second);

/// Frames of one input: option generator.C_model, else the group size of the problem, else @p otherwise.
/// @throws Error(Shape) when the groups have another size, unless each frame is seen alone
std::int64_t channels_of(const std::string& name, const Problem& problem, const config::Settings& settings,
                         std::int64_t otherwise);

/// The layout that the options C_model and output_mode describe; one channel unless something says otherwise.
/// @param divisor  N must be a multiple of it
/// @throws Error(Shape)
ChannelGenerator::Layout layout_of(const std::string& name, const Problem& problem, const config::Settings& settings,
                                   std::int64_t divisor = 1);

} // namespace ptk::generators
