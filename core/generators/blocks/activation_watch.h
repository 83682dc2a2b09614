#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace ptk::generators {

/// Sees what activations of the networks that run in this thread do while it lives: rectified units, and heads and
/// borders of patches at the ends of their range. Only the innermost one sees.
class ActivationWatch {
public:
    /// The units of one rectified layer.
    struct Layer {
        at::Tensor weight;  ///< the layer's own tensor, by which it is known
        at::Tensor largest; ///< (out), largest value of each unit so far
    };
    struct Share {
        double saturated = 0;
        double values = 0;
    };

    ActivationWatch();
    ~ActivationWatch();
    ActivationWatch(const ActivationWatch&) = delete;
    ActivationWatch& operator=(const ActivationWatch&) = delete;

    const std::vector<Layer>& layers() const noexcept { return layers_; }
    const std::map<std::string, Share>& shares() const noexcept { return shares_; }

    /// Called by the layers; nothing is done when nobody watches.
    /// @param y  (B, out, H, W) after the rectification
    static void units(const at::Tensor& weight, const at::Tensor& y);
    /// @param limits  the activation at minus and plus infinity; without two finite ones it has no ends
    /// @param y       after the activation; saturated is what lies within a thousandth of the range of an end
    static void ends(const char* name, const at::Tensor& limits, const at::Tensor& y);
    /// @param x  before SiLU; saturated is what lies below -6, where its slope is a hundredth
    static void silu(const char* name, const at::Tensor& x);
    static bool active() noexcept;

private:
    void add(const char* name, const at::Tensor& saturated);

    ActivationWatch* outer_;
    std::vector<Layer> layers_;
    std::map<std::string, Share> shares_;
};

} // namespace ptk::generators
