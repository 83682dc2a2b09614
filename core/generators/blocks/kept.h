#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace ptk::generators {

/// What a layer makes of its weights for predictions, kept from one to the next for as long as the weights stay what
/// they are. Threads may share it.
template <class Made> class Kept {
public:
    Kept() = default;
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

    /// make(), or what it returned the last time: for the same @p sizes of the same tensor with unchanged contents.
    /// Whoever computes with the last one may go on when it is replaced.
    template <class Make> Made of(const at::Tensor& weights, at::IntArrayRef sizes, Make&& make)
    {
        if (weights.is_inference()) // whose changes are not counted
            return make();
        const std::lock_guard lock(mutex_);
        if (weights_.is_same(weights) && data_ == weights.const_data_ptr() && version_ == weights._version() &&
            sizes_ == sizes)
            return made_;
        made_ = make();
        weights_ = weights;
        data_ = weights.const_data_ptr();
        version_ = weights._version();
        sizes_ = sizes.vec();
        return made_;
    }

private:
    std::mutex mutex_;
    at::Tensor weights_;
    const void* data_ = nullptr;
    std::int64_t version_ = 0;
    std::vector<std::int64_t> sizes_;
    Made made_;
};

} // namespace ptk::generators
