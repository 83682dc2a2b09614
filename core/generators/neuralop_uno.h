#pragma once
#include "generators/blocks/layers.h"
#include "generators/blocks/module_list.h"
#include "generators/channel_generator.h"

#include <optional>

namespace ptk::generators {

/// The U-shaped neural operator of the library neuraloperator 2.0.0 in the one configuration that PtychoPINN uses: two
/// channels with the coordinates are added; lifting; four Fourier layers with 12 x 12 modes, the second of which halves
/// the size and the fourth doubles it, the later two joined with the outputs of the earlier two; projection. 4 divides
/// N, and N/2 >= modes. Source: Rahman et al., TMLR 2023; PtychoPINN registry entry 'neuralop_uno', there for N = 128
/// and one channel.
class NeuralopUno : public ChannelGenerator {
public:
    /// @throws Error(Shape), Error(InvalidConfig)
    NeuralopUno(const Problem& problem, const config::Settings& settings, at::Generator random);
    Branches branches(const at::Tensor& x) override;
    std::vector<std::string> output_layers() const override { return {"uno.projection.fcs.1"}; }

private:
    /// The same matrix at every pixel: 1 x 1 convolution whose weight (out, in, 1) is stored as that of a 1-D one.
    class Pointwise : public Module {
    public:
        Pointwise(std::int64_t in, std::int64_t out, at::Generator random, bool with_bias);
        at::Tensor operator()(const at::Tensor& x) const;

    private:
        at::Tensor weight_;
        at::Tensor bias_;
    };
    /// Pointwise, GELU, Pointwise.
    struct ChannelMlp : Module {
        ChannelMlp(std::int64_t in, std::int64_t hidden, std::int64_t out, at::Generator random);
        at::Tensor operator()(const at::Tensor& x) const;
        Pointwise first;
        Pointwise second;
    };
    /// Spectral convolution with row frequencies of both signs that may change the size. When it does, the negative
    /// ones are lost (smaller) or land on positive ones (larger), as in the library.
    class Spectral : public Module {
    public:
        Spectral(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random);
        at::Tensor operator()(const at::Tensor& x, std::int64_t side) const;

    private:
        at::Tensor bias_;   ///< (out, 1, 1)
        at::Tensor weight_; ///< (in, out, modes, modes/2 + 1) complex64, rows from frequency -modes/2
    };
    struct Layer : Module {
        Layer(std::int64_t in, std::int64_t out, std::int64_t modes, at::Generator random);
        at::Tensor operator()(const at::Tensor& x, std::int64_t side) const;
        Spectral spectral;
        Pointwise skip;
        ChannelMlp mlp;
        Pointwise mlp_skip;
    };

    std::optional<ChannelMlp> lifting_;
    ModuleList<Layer> layers_;
    ModuleList<Pointwise> horizontal_skips_;
    std::optional<ChannelMlp> projection_;
};
config::Schema neuralop_uno_options();

} // namespace ptk::generators
