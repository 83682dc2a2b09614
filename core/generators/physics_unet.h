#pragma once
#include "generators/blocks/conv_blocks.h"
#include "generators/blocks/module_list.h"
#include "generators/generator.h"

#include <cstdint>
#include <string>

namespace ptk::generators {

/// A small U-shaped network that starts from what one projection knows. Each frame is seen alone: from a flat object
/// (transmission 1), or in later passes from what overlapping frames agreed on, one rPIE step with all modes of the
/// probe gives an estimate of the patch; the network sees the estimate, the probe's intensity and the amplitude, and
/// predicts what is to be added to the estimate. Between two passes frames agree by steps of physics without weights
/// (Agreement). So it is made for any probe, any number of modes and any N that
/// 2^levels divides, and before training it returns the estimate.
///
/// Channels in: gain * (Re(estimate) - 1), gain * Im(estimate), probe intensity over its maximum, log(1 + scaled
/// amplitude); the gain brings the estimate, whose deviation from 1 is small, to the order of the others. Net: two 3 x
/// 3 convolutions; at each level below a stride-2 one to twice the channels and residual pairs; on the way up
/// transposed convolutions, joined with the features of that size, and a 3 x 3 convolution; GELU between. The last
/// layer and the second of every pair start at zero. Gradients do not flow through the estimate. The layout inside is
/// channels last.
class PhysicsUnet : public Generator {
public:
    /// @throws Error(Shape) when 2^levels does not divide N
    PhysicsUnet(const Problem& problem, const config::Settings& settings, at::Generator random);

    /// @throws Error(Shape), Error(State) without a probe
    at::Tensor forward(const Input& input) override;
    bool grouped() const override { return false; }
    bool needs_probe() const override { return true; }
    std::int64_t passes() const override { return options_.passes; }
    Agreement agreement() const override { return {.steps = options_.agreement, .alpha = options_.alpha}; }
    std::vector<std::string> output_layers() const override { return {"output"}; }

private:
    struct Options {
        std::string name; ///< of the generator that these options make
        std::int64_t side;
        std::int64_t width;
        std::int64_t levels;
        std::int64_t depth;
        std::int64_t steps;
        std::int64_t passes;
        std::int64_t agreement;
        double alpha;
        double gain;
    };
    /// One size below: half the pixels of a side, twice the channels.
    struct Level : Module {
        Level(std::int64_t channels, std::int64_t depth, at::Generator random);
        /// (B, channels, H, W) -> (B, 2 channels, H/2, W/2)
        at::Tensor enter(const at::Tensor& x) const;
        /// Back to the size and channels of @p skip, joined with it.
        at::Tensor leave(const at::Tensor& x, const at::Tensor& skip) const;
        Conv2d down;
        ModuleList<ResidualPair> pairs;
        ConvTranspose2d up;
        Conv2d merge;
    };

    PhysicsUnet(const Options& options, at::Generator random);
    /// What one projection makes of what is known, (B, G, N, N) complex64.
    at::Tensor estimate(const Input& input) const;
    at::Tensor residual(const at::Tensor& x) const;

    Options options_;
    Conv2d conv1_;
    Conv2d conv2_;
    ModuleList<Level> levels_;
    Conv2d output_;
};

/// Options "generator.*" of the physics_unet.
config::Schema physics_unet_options();

/// The same options with the sizes of 'light': a narrow net that looks once, for pictures while the scan runs.
config::Schema light_options();

} // namespace ptk::generators
