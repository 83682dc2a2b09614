#include "generators/blocks/conv_blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace ptk::generators {

ConvBlock::ConvBlock(std::int64_t in, std::int64_t out, bool batch_norm, at::Generator random)
    : conv1_(in, out, 3, random), conv2_(out, out, 3, random)
{
    add_child("conv1", conv1_);
    add_child("conv2", conv2_);
    if (!batch_norm)
        return;
    add_child("bn1", bn1_.emplace(out));
    add_child("bn2", bn2_.emplace(out));
}

at::Tensor ConvBlock::convolve(const at::Tensor& x, bool doubled)
{
    const auto first = [&](Activation activation) {
        return doubled ? conv1_.doubled(x, activation) : conv1_(x, activation);
    };
    if (!bn1_)
        return conv2_(first(Activation::Relu), Activation::Relu);
    const auto y = conv1_.rectified(at::relu((*bn1_)(first(Activation::None))));
    return conv2_.rectified(at::relu((*bn2_)(conv2_(y))));
}

ConvPoolBlock::ConvPoolBlock(std::int64_t in, std::int64_t out, bool batch_norm, EncoderAttention attention,
                             at::Generator random)
    : ConvBlock(in, out, batch_norm, random)
{
    if (attention == EncoderAttention::Cbam)
        add_child("attention", cbam_.emplace(out, random));
    if (attention == EncoderAttention::UnusedEca)
        add_child("attention", unused_.emplace(random));
}

at::Tensor ConvPoolBlock::operator()(const at::Tensor& x)
{
    const auto y = convolve(x);
    return cbam_ ? cbam_->pooled(y) : at::max_pool2d(y, 2);
}

at::Tensor ConvUpBlock::operator()(const at::Tensor& x)
{
    const auto y = convolve(x);
    return at::upsample_nearest2d(y, {2 * y.size(2), 2 * y.size(3)});
}

RefinementBlock::RefinementBlock(std::int64_t channels, std::int64_t expansion, at::Generator random)
    : first_(channels, channels * expansion, 3, random), second_(channels * expansion, channels * expansion, 3, random),
      third_(channels * expansion, channels, 3, random)
{
    add_child("block.0", first_);
    add_child("block.2", second_);
    add_child("block.4", third_);
}

at::Tensor RefinementBlock::operator()(const at::Tensor& x) const
{
    return third_.rectified(at::relu(x + third_(second_(first_(x, Activation::Relu), Activation::Relu))));
}

ResidualPair::ResidualPair(std::int64_t channels, at::Generator random, Start start)
    : conv1_(channels, channels, 3, random), conv2_(channels, channels, 3, random)
{
    if (start == Start::Identity)
        conv2_.set_zero();
    add_child("conv1", conv1_);
    add_child("conv2", conv2_);
}

at::Tensor ResidualPair::operator()(const at::Tensor& x) const
{
    return x + conv2_(conv1_(x, Activation::Gelu));
}

} // namespace ptk::generators
