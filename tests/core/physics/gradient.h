#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

namespace ptk::testing {

inline at::Tensor random(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed)
{
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn(shape, generator, at::TensorOptions(type));
}

/// The derivative of a real scalar function along a random direction: autograd against a central difference, in double.
/// The step of 1e-5 leaves an error of about 1e-10 of the third derivative and 1e-11 of the value.
inline void expect_gradient(const std::function<at::Tensor(const at::Tensor&)>& function, const at::Tensor& at_point,
                            const std::string& what, double tolerance = 1e-7)
{
    const auto point = at_point.detach().clone().requires_grad_(true);
    const auto value = function(point);
    ASSERT_EQ(value.numel(), 1) << what;
    value.backward();
    ASSERT_TRUE(point.grad().defined()) << what;
    const auto direction = random(point.sizes(), point.scalar_type(), 4711);
    const auto product = point.grad() * direction.conj();
    const double analytic = (product.is_complex() ? at::real(product) : product).sum().item<double>();
    const double step = 1e-5;
    const at::NoGradGuard no_gradient;
    const double difference =
        (function(at_point + step * direction).item<double>() - function(at_point - step * direction).item<double>()) /
        (2 * step);
    EXPECT_NEAR(analytic, difference, tolerance * std::max(1.0, std::abs(difference))) << what;
    EXPECT_GT(std::abs(difference), 1e-3) << what << ": the direction tells nothing";
}

} // namespace ptk::testing
