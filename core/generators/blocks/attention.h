#pragma once
#include "generators/blocks/gates.h"
#include "generators/blocks/layers.h"

namespace ptk::generators {

// Gates in (0, 1) that multiply features (B, C, H, W); same shape out.

/// One gate a channel from its mean and its maximum, through one two-layer network (C -> C/16 -> C).
/// Source: Woo et al., "CBAM", ECCV 2018, eq. 2.
class ChannelGate : public Module {
public:
    ChannelGate(std::int64_t channels, at::Generator random);
    /// The gates (B, C).
    at::Tensor gate(const ChannelStatistics& statistics) const;

private:
    at::Tensor scores(const at::Tensor& pooled) const;

    Linear reduce_;
    Linear expand_;
};

/// One gate a pixel from the maximum and the mean over the channels, through one convolution. Source: CBAM, eq. 3.
class SpatialGate : public Module {
public:
    SpatialGate(std::int64_t kernel, at::Generator random);
    /// The gates (B, 1, H, W). @param statistics  (B, 2, H, W), see pixel_statistics()
    at::Tensor gate(const at::Tensor& statistics) const;
    at::Tensor operator()(const at::Tensor& x) const;

private:
    Conv2d compress_;
};

/// ChannelGate, then SpatialGate with a 7 x 7 kernel.
class Cbam : public Module {
public:
    Cbam(std::int64_t channels, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;
    /// The maxima over squares of 2 x 2 of what operator() gives, (B, C, H/2, W/2), without making it.
    at::Tensor pooled(const at::Tensor& x) const;

private:
    ChannelGate channel_;
    SpatialGate spatial_;
};

/// One gate a channel from the means of its neighbours in the list of channels. Source: Wang et al., "ECA-Net", CVPR
/// 2020; kernel 3.
class EcaLayer : public Module {
public:
    explicit EcaLayer(at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    Conv1d conv_;
};

/// SpatialGate under the name that PtychoPINN's decoder gives it.
class SpatialAttention : public Module {
public:
    SpatialAttention(std::int64_t kernel, at::Generator random);
    at::Tensor operator()(const at::Tensor& x) const;

private:
    SpatialGate gate_;
};

} // namespace ptk::generators
