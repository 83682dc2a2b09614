#include "physics/rectangular_fit.h"

#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvals.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/real.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

namespace ptk::physics {

namespace {

constexpr double ridge = 1e-9;           ///< of the unconstrained fit, relative to the largest moment
constexpr double smallest_square = 1e-9; ///< added to the square of a direction before it is normalised
constexpr double smallest_scale = 1e-6;  ///< of the solvers that keep both factors positive
constexpr double adam_rate = 0.1;

using Polynomial = std::vector<double>; ///< lowest power first

/// The moments as numbers.
struct Moments {
    std::array<std::array<double, 3>, 3> m{};
    std::array<double, 3> b{};

    explicit Moments(const RectangularMoments& moments)
    {
        const auto matrix = moments.matrix().contiguous(), vector = moments.vector().contiguous();
        for (std::size_t i = 0; i < 3; ++i) {
            b[i] = vector.const_data_ptr<double>()[i];
            for (std::size_t j = 0; j < 3; ++j)
                m[i][j] = matrix.const_data_ptr<double>()[3 * i + j];
        }
    }

    /// c^T M c - 2 b c
    double cost(double s1, double s2) const
    {
        const auto c = coefficients(s1, s2);
        double value = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            value -= 2 * b[i] * c[i];
            for (std::size_t j = 0; j < 3; ++j)
                value += c[i] * m[i][j] * c[j];
        }
        return value;
    }

    std::array<double, 2> gradient(double s1, double s2) const
    {
        const auto c = coefficients(s1, s2);
        std::array<double, 3> r{};
        for (std::size_t i = 0; i < 3; ++i) {
            r[i] = -2 * b[i];
            for (std::size_t j = 0; j < 3; ++j)
                r[i] += 2 * m[i][j] * c[j];
        }
        return {2 * s1 * r[0] + s2 * r[2], 2 * s2 * r[1] + s1 * r[2]};
    }

    static std::array<double, 3> coefficients(double s1, double s2) { return {s1 * s1, s2 * s2, s1 * s2}; }
};

double value_of(const Polynomial& p, double t)
{
    double value = 0;
    for (auto i = p.size(); i-- > 0;)
        value = value * t + p[i];
    return value;
}

Polynomial derivative(const Polynomial& p)
{
    Polynomial d(p.size() > 1 ? p.size() - 1 : 1, 0.0);
    for (std::size_t i = 1; i < p.size(); ++i)
        d[i - 1] = static_cast<double>(i) * p[i];
    return d;
}

void add_product(Polynomial& sum, double factor, const Polynomial& p, const Polynomial& q)
{
    for (std::size_t i = 0; i < p.size(); ++i)
        for (std::size_t j = 0; j < q.size(); ++j)
            sum[i + j] += factor * p[i] * q[j];
}

/// Real roots in [-1, 1], by the companion matrix, each polished by two Newton steps.
std::vector<double> roots_within_one(Polynomial p)
{
    double largest = 0;
    for (const double c : p)
        largest = std::max(largest, std::abs(c));
    while (p.size() > 1 && std::abs(p.back()) <= 1e-14 * largest)
        p.pop_back();
    const auto degree = static_cast<std::int64_t>(p.size()) - 1;
    if (degree < 1)
        return {};
    auto companion = at::zeros({degree, degree}, at::kDouble);
    auto* cell = companion.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < degree; ++i) {
        cell[i * degree + degree - 1] = -p[static_cast<std::size_t>(i)] / p.back();
        if (i > 0)
            cell[i * degree + i - 1] = 1;
    }
    const auto found = at::linalg_eigvals(companion).contiguous();
    const auto slope = derivative(p);
    std::vector<double> roots;
    for (std::int64_t i = 0; i < degree; ++i) {
        const auto z = found.const_data_ptr<c10::complex<double>>()[i];
        if (std::abs(z.imag()) > 1e-6 || std::abs(z.real()) > 1 + 1e-8)
            continue;
        double t = z.real();
        for (int step = 0; step < 2; ++step)
            if (const double d = value_of(slope, t); d != 0)
                t -= value_of(p, t) / d;
        roots.push_back(std::clamp(t, -1.0, 1.0));
    }
    return roots;
}

/// Along (1, t) the best misfit falls by beta^2 / alpha; where it is stationary.
std::vector<double> stationary(const Polynomial& alpha, const Polynomial& beta)
{
    Polynomial condition(6, 0.0);
    add_product(condition, 2, derivative(beta), alpha);
    add_product(condition, -1, beta, derivative(alpha));
    auto places = roots_within_one(condition);
    places.insert(places.end(), {-1.0, 0.0, 1.0});
    return places;
}

/// The best factors along a direction, both 0 when the misfit only rises.
RectangularScales along(const Moments& moments, double s1, double s2)
{
    const double length = std::hypot(s1, s2);
    s1 /= length;
    s2 /= length;
    const auto c = Moments::coefficients(s1, s2);
    double numerator = 0, denominator = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        numerator += moments.b[i] * c[i];
        for (std::size_t j = 0; j < 3; ++j)
            denominator += c[i] * moments.m[i][j] * c[j];
    }
    if (!(numerator > 0) || !(denominator > 0))
        return {0, 0};
    const double root = std::sqrt(numerator / denominator);
    const double sign = s1 < 0 || (s1 == 0 && s2 < 0) ? -1 : 1;
    return {sign * root * s1, sign * root * s2};
}

void require_full_rank(const RectangularMoments& moments)
{
    const bool finite =
        moments.matrix().isfinite().all().item<bool>() && moments.vector().isfinite().all().item<bool>();
    require(finite, Status::NotConverged, "rectangular fit: the moments of the frames are not finite");
    const auto diagonal = at::diag(moments.matrix());
    require(diagonal.min().item<double>() > 0, Status::NotConverged,
            "rectangular fit: the object has no real or no imaginary part, so that one of its factors is undetermined");
    const auto values = at::linalg_svdvals(moments.correlation());
    require(values[2].item<double>() > 1e-13 * values[0].item<double>(), Status::NotConverged,
            "rectangular fit: the moments are singular; real and imaginary part of the object diffract alike");
}

RectangularScales start_of(const Moments& moments)
{
    const auto alone = [&](std::size_t i) {
        return std::sqrt(std::max(moments.b[i] / moments.m[i][i], smallest_scale));
    };
    return {alone(0), alone(1)};
}

} // namespace

RectangularWaves rectangular_waves(const at::Tensor& object, const at::Tensor& probe, const at::Tensor& scale)
{
    require(object.dim() >= 2 && object.is_complex() && probe.dim() >= 3 && probe.is_complex() &&
                probe.size(-1) == object.size(-1) && probe.size(-2) == object.size(-2),
            Status::Shape, "rectangular waves: expected a complex object (..., N, N) and probe (P, N, N), found {}, {}",
            base::shape_of(object), base::shape_of(probe));
    const auto wave = [&](const at::Tensor& part) {
        const auto scaled = scale.defined() ? part * scale : part;
        return at::fft_fftshift(at::fft_fft2(scaled.unsqueeze(-3) * probe, c10::nullopt, {-2, -1}, "ortho"),
                                at::IntArrayRef({-2, -1}));
    };
    return {wave(at::real(object)), wave(at::imag(object)) * c10::complex<double>(0, 1)};
}

RectangularBasis rectangular_basis(const RectangularWaves& waves)
{
    const auto real = at::view_as_real(waves.real.resolve_conj());
    const auto imaginary = at::view_as_real(waves.imaginary.resolve_conj());
    const auto sum = [](const at::Tensor& products) { return products.sum(at::IntArrayRef({-4, -1})); };
    return {sum(real.square()), sum(imaginary.square()), 2 * sum(real * imaginary)};
}

RectangularMoments::RectangularMoments() : matrix_(at::zeros({3, 3}, at::kDouble)), vector_(at::zeros({3}, at::kDouble))
{
}

void RectangularMoments::add(const RectangularBasis& basis, const at::Tensor& intensity, const at::Tensor& weights)
{
    require(basis.x1.sizes().equals(intensity.sizes()), Status::Shape,
            "rectangular fit: the basis has shape {}, the measurement {}; expected the same", base::shape_of(basis.x1),
            base::shape_of(intensity));
    const auto flat = [](const at::Tensor& values) { return values.detach().to(at::kCPU, at::kDouble).reshape({-1}); };
    const auto x = at::stack({flat(basis.x1), flat(basis.x2), flat(basis.x3)}, 1);
    const auto measured = flat(intensity);
    const auto weighted = weights.defined() ? x * flat(weights.expand_as(intensity)).unsqueeze(1) : x;
    matrix_ = matrix_ + weighted.t().matmul(x);
    vector_ = vector_ + weighted.t().mv(measured);
    const auto square = weights.defined() ? measured.square() * flat(weights.expand_as(intensity)) : measured.square();
    power_ += square.sum().item<double>();
    pixels_ += measured.numel();
}

double RectangularMoments::condition() const
{
    const auto values = at::linalg_svdvals(matrix_);
    const double smallest = values[2].item<double>();
    return smallest > 0 ? values[0].item<double>() / smallest : std::numeric_limits<double>::infinity();
}

at::Tensor RectangularMoments::correlation() const
{
    const auto deviation = at::diag(matrix_).sqrt();
    return matrix_ / at::outer(deviation, deviation);
}

RectangularMoments RectangularMoments::swapped() const
{
    auto change = at::zeros({3, 3}, at::kDouble);
    auto* cell = change.mutable_data_ptr<double>();
    cell[1] = cell[3] = 1;
    cell[8] = -1;
    RectangularMoments other = *this;
    other.matrix_ = change.matmul(matrix_).matmul(change);
    other.vector_ = change.mv(vector_);
    return other;
}

double RectangularMoments::misfit(const RectangularScales& scales) const
{
    return (Moments(*this).cost(scales.s1, scales.s2) + power_) /
           static_cast<double>(std::max<std::int64_t>(pixels_, 1));
}

RectangularScales exact_scales(const RectangularMoments& moments)
{
    require_full_rank(moments);
    const Moments of(moments);
    const auto& m = of.m;
    const Polynomial alpha{m[0][0], 2 * m[0][2], m[2][2] + 2 * m[0][1], 2 * m[1][2], m[1][1]};
    const Polynomial beta{of.b[0], of.b[2], of.b[1]};
    const Polynomial reversed_alpha(alpha.rbegin(), alpha.rend()), reversed_beta(beta.rbegin(), beta.rend());
    std::vector<RectangularScales> candidates;
    for (const double t : stationary(alpha, beta))
        candidates.push_back(along(of, 1, t));
    for (const double t : stationary(reversed_alpha, reversed_beta))
        candidates.push_back(along(of, t, 1));
    const auto best = std::min_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
        return of.cost(a.s1, a.s2) < of.cost(b.s1, b.s2);
    });
    require(best->s1 != 0 || best->s2 != 0, Status::NotConverged,
            "rectangular fit: no factors of the object's parts bring the prediction closer to the frames");
    return *best;
}

RectangularScales projected_scales(const RectangularMoments& moments)
{
    const auto& matrix = moments.matrix();
    const auto regular = matrix + ridge * matrix.abs().max() * at::eye(3, matrix.options());
    const auto scales = projected_scales(at::linalg_solve(regular, moments.vector()));
    return {scales[0].item<double>(), scales[1].item<double>()};
}

RectangularScales adam_scales(const RectangularMoments& moments, std::int64_t steps)
{
    const Moments of(moments);
    const auto pixels = static_cast<double>(std::max<std::int64_t>(moments.pixels(), 1));
    const auto start = start_of(of);
    std::array<double, 2> s{start.s1, start.s2}, mean{}, square{};
    for (std::int64_t step = 1; step <= steps; ++step) {
        const auto gradient = of.gradient(s[0], s[1]);
        const auto t = static_cast<double>(step);
        for (std::size_t i = 0; i < 2; ++i) {
            const double g = gradient[i] / pixels;
            mean[i] = 0.9 * mean[i] + 0.1 * g;
            square[i] = 0.999 * square[i] + 0.001 * g * g;
            const double direction =
                mean[i] / (1 - std::pow(0.9, t)) / (std::sqrt(square[i] / (1 - std::pow(0.999, t))) + 1e-8);
            s[i] = std::max(s[i] - adam_rate * direction, smallest_scale);
        }
    }
    return {s[0], s[1]};
}

at::Tensor image_coefficients(const RectangularBasis& basis, const at::Tensor& intensity)
{
    require(basis.x1.sizes().equals(intensity.sizes()), Status::Shape,
            "rectangular fit: the basis has shape {}, the measurement {}; expected the same", base::shape_of(basis.x1),
            base::shape_of(intensity));
    const auto flat = [](const at::Tensor& images) { return images.to(at::kDouble).flatten(-2); };
    const auto x = at::stack({flat(basis.x1), flat(basis.x2), flat(basis.x3)}, -1); // (..., pixels, 3)
    const auto measured = flat(intensity);
    const auto norm = measured.mean(-1, /*keepdim=*/true) + 1e-9;
    const auto lengths = (x.square().sum(-2) + 1e-12).sqrt();
    const auto columns = x / lengths.unsqueeze(-2);
    const auto [values, vectors] = at::linalg_eigh(columns.transpose(-2, -1).matmul(columns));
    const auto right = columns.transpose(-2, -1).matmul((measured / norm).unsqueeze(-1));
    const auto seen = vectors.transpose(-2, -1).matmul(right).squeeze(-1);
    const auto kept = at::where(values > 1e-7, seen / values, at::zeros_like(seen));
    return vectors.matmul(kept.unsqueeze(-1)).squeeze(-1) / lengths * norm;
}

at::Tensor projected_scales(const at::Tensor& coefficients)
{
    require(coefficients.dim() >= 1 && coefficients.size(-1) == 3, Status::Shape,
            "coefficients: expected (..., 3), found {}", base::shape_of(coefficients));
    const auto c1 = coefficients.select(-1, 0), c2 = coefficients.select(-1, 1), c3 = coefficients.select(-1, 2);
    const auto largest = ((c1 + c2) + ((c1 - c2).square() + 4 * c3.square()).sqrt()) / 2;
    // Two forms of the same eigenvector; the longer one is the more exact.
    const auto first = at::stack({c3, largest - c1}, -1), second = at::stack({largest - c2, c3}, -1);
    const auto vector = at::where((c3.abs() > (largest - c1).abs()).unsqueeze(-1), first, second);
    const auto length = (vector.square().sum(-1, /*keepdim=*/true) + smallest_square).sqrt();
    return vector / length * largest.clamp_min(0).sqrt().unsqueeze(-1);
}

at::Tensor scaled_parts(const at::Tensor& object, const RectangularScales& scales)
{
    return at::complex(at::real(object) * scales.s1, at::imag(object) * scales.s2);
}

} // namespace ptk::physics
