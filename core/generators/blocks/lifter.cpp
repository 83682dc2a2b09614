#include "generators/blocks/lifter.h"

#include <ATen/ops/instance_norm.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/sqrt.h>

namespace ptk::generators {

InputTransform input_transform_by_name(const std::string& name)
{
    if (name == "sqrt")
        return InputTransform::SquareRoot;
    if (name == "log1p")
        return InputTransform::Log1p;
    return name == "instancenorm" ? InputTransform::InstanceNorm : InputTransform::None;
}

at::Tensor transformed(const at::Tensor& x, InputTransform transform)
{
    switch (transform) {
    case InputTransform::SquareRoot:
        return at::sqrt(x.clamp_min(0));
    case InputTransform::Log1p:
        return at::log1p(x.clamp_min(0));
    case InputTransform::InstanceNorm:
        return at::instance_norm(x, {}, {}, {}, {}, true, 0, 1e-6, true);
    case InputTransform::None:
        break;
    }
    return x;
}

SpatialLifter::SpatialLifter(std::int64_t in, std::int64_t out, InputTransform transform, at::Generator random)
    : transform_(transform), conv1_(in, out, 3, random), conv2_(out, out, 3, random)
{
    add_child("conv1", conv1_);
    add_child("conv2", conv2_);
}

at::Tensor SpatialLifter::operator()(const at::Tensor& x) const
{
    return conv2_(conv1_(transformed(x, transform_), Activation::Gelu));
}

} // namespace ptk::generators
