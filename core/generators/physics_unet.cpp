#include "generators/physics_unet.h"

#include "base/shape.h"
#include "generators/blocks/autocast.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/real.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>

namespace ptk::generators {

namespace {

using config::Type;

/// Summed intensity of the modes over its maximum, (B, M, N, N) -> (B, N, N).
at::Tensor relative_intensity(const at::Tensor& probe)
{
    const auto intensity = at::view_as_real(probe).square().sum(at::IntArrayRef({1, -1}));
    return intensity / intensity.amax(at::IntArrayRef({1, 2}), true).clamp_min(1e-30);
}

/// By which options the networks of this kind differ.
struct Sizes {
    int width, depth, passes, agreement;
};

config::Schema options_of(const Sizes& sizes)
{
    return config::Schema({
        {"generator.width", Type::Int, std::to_string(sizes.width),
         "channels at full size; twice as many at each level below", 1, 256},
        {"generator.levels", Type::Int, "2", "sizes below the full one, each half of the one above", 1, 5},
        {"generator.depth", Type::Int, std::to_string(sizes.depth),
         "residual pairs of convolutions at each level below", 0, 32},
        {"generator.alpha", Type::Float, "0.01",
         "rPIE at the input: weight of the largest against the local probe intensity", 1e-6, 1},
        {"generator.steps", Type::Int, "1",
         "rPIE steps at the input; few are better: alone, a frame leads to a wrong solution", 1, 100},
        {"generator.passes", Type::Int, std::to_string(sizes.passes),
         "times the same weights look at a frame; between two passes overlapping patches are merged", 1, 16},
        {"generator.agreement", Type::Int, std::to_string(sizes.agreement),
         "steps of physics without weights between two passes: all frames impose their amplitudes on what they agreed "
         "on, and are merged again",
         0, 100},
        {"generator.gain", Type::Float, "8",
         "factor on the estimate's deviation from 1 at the input, which brings it to order one", 1e-3, 1e3},
    });
}

} // namespace

config::Schema physics_unet_options()
{
    return options_of({.width = 16, .depth = 2, .passes = 3, .agreement = 4});
}

config::Schema light_options()
{
    return options_of({.width = 8, .depth = 1, .passes = 1, .agreement = 4});
}

PhysicsUnet::Level::Level(std::int64_t channels, std::int64_t depth, at::Generator random)
    : down(channels, 2 * channels, 3, random, 2), up(2 * channels, channels, 2, random),
      merge(2 * channels, channels, 3, random)
{
    for (std::int64_t i = 0; i < depth; ++i)
        pairs.append(2 * channels, random, ResidualPair::Start::Identity);
    add_child("down", down);
    add_child("pairs", pairs);
    add_child("up", up);
    add_child("merge", merge);
}

at::Tensor PhysicsUnet::Level::enter(const at::Tensor& x) const
{
    auto y = down(x, Activation::Gelu);
    for (std::size_t i = 0; i < pairs.size(); ++i)
        y = pairs[i](y);
    return y;
}

at::Tensor PhysicsUnet::Level::leave(const at::Tensor& x, const at::Tensor& skip) const
{
    return merge(at::cat({up(x, Activation::Gelu), skip}, 1), Activation::Gelu);
}

PhysicsUnet::PhysicsUnet(const Problem& problem, const config::Settings& settings, at::Generator random)
    : PhysicsUnet({.name = settings.text("generator.name"),
                   .side = problem.side,
                   .width = settings.integer("generator.width"),
                   .levels = settings.integer("generator.levels"),
                   .depth = settings.integer("generator.depth"),
                   .steps = settings.integer("generator.steps"),
                   .passes = settings.integer("generator.passes"),
                   .agreement = settings.integer("generator.agreement"),
                   .alpha = settings.number("generator.alpha"),
                   .gain = settings.number("generator.gain")},
                  random)
{
}

PhysicsUnet::PhysicsUnet(const Options& options, at::Generator random)
    : options_(options), conv1_(4, options.width, 3, random), conv2_(options.width, options.width, 3, random),
      output_(options.width, 2, 3, random)
{
    const std::int64_t divisor = std::int64_t{1} << options.levels;
    require(options.side > 0 && options.side % divisor == 0, Status::Shape,
            "{2} takes frames whose side {1} divides, found {0} x {0}; crop or pad the frames", options.side, divisor,
            options.name);
    for (std::int64_t i = 0; i < options.levels; ++i)
        levels_.append(options.width << i, options.depth, random);
    // Training starts from the estimate.
    output_.set_zero();
    add_child("conv1", conv1_);
    add_child("conv2", conv2_);
    add_child("levels", levels_);
    add_child("output", output_);
}

at::Tensor PhysicsUnet::estimate(const Input& input) const
{
    auto patches = input.known.defined()
                       ? input.known
                       : at::ones_like(input.amplitude, input.amplitude.options().dtype(at::kComplexFloat));
    for (std::int64_t i = 0; i < options_.steps; ++i)
        patches = input.imposed(patches, options_.alpha);
    return patches;
}

at::Tensor PhysicsUnet::residual(const at::Tensor& x) const
{
    auto y = conv2_(conv1_(x, Activation::Gelu), Activation::Gelu);
    std::vector<at::Tensor> skips;
    for (std::size_t i = 0; i < levels_.size(); ++i) {
        skips.push_back(y);
        y = levels_[i].enter(y);
    }
    for (std::size_t i = levels_.size(); i-- > 0;)
        y = levels_[i].leave(y, skips[i]);
    return output_(y);
}

at::Tensor PhysicsUnet::forward(const Input& input)
{
    const auto side = options_.side;
    const auto shape = input.amplitude.sizes();
    require(input.probe.defined(), Status::State, "{} needs a probe", options_.name);
    const bool fits = input.amplitude.dim() == 4 && shape[2] == side && shape[3] == side && input.probe.dim() == 5 &&
                      input.probe.size(0) == shape[0] && input.probe.size(1) == shape[1] &&
                      input.probe.size(3) == side && input.probe.size(4) == side;
    require(fits, Status::Shape,
            "{3}: expected amplitudes (B, G, {0}, {0}) and a probe (B, G, modes, {0}, {0}), found {1} and {2}", side,
            base::shape_of(input.amplitude), base::shape_of(input.probe), options_.name);
    require(!input.known.defined() || input.known.sizes() == shape, Status::Shape,
            "{}: expected known patches {}, found {}", options_.name, base::shape_of(input.amplitude),
            base::shape_of(input.known));
    at::Tensor known;
    at::Tensor channels;
    {
        const c10::NoGradGuard no_gradient;
        const Autocast physics(input.amplitude.device().type(), Precision::Float32);
        const auto probe = input.probe.flatten(0, 1);
        known = estimate(input).flatten(0, 1);
        channels = at::stack({(at::real(known) - 1) * options_.gain, at::imag(known) * options_.gain,
                              relative_intensity(probe), at::log1p(input.scaled().reshape({-1, side, side}))},
                             1);
    }
    const auto change = residual(channels.contiguous(at::MemoryFormat::ChannelsLast)).to(channels.scalar_type());
    return (known + at::complex(change.select(1, 0), change.select(1, 1))).view(shape);
}

} // namespace ptk::generators
