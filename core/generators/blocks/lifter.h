#pragma once
#include "config/config.h"
#include "generators/blocks/layers.h"

namespace ptk::generators {

/// What is done to the scaled amplitudes before the first layer: nothing; the square root or log(1 + x) of what is not
/// negative, which both bring the bright centre and the dim rim of a frame closer together; or each frame with mean 0
/// and variance 1 (epsilon 1e-6).
enum class InputTransform { None, SquareRoot, Log1p, InstanceNorm };
/// As option generator.input_transform says: none, sqrt, log1p or instancenorm.
InputTransform input_transform_of(const config::Settings& settings);
at::Tensor transformed(const at::Tensor& x, InputTransform transform);

/// From frames to features: input transform, 3 x 3 convolution, GELU, 3 x 3 convolution. (B, in, H, W) -> (B, out, H,
/// W)
class SpatialLifter : public Module {
public:
    SpatialLifter(std::int64_t in, std::int64_t out, InputTransform transform, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    InputTransform transform_;
    Conv2d conv1_;
    Conv2d conv2_;
};

} // namespace ptk::generators
