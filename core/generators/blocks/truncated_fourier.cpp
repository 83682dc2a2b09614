#include "generators/blocks/truncated_fourier.h"

#include "generators/blocks/flops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/InferenceMode.h>

#include <mutex>
#include <numbers>
#include <tuple>

namespace ptk::generators {

namespace {

enum class Matrix {
    RealForward,
    RealInverse,
    ComplexForward,
    ComplexInverse,
    // Real parts and imaginary parts apart:
    ApartForward,
    ApartInverse,
    PairedForward,
    PairedInverse,
};

/// 2 pi k t / n, rows k, columns t; reduced before it is multiplied, so that it is exact for long signals.
at::Tensor angles(std::int64_t modes, std::int64_t n)
{
    const auto k = at::arange(modes, at::kLong).unsqueeze(1);
    const auto t = at::arange(n, at::kLong).unsqueeze(0);
    return (k * t).remainder(n).to(at::kDouble) * (2 * std::numbers::pi / static_cast<double>(n));
}

/// How often a frequency of a real signal counts: twice, for itself and its negative, but at 0 and n/2.
at::Tensor multiplicity(std::int64_t modes, std::int64_t n)
{
    auto weights = at::full({modes, 1}, 2, at::kDouble);
    weights[0] = 1;
    if (n % 2 == 0 && modes > n / 2)
        weights[n / 2] = 1;
    return weights / n;
}

at::Tensor make(Matrix kind, std::int64_t modes, std::int64_t n)
{
    const auto angle = angles(modes, n);
    switch (kind) {
    case Matrix::RealForward:
        return at::stack({at::cos(angle), -at::sin(angle)}, 1).view({2 * modes, n}).t();
    case Matrix::RealInverse: {
        const auto weights = multiplicity(modes, n);
        return at::stack({weights * at::cos(angle), -weights * at::sin(angle)}, 1).view({2 * modes, n});
    }
    case Matrix::ComplexForward:
        return at::polar(at::ones_like(angle), -angle).t();
    case Matrix::ComplexInverse:
        return at::polar(at::ones_like(angle), angle) / n;
    case Matrix::ApartForward:
        return at::cat({at::cos(angle), -at::sin(angle)}).t();
    case Matrix::ApartInverse: {
        const auto weights = multiplicity(modes, n);
        return at::cat({weights * at::cos(angle), -weights * at::sin(angle)});
    }
    case Matrix::PairedForward: {
        // (a + i b) (cos - i sin), of a signal of pairs (a, b)
        const auto cosine = at::cos(angle), sine = at::sin(angle);
        const auto real = at::stack({cosine, sine}, 2), imaginary = at::stack({-sine, cosine}, 2);
        return at::cat({real, imaginary}).flatten(1).t();
    }
    case Matrix::PairedInverse: {
        // (a + i b) (cos + i sin) / n, to pairs
        const auto cosine = at::cos(angle) / n, sine = at::sin(angle) / n;
        const auto of_real = at::stack({cosine, sine}, 2), of_imaginary = at::stack({-sine, cosine}, 2);
        return at::cat({of_real, of_imaginary}).flatten(1);
    }
    }
    return {};
}

/// The matrix in the type and on the device of @p like. Made outside of inference mode, whose tensors could not take
/// part in a later training.
at::Tensor matrix(Matrix kind, std::int64_t modes, std::int64_t n, at::ScalarType type, c10::Device device)
{
    using Key = std::tuple<Matrix, std::int64_t, std::int64_t, at::ScalarType, c10::DeviceType, c10::DeviceIndex>;
    static std::mutex mutex;
    static std::map<Key, at::Tensor> made;
    const std::lock_guard lock(mutex);
    auto& found = made[{kind, modes, n, type, device.type(), device.index()}];
    if (!found.defined()) {
        const c10::InferenceMode normal(false);
        found = make(kind, modes, n).to(type).contiguous().to(device);
    }
    return found;
}

at::ScalarType complex_of(const at::Tensor& x)
{
    return c10::toComplexType(x.scalar_type());
}

/// @param per_value  multiplications with additions a value of @p x
void count(const at::Tensor& x, std::int64_t per_value)
{
    FlopCount::add(2.0 * static_cast<double>(x.numel()) * static_cast<double>(per_value));
}

} // namespace

at::Tensor low_frequencies(const at::Tensor& x, std::int64_t modes)
{
    count(x, 2 * modes);
    const auto product = at::matmul(x, matrix(Matrix::RealForward, modes, x.size(-1), x.scalar_type(), x.device()));
    auto shape = x.sizes().vec();
    shape.back() = modes;
    shape.push_back(2);
    return at::view_as_complex(product.view(shape));
}

at::Tensor from_low_frequencies(const at::Tensor& spectrum, std::int64_t n)
{
    const auto modes = spectrum.size(-1);
    const auto parts = at::view_as_real(spectrum.contiguous()).flatten(-2);
    count(parts, n);
    return at::matmul(parts, matrix(Matrix::RealInverse, modes, n, parts.scalar_type(), spectrum.device()));
}

at::Tensor low_complex_frequencies(const at::Tensor& x, std::int64_t modes)
{
    count(x, 4 * modes);
    return at::matmul(x, matrix(Matrix::ComplexForward, modes, x.size(-1), complex_of(x), x.device()));
}

at::Tensor from_low_complex_frequencies(const at::Tensor& spectrum, std::int64_t n)
{
    count(spectrum, 4 * n);
    return at::matmul(spectrum,
                      matrix(Matrix::ComplexInverse, spectrum.size(-1), n, complex_of(spectrum), spectrum.device()));
}

at::Tensor real_forward(std::int64_t modes, std::int64_t n)
{
    return matrix(Matrix::ApartForward, modes, n, at::kFloat, c10::kCPU);
}

at::Tensor real_inverse(std::int64_t modes, std::int64_t n)
{
    return matrix(Matrix::ApartInverse, modes, n, at::kFloat, c10::kCPU);
}

at::Tensor paired_forward(std::int64_t modes, std::int64_t n)
{
    return matrix(Matrix::PairedForward, modes, n, at::kFloat, c10::kCPU);
}

at::Tensor paired_inverse(std::int64_t modes, std::int64_t n)
{
    return matrix(Matrix::PairedInverse, modes, n, at::kFloat, c10::kCPU);
}

} // namespace ptk::generators
