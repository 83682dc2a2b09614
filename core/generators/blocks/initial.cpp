#include "generators/blocks/initial.h"

#include "base/shape.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace ptk::generators {

namespace {

constexpr double most_weights = 1 << 30;

thread_local bool shapes_only = false;

at::Tensor zeros(at::IntArrayRef shape, at::ScalarType type)
{
    double count = 1;
    for (const auto length : shape)
        count *= static_cast<double>(length);
    require(count <= most_weights, Status::InvalidConfig,
            "a layer of shape {} would have {:.3g} weights, more than {:.3g}; make the network narrower (width, modes, "
            "blocks)",
            base::shape_text(shape), count, most_weights);
    return at::zeros(shape, at::TensorOptions(type).device(shapes_only ? at::kMeta : at::kCPU));
}

} // namespace

ShapesOnly::ShapesOnly() noexcept : outer_(shapes_only)
{
    shapes_only = true;
}

ShapesOnly::~ShapesOnly()
{
    shapes_only = outer_;
}

at::Tensor uniform_weights(at::IntArrayRef shape, std::int64_t fan_in, const at::Generator& random)
{
    auto weights = zeros(shape, at::kFloat);
    // A layer without inputs (a gate of fewer than 16 channels in PtychoPINN's cnn) draws nothing.
    const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
    return random.defined() && weights.numel() > 0 ? weights.uniform_(-bound, bound, random) : weights;
}

at::Tensor normal_weights(at::IntArrayRef shape, double deviation, const at::Generator& random)
{
    auto weights = zeros(shape, at::kFloat);
    return random.defined() ? weights.normal_(0, deviation, random) : weights;
}

at::Tensor complex_normal_weights(at::IntArrayRef shape, double deviation, const at::Generator& random)
{
    auto weights = zeros(shape, at::kComplexFloat);
    return random.defined() ? weights.normal_(0, deviation, random) : weights;
}

at::Tensor scalar_weight(double value)
{
    return at::scalar_tensor(value, at::kFloat);
}

} // namespace ptk::generators
