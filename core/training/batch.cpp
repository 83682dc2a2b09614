#include "training/batch.h"

#include <ATen/ops/arange.h>

#include <utility>

namespace ptk::training {

Amplitudes::Amplitudes(const data::Scan& scan, c10::Device device, std::int64_t limit_bytes)
    : frames_(scan.frames), measurement_(scan.measurement), device_(device)
{
    const auto n = scan.size(), frame_bytes = scan.side() * scan.side() * static_cast<std::int64_t>(sizeof(float));
    if (!frames_->on_disk() && n <= limit_bytes / frame_bytes)
        kept_ = gather(at::arange(n, at::kLong));
}

at::Tensor Amplitudes::of(const at::Tensor& frames) const
{
    const auto flat = frames.reshape({-1});
    const auto amplitude = kept_.defined() ? kept_.index_select(0, flat.to(device_)) : gather(flat);
    auto shape = frames.sizes().vec();
    shape.insert(shape.end(), {frames_->side(), frames_->side()});
    return amplitude.view(shape);
}

at::Tensor Amplitudes::gather(const at::Tensor& indices) const
{
    return data::to_amplitude(frames_->gather(indices), measurement_).to(device_, at::kFloat).contiguous();
}

} // namespace ptk::training
