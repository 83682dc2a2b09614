#include "training/sums.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/lgamma.h>
#include <ATen/ops/xlogy.h>

#include <cstdint>
#include <vector>

namespace ptk::training {

at::Tensor sum_of_each(const at::Tensor& values)
{
    return values.reshape({values.size(0), -1}).sum(1, /*keepdim=*/false, at::kDouble);
}

at::Tensor poisson_of_pixels(const at::Tensor& rate, const at::Tensor& counts, double smallest)
{
    const auto expected = rate.clamp_min(smallest);
    return expected - at::xlogy(counts, expected) + at::lgamma(counts + 1);
}

at::Tensor norm_match(const at::Tensor& intensity, const at::Tensor& amplitude)
{
    constexpr double added_to_power = 1e-8; // the reference's
    std::vector<std::int64_t> shape(static_cast<std::size_t>(intensity.dim()), 1);
    shape[0] = intensity.size(0);
    const auto power = sum_of_each(intensity) + added_to_power;
    return (sum_of_each(amplitude.square()) / power).sqrt().to(intensity.scalar_type()).view(shape);
}

} // namespace ptk::training
