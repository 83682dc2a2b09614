#include "evaluation/ptychopinn_scores.h"

#include "base/error.h"
#include "base/shape.h"
#include "evaluation/images.h"
#include "evaluation/metrics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace ptk::evaluation {

namespace {

constexpr double peak = 255; ///< OpenCV's default, which the reference leaves as it is
constexpr std::int64_t window = 7;
constexpr double gaussian_reach = 4; ///< standard deviations, rounded to whole samples
constexpr std::array<double, 5> scale_weights{0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

double range_of(const at::Tensor& image)
{
    return (image.max() - image.min()).item<double>();
}

/// Smoothed along an axis; beyond the ends the signal is mirrored about them (d c b a | a b c d | d c b a).
at::Tensor smoothed(const at::Tensor& values, std::int64_t axis, double sigma)
{
    const auto radius = static_cast<std::int64_t>(gaussian_reach * sigma + 0.5);
    if (sigma == 0 || radius == 0)
        return values;
    const auto length = values.size(axis);
    const auto place = at::arange(length, at::kLong);
    auto sum = at::zeros_like(values);
    double total = 0;
    for (std::int64_t shift = -radius; shift <= radius; ++shift) {
        const double weight = std::exp(-0.5 * static_cast<double>(shift * shift) / (sigma * sigma));
        const auto turned = (place + shift).remainder(2 * length);
        const auto mirrored = at::minimum(turned, 2 * length - 1 - turned);
        sum = sum + weight * values.index_select(axis, mirrored);
        total += weight;
    }
    return sum / total;
}

/// Rows (x, y, 1) of all pixels times the roots of the weights, (H W, 3), with x and y along these axes.
at::Tensor plane_rows(const at::Tensor& x, const at::Tensor& y)
{
    const auto across = x.unsqueeze(0).expand({y.size(0), x.size(0)}).reshape({-1});
    const auto down = y.unsqueeze(1).expand({y.size(0), x.size(0)}).reshape({-1});
    return at::stack({across, down, at::ones_like(across)}, 1);
}

/// The values of the best plane through @p values, by normal equations.
at::Tensor fitted_plane(const at::Tensor& values, const at::Tensor& weights, const at::Tensor& rows)
{
    const auto weighted = rows * weights.reshape({-1, 1});
    const auto plane = at::linalg_solve(weighted.t().matmul(rows), weighted.t().mv(values.reshape({-1})));
    return rows.mv(plane).view(values.sizes());
}

at::Tensor centred_square(const at::Tensor& image)
{
    const auto height = image.size(0), width = image.size(1), side = std::min(height, width);
    return image.narrow(0, (height - side) / 2, side).narrow(1, (width - side) / 2, side);
}

std::vector<double> ring_curve(const at::Tensor& image, const at::Tensor& reference, double sigma)
{
    const auto sums = ring_sums(centred_square(reference).contiguous(), centred_square(image).contiguous());
    auto curve = at::empty({static_cast<std::int64_t>(sums.size())}, at::kDouble);
    std::transform(sums.begin(), sums.end(), curve.mutable_data_ptr<double>(), [](auto z) { return std::abs(z); });
    const auto smooth = smoothed(curve, 0, sigma).contiguous();
    return {smooth.const_data_ptr<double>(), smooth.const_data_ptr<double>() + smooth.numel()};
}

/// The ring, between rings, where the curve first falls below: 0 when it begins there, their number when it never does.
double ring_below(const std::vector<double>& curve, double threshold)
{
    const auto below = std::find_if(curve.begin(), curve.end(), [&](double value) { return value < threshold; });
    if (below == curve.end())
        return static_cast<double>(curve.size());
    if (below == curve.begin())
        return 0;
    const double before = *(below - 1);
    return static_cast<double>(below - curve.begin() - 1) + (before - threshold) / (before - *below);
}

at::Tensor aligned(const at::Tensor& phase, PtychoPinnEvaluation::PhaseAlign how)
{
    return how == PtychoPinnEvaluation::PhaseAlign::Plane ? without_plane(phase) : phase - phase.mean();
}

/// Everything of one pair of images into place @p i of the scores.
void score(PtychoPinnScores& scores, std::size_t i, const at::Tensor& image, const at::Tensor& reference,
           double frc_sigma)
{
    scores.mae[i] = mean_absolute_error(image, reference, {});
    scores.mse[i] = (image - reference).square().mean().item<double>();
    scores.psnr[i] = psnr(image, reference, {}, peak);
    auto& curve = i == 0 ? scores.frc_amplitude : scores.frc_phase;
    curve = ring_curve(image, reference, frc_sigma);
    scores.frc_half[i] = ring_below(curve, 0.5);
    scores.frc_seventh[i] = ring_below(curve, 1.0 / 7);
}

/// skimage asks for a range; of constant images everything is equal or nothing is.
double ssim_or_nan(const at::Tensor& image, const at::Tensor& reference, double range)
{
    return range > 0 ? ssim(image, reference, {}, range) : std::numeric_limits<double>::quiet_NaN();
}

} // namespace

PtychoPinnScores ptychopinn_scores(const at::Tensor& object, const at::Tensor& reference,
                                   const PtychoPinnEvaluation& options)
{
    require_same_shape(as_complex(object, "object"), as_complex(reference, "reference"));
    // Amplitude and phase in the images' own precision, as there: the last rings of a curve show it.
    const auto image = object.cpu().resolve_conj(), truth = reference.cpu().resolve_conj();
    const auto least = 2 * options.trim + window + 1;
    require(options.trim >= 0 && image.size(0) >= least && image.size(1) >= least, Status::Shape,
            "PtychoPINN's scores: images of {}; expected at least {} pixels a side", base::shape_of(image), least);
    const auto trimmed = [&](const at::Tensor& whole) {
        return whole.narrow(0, options.trim, whole.size(0) - 2 * options.trim)
            .narrow(1, options.trim, whole.size(1) - 2 * options.trim)
            .to(at::kDouble)
            .contiguous();
    };
    const auto true_amplitude = trimmed(truth.abs());
    const auto raw_amplitude = trimmed(image.abs());
    const auto amplitude = raw_amplitude * (true_amplitude.mean() / raw_amplitude.mean());
    const auto true_phase = aligned(trimmed(truth.angle()), options.phase_align),
               phase = aligned(trimmed(image.angle()), options.phase_align);
    const auto as_fraction = [](const at::Tensor& angle) {
        return (angle + std::numbers::pi) / (2 * std::numbers::pi);
    };
    PtychoPinnScores scores{};
    score(scores, 0, amplitude, true_amplitude, options.frc_sigma);
    score(scores, 1, phase, true_phase, options.frc_sigma);
    scores.ssim = {ssim_or_nan(amplitude, true_amplitude, range_of(true_amplitude)),
                   ssim_or_nan(as_fraction(phase), as_fraction(true_phase), 1)};
    scores.ms_ssim = {multi_scale_ssim(amplitude, true_amplitude, options.ms_ssim_sigma),
                      multi_scale_ssim(as_fraction(phase), as_fraction(true_phase), 0)};
    return scores;
}

config::Json to_json(const PtychoPinnScores& scores)
{
    const auto pair = [](const std::array<double, 2>& values) {
        return config::Json{{"amplitude", values[0]}, {"phase", values[1]}};
    };
    return {{"mae", pair(scores.mae)},
            {"mse", pair(scores.mse)},
            {"psnr", pair(scores.psnr)},
            {"ssim", pair(scores.ssim)},
            {"ms_ssim", pair(scores.ms_ssim)},
            {"frc50", pair(scores.frc_half)},
            {"frc1over7", pair(scores.frc_seventh)},
            {"frc", {{"amplitude", scores.frc_amplitude}, {"phase", scores.frc_phase}}}};
}

double multi_scale_ssim(const at::Tensor& image, const at::Tensor& reference, double sigma, std::int64_t levels)
{
    require(levels >= 1 && levels <= static_cast<std::int64_t>(scale_weights.size()), Status::InvalidArgument,
            "multi-scale SSIM: {} levels; expected 1 to {}", levels, scale_weights.size());
    auto a = as_real(image, "image"), b = as_real(reference, "reference");
    require_same_shape(a, b);
    a = smoothed(smoothed(a, 0, sigma), 1, sigma);
    b = smoothed(smoothed(b, 0, sigma), 1, sigma);
    const double range = std::max(range_of(a), range_of(b));
    double product = 1;
    for (std::int64_t level = 0; level < levels && std::min(a.size(0), a.size(1)) >= window; ++level) {
        const double similarity = ssim_or_nan(a.contiguous(), b.contiguous(), range);
        const double counted = std::isnan(similarity) ? 0 : similarity < 0 ? 1e-4 : similarity;
        product *= std::pow(counted, scale_weights[static_cast<std::size_t>(level)]);
        a = a.slice(0, 0, c10::nullopt, 2).slice(1, 0, c10::nullopt, 2);
        b = b.slice(0, 0, c10::nullopt, 2).slice(1, 0, c10::nullopt, 2);
    }
    return product;
}

at::Tensor without_plane(const at::Tensor& image)
{
    const auto values = as_real(image, "image");
    const auto rows = plane_rows(at::arange(values.size(1), at::kDouble), at::arange(values.size(0), at::kDouble));
    return values - fitted_plane(values, at::ones_like(values), rows);
}

at::Tensor phase_plane_matched(const at::Tensor& image, const at::Tensor& other, bool weighted)
{
    const auto values = as_complex(image, "image");
    auto turn = values.angle(), weights = values.abs();
    if (other.defined()) {
        const auto second = as_complex(other, "reference");
        require_same_shape(values, second);
        turn = (values * second.conj()).angle();
        weights = weights * second.abs();
    }
    if (!weighted)
        weights = at::ones_like(weights);
    const auto axis = [](std::int64_t length) { return at::linspace(-0.5, 0.5, length, at::kDouble); };
    const auto plane = fitted_plane(turn, weights, plane_rows(axis(values.size(1)), axis(values.size(0))));
    return values * at::polar(at::ones_like(plane), -plane);
}

at::Tensor tapered(const at::Tensor& image, std::int64_t pixels)
{
    const auto values = as_complex(image, "image");
    const auto profile = [&](std::int64_t length) {
        const double edge = static_cast<double>(pixels) * static_cast<double>(length - 1) / static_cast<double>(length);
        const auto place = at::arange(length, at::kDouble);
        const auto distance = at::minimum(place, static_cast<double>(length - 1) - place);
        if (edge <= 0)
            return at::ones_like(place);
        return 0.5 * (1 - (std::numbers::pi * (distance / edge).clamp_max(1)).cos());
    };
    return values * at::outer(profile(values.size(0)), profile(values.size(1)));
}

} // namespace ptk::evaluation
