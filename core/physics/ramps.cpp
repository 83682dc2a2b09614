#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/fft_fftfreq.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polar.h>

#include <numbers>

namespace ptk::physics {

at::Tensor phasor(const at::Tensor& angle)
{
    return at::polar(at::ones_like(angle), angle);
}

at::Tensor frequencies(std::int64_t side, const at::TensorOptions& options)
{
    return at::fft_fftfreq(side, 1.0, options.dtype(at::kDouble));
}

at::Tensor ramps(const at::Tensor& shifts, const at::Tensor& axis)
{
    return phasor(shifts.unsqueeze(-1) * (axis * (2 * std::numbers::pi)));
}

at::Tensor plane_ramps(const at::Tensor& along)
{
    return along[1].unsqueeze(2) * along[0].unsqueeze(1);
}

} // namespace ptk::physics
