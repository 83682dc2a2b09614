#include "generators/physics_unet.h"

#include "base/text.h"
#include "physics/rpie.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/gelu.h>
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

std::string shape_of(const at::Tensor& tensor)
{
    return tensor.defined() ? base::shape_text({tensor.sizes().begin(), tensor.sizes().end()}) : "nothing";
}

} // namespace

config::Schema physics_unet_options()
{
    return config::Schema({
        {"generator.width", Type::Int, "32", "channels at full size; twice as many at half size", 1, 256},
        {"generator.depth", Type::Int, "4", "residual pairs of convolutions at half size", 0, 32},
        {"generator.alpha", Type::Float, "0.1",
         "rPIE at the input: weight of the largest against the local probe intensity", 1e-6, 1},
        {"generator.input_gain", Type::Float, "3",
         "factor on the estimate's difference from 1 at the input, which is small where the probe is weak", 0.01, 100},
        {"generator.steps", Type::Int, "1",
         "rPIE steps at the input; few are better: alone, a frame leads to a wrong solution", 1, 100},
    });
}

PhysicsUnet::Residual::Residual(std::int64_t channels, at::Generator random)
    : conv1(channels, channels, 3, random), conv2(channels, channels, 3, random)
{
    add_child("conv1", conv1);
    add_child("conv2", conv2);
}

at::Tensor PhysicsUnet::Residual::operator()(const at::Tensor& x) const
{
    return x + conv2(at::gelu(conv1(x)));
}

PhysicsUnet::PhysicsUnet(const Problem& problem, const config::Settings& settings, at::Generator random)
    : PhysicsUnet({problem.side, settings.integer("generator.width"), settings.integer("generator.depth"),
                   settings.integer("generator.steps"), settings.number("generator.alpha"),
                   settings.number("generator.input_gain")},
                  random)
{
}

PhysicsUnet::PhysicsUnet(const Options& options, at::Generator random)
    : options_(options), conv1_(4, options.width, 3, random), conv2_(options.width, options.width, 3, random),
      down_(options.width, 2 * options.width, 3, random, 2), up_(2 * options.width, options.width, 2, random),
      merge_(2 * options.width, options.width, 3, random), output_(options.width, 2, 3, random)
{
    require(options.side > 0 && options.side % 4 == 0, Status::Shape,
            "physics_unet takes frames whose side 4 divides, found {0} x {0}; crop or pad the frames", options.side);
    for (std::int64_t i = 0; i < options.depth; ++i)
        pairs_.append(2 * options.width, random);
    // Training starts from the estimate.
    output_.set_zero();
    add_child("conv1", conv1_);
    add_child("conv2", conv2_);
    add_child("down", down_);
    add_child("residual", pairs_);
    add_child("up", up_);
    add_child("merge", merge_);
    add_child("output", output_);
}

at::Tensor PhysicsUnet::estimate(const at::Tensor& amplitude, const at::Tensor& probe) const
{
    auto patches = at::ones_like(amplitude, amplitude.options().dtype(at::kComplexFloat));
    for (std::int64_t i = 0; i < options_.steps; ++i)
        patches = physics::rpie_step(patches, probe, amplitude, options_.alpha, 1);
    return patches;
}

at::Tensor PhysicsUnet::residual(const at::Tensor& x) const
{
    const auto skip = at::gelu(conv2_(at::gelu(conv1_(x))));
    auto y = at::gelu(down_(skip));
    for (std::size_t i = 0; i < pairs_.size(); ++i)
        y = pairs_[i](y);
    y = at::cat({at::gelu(up_(y)), skip}, 1);
    return output_(at::gelu(merge_(y)));
}

at::Tensor PhysicsUnet::forward(const Input& input)
{
    const auto side = options_.side;
    const auto shape = input.amplitude.sizes();
    require(input.probe.defined(), Status::State, "physics_unet needs a probe");
    const bool fits = input.amplitude.dim() == 4 && shape[2] == side && shape[3] == side && input.probe.dim() == 5 &&
                      input.probe.size(0) == shape[0] && input.probe.size(1) == shape[1] &&
                      input.probe.size(3) == side && input.probe.size(4) == side;
    require(fits, Status::Shape,
            "physics_unet: expected amplitudes (B, G, {0}, {0}) and a probe (B, G, modes, {0}, {0}), found {1} and {2}",
            side, shape_of(input.amplitude), shape_of(input.probe));
    at::Tensor known;
    at::Tensor channels;
    {
        const c10::NoGradGuard no_gradient;
        const auto amplitude = input.amplitude.reshape({-1, side, side});
        const auto probe = input.probe.reshape({-1, input.probe.size(2), side, side});
        known = estimate(amplitude, probe);
        const auto difference = options_.input_gain * (known - 1);
        channels = at::stack(
            {at::real(difference), at::imag(difference), relative_intensity(probe), at::log1p(amplitude * input.scale)},
            1);
    }
    const auto change = residual(channels.contiguous(at::MemoryFormat::ChannelsLast));
    return (known + at::complex(change.select(1, 0), change.select(1, 1))).view(shape);
}

} // namespace ptk::generators
