#include "training/batch.h"

#include <ATen/ops/arange.h>

namespace ptk::training {

Amplitudes::Amplitudes(const data::Scan& scan, c10::Device device, std::int64_t limit_bytes)
    : side_(scan.side()), device_(device),
      amplitudes_([frames = scan.frames, measurement = scan.measurement](const at::Tensor& indices) {
          return data::to_amplitude(frames->gather(indices), measurement);
      })
{
    const auto n = scan.size(), frame_bytes = side_ * side_ * static_cast<std::int64_t>(sizeof(float));
    if (!scan.frames->on_disk() && n <= limit_bytes / frame_bytes)
        kept_ = amplitudes_.take(at::arange(n, at::kLong)).to(device_, at::kFloat).contiguous();
}

at::Tensor Amplitudes::of(const at::Tensor& frames)
{
    const auto flat = frames.reshape({-1});
    const auto amplitude = kept_.defined() ? kept_.index_select(0, flat.to(device_))
                                           : amplitudes_.take(flat).to(device_, at::kFloat).contiguous();
    auto shape = frames.sizes().vec();
    shape.insert(shape.end(), {side_, side_});
    return amplitude.view(shape);
}

void Amplitudes::expect(const at::Tensor& frames)
{
    if (!kept_.defined())
        amplitudes_.expect(frames.reshape({-1}));
}

} // namespace ptk::training
