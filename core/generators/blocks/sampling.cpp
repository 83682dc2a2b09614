#include "generators/blocks/sampling.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

namespace ptk::generators {

namespace {

constexpr std::int64_t no_padding = 0; // not the literal, which is a null pointer to an overload of conv2d()

} // namespace

StrideDownsampler::StrideDownsampler(std::int64_t in, std::int64_t out, at::Generator random)
    : conv_(in, out, 2, random)
{
    add_child("conv", conv_);
}

MeanDownsampler::MeanDownsampler(std::int64_t in, std::int64_t out, at::Generator random) : proj_(in, out, 1, random)
{
    add_child("proj", proj_);
}

at::Tensor MeanDownsampler::operator()(const at::Tensor& x) const
{
    return proj_(at::avg_pool2d(x, 2));
}

BlurDownsampler::BlurDownsampler(std::int64_t in, std::int64_t out, at::Generator random)
    : blur_kernel_((at::tensor({1.F, 2.F, 1.F, 2.F, 4.F, 2.F, 1.F, 2.F, 1.F}) / 16).view({1, 1, 3, 3})),
      proj_(in, out, 1, random)
{
    add_buffer("blur_kernel", blur_kernel_);
    add_child("proj", proj_);
}

at::Tensor BlurDownsampler::operator()(const at::Tensor& x) const
{
    const auto channels = x.size(1);
    const auto kernel = blur_kernel_.expand({channels, 1, 3, 3});
    return proj_(at::conv2d(at::reflection_pad2d(x, {1, 1, 1, 1}), kernel, {}, 2, no_padding, 1, channels));
}

std::unique_ptr<Downsampler> downsampler_by_name(const std::string& name, std::int64_t in, std::int64_t out,
                                                 at::Generator random)
{
    if (name == "avgpool_conv")
        return std::make_unique<MeanDownsampler>(in, out, std::move(random));
    if (name == "blurpool_conv")
        return std::make_unique<BlurDownsampler>(in, out, std::move(random));
    return std::make_unique<StrideDownsampler>(in, out, std::move(random));
}

CycleGanUpsampler::CycleGanUpsampler(std::int64_t in, std::int64_t out, at::Generator random)
    : conv_(in, out, 2, random, 1), norm_(out)
{
    add_child("block.0", conv_);
    add_child("block.1", norm_);
}

at::Tensor CycleGanUpsampler::operator()(const at::Tensor& x) const
{
    return activate(norm_(conv_(x)), Activation::Gelu);
}

BilinearUpsampler::BilinearUpsampler(std::int64_t in, std::int64_t out, at::Generator random)
    : proj_(in, out, 1, random)
{
    add_child("proj", proj_);
}

at::Tensor BilinearUpsampler::operator()(const at::Tensor& x) const
{
    return proj_(resized(x, 2 * x.size(2), 2 * x.size(3)));
}

at::Tensor resized(const at::Tensor& x, std::int64_t height, std::int64_t width)
{
    return at::upsample_bilinear2d(x, at::IntArrayRef({height, width}), /*align_corners=*/false);
}

} // namespace ptk::generators
