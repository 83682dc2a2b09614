#include "evaluation/metrics.h"

#include "base/error.h"
#include "base/shape.h"
#include "evaluation/images.h"
#include "evaluation/registration.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/angle.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace ptk::evaluation {

namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// Two images of one shape and a mask of that shape.
struct Planes {
    at::Tensor image;
    at::Tensor reference;
    at::Tensor mask;
};

Planes complex_planes(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask)
{
    Planes planes{as_complex(image, "image"), as_complex(reference, "reference"), {}};
    require_same_shape(planes.image, planes.reference);
    planes.mask = as_mask(mask, planes.image);
    return planes;
}

Planes real_planes(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask)
{
    Planes planes{as_real(image, "image"), as_real(reference, "reference"), {}};
    require_same_shape(planes.image, planes.reference);
    planes.mask = as_mask(mask, planes.image);
    return planes;
}

double mean_square(const at::Tensor& values)
{
    return values.abs().square().mean().item<double>();
}

/// max - min inside the mask.
double range_of(const at::Tensor& image, const at::Tensor& mask)
{
    const auto values = image.masked_select(mask);
    return (values.max() - values.min()).item<double>();
}

constexpr std::int64_t window = 7;

/// Mean over each 7 x 7 window inside the image, one axis after the other.
at::Tensor window_mean(const at::Tensor& image)
{
    const auto plane = image.unsqueeze(0).unsqueeze(0);
    return at::avg_pool2d(at::avg_pool2d(plane, {window, 1}, {1, 1}), {1, window}, {1, 1}).squeeze(0).squeeze(0);
}

/// A quarter of the axis falls off as a cosine, half of it at each end.
at::Tensor tukey(std::int64_t length)
{
    constexpr double taper = 0.5;
    auto result = at::ones({length}, at::kDouble);
    double* values = result.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < length; ++i) {
        const double from_end =
            static_cast<double>(std::min(i, length - 1 - i)) / (0.5 * taper * static_cast<double>(length - 1));
        if (from_end < 1)
            values[i] = 0.5 - 0.5 * std::cos(std::numbers::pi * from_end);
    }
    return result;
}

void require_squares(const at::Tensor& a, const at::Tensor& b, std::int64_t least)
{
    require_same_shape(a, b);
    require(a.size(0) == a.size(1) && a.size(0) >= least, Status::Shape,
            "ring correlation: shape ({}, {}), expected a square of at least {}", a.size(0), a.size(1), least);
}

/// The largest square at the centre of a box.
Box square_in(const Box& box)
{
    const std::int64_t side = std::min(box.height, box.width);
    return {box.top + (box.height - side) / 2, box.left + (box.width - side) / 2, side, side};
}

void score_amplitude(const Planes& planes, Scores& scores)
{
    const auto image = planes.image.abs(), reference = planes.reference.abs();
    scores.amplitude_mae = mean_absolute_error(image, reference, planes.mask);
    scores.amplitude_range = range_of(reference, planes.mask);
    const bool varies = scores.amplitude_range > 0;
    scores.amplitude_psnr = varies ? psnr(image, reference, planes.mask, scores.amplitude_range) : undefined;
    scores.amplitude_ssim = varies ? ssim(image, reference, planes.mask, scores.amplitude_range) : undefined;
}

void score_phase(const Planes& planes, Scores& scores)
{
    const auto mean = planes.reference.masked_select(planes.mask).mean();
    const auto reference = (planes.reference * mean.conj()).angle();
    // A pixel of nothing has no phase; taking the reference's would reward it.
    const auto image = at::where(planes.image.eq(0), at::zeros_like(reference),
                                 reference + (planes.image * planes.reference.conj()).angle());
    scores.phase_mae = mean_absolute_error(image, reference, planes.mask);
    scores.phase_range = range_of(reference, planes.mask);
    const bool varies = scores.phase_range > 0;
    scores.phase_psnr = varies ? psnr(image, reference, planes.mask, scores.phase_range) : undefined;
    scores.phase_ssim = varies ? ssim(image, reference, planes.mask, scores.phase_range) : undefined;
}

struct Point {
    double x, y;
};

std::vector<Point> points_of(const at::Tensor& positions)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(0) > 0 && positions.size(1) == 2,
            Status::Shape, "positions: shape {}, expected (n, 2) with n > 0", base::shape_of(positions));
    const auto values = positions.detach().to(at::kCPU, at::kDouble).contiguous();
    const double* data = values.const_data_ptr<double>();
    std::vector<Point> points;
    for (std::int64_t i = 0; i < values.size(0); ++i) {
        points.push_back({data[2 * i], data[2 * i + 1]});
        require(std::isfinite(points.back().x) && std::isfinite(points.back().y), Status::InvalidArgument,
                "positions: position {} is ({}, {})", i, points.back().x, points.back().y);
    }
    return points;
}

/// Twice the signed area of a triangle: > 0 when o, a, b turn left.
double turn(const Point& o, const Point& a, const Point& b)
{
    return (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
}

/// Corners in order; one or two points for a hull without area.
std::vector<Point> convex_hull(std::vector<Point> points)
{
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
    std::vector<Point> hull;
    const auto extend = [&hull](const Point& point, std::size_t keep) {
        while (hull.size() >= keep + 2 && turn(hull[hull.size() - 2], hull.back(), point) <= 0)
            hull.pop_back();
        hull.push_back(point);
    };
    for (const Point& point : points)
        extend(point, 0);
    const std::size_t lower = hull.size() - 1;
    for (auto point = points.rbegin(); point != points.rend(); ++point)
        extend(*point, lower);
    return hull;
}

/// The part of the line at @p y that a convex polygon covers; low > high when none.
struct Span {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void include(double x)
    {
        low = std::min(low, x);
        high = std::max(high, x);
    }
};

/// Positions come from sums in floating point; a pixel on the hull but for rounding belongs to it.
constexpr double slack = 1e-9;

Span span_at(const std::vector<Point>& hull, double y)
{
    const auto [first, last] =
        std::minmax_element(hull.begin(), hull.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
    if (y >= first->y - slack && y <= last->y + slack)
        y = std::clamp(y, first->y, last->y);
    Span span;
    for (std::size_t i = 0; i < hull.size(); ++i) {
        const Point& a = hull[i];
        const Point& b = hull[(i + 1) % hull.size()];
        if (y < std::min(a.y, b.y) || y > std::max(a.y, b.y))
            continue;
        if (a.y == b.y) {
            span.include(a.x);
            span.include(b.x);
        } else {
            span.include(a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y)));
        }
    }
    return span;
}

} // namespace

double mean_absolute_error(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask)
{
    at::NoGradGuard no_grad;
    const auto planes = complex_planes(image, reference, mask);
    return (planes.image - planes.reference).abs().masked_select(planes.mask).mean().item<double>();
}

double psnr(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double peak)
{
    at::NoGradGuard no_grad;
    require(std::isfinite(peak) && peak > 0, Status::InvalidArgument, "psnr: peak {}, expected a positive number",
            peak);
    const auto planes = real_planes(image, reference, mask);
    return 10 * std::log10(peak * peak / mean_square((planes.image - planes.reference).masked_select(planes.mask)));
}

double normalised_rmse(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask)
{
    at::NoGradGuard no_grad;
    const auto planes = complex_planes(object, reference, mask);
    const auto truth = planes.reference.masked_select(planes.mask);
    const double spread = mean_square(truth - truth.mean());
    return spread > 0 ? std::sqrt(mean_square(planes.image.masked_select(planes.mask) - truth) / spread) : undefined;
}

double ssim(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double range)
{
    at::NoGradGuard no_grad;
    require(std::isfinite(range) && range > 0, Status::InvalidArgument, "ssim: range {}, expected a positive number",
            range);
    const auto planes = real_planes(image, reference, mask);
    require(planes.image.size(0) >= window && planes.image.size(1) >= window, Status::Shape,
            "ssim: shape ({}, {}), expected at least {} x {}", planes.image.size(0), planes.image.size(1), window,
            window);
    // The mean of a window of ones is 1 but for rounding; one pixel outside makes it 48/49.
    const auto whole = window_mean(planes.mask.to(at::kDouble)).gt(0.99);
    require(whole.any().item<bool>(), Status::Shape, "ssim: the mask holds no window of {0} x {0} pixels", window);

    const auto x = planes.image, y = planes.reference;
    const auto mean_x = window_mean(x), mean_y = window_mean(y);
    const double sample = static_cast<double>(window * window) / (window * window - 1);
    const auto variance_x = (window_mean(x * x) - mean_x * mean_x) * sample;
    const auto variance_y = (window_mean(y * y) - mean_y * mean_y) * sample;
    const auto covariance = (window_mean(x * y) - mean_x * mean_y) * sample;
    const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
    const auto similarity = (mean_x * mean_y * 2 + c1) * (covariance * 2 + c2) /
                            ((mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2));
    return similarity.masked_select(whole).mean().item<double>();
}

std::vector<std::complex<double>> ring_sums(const at::Tensor& a, const at::Tensor& b)
{
    at::NoGradGuard no_grad;
    const auto image_a = as_complex(a, "a"), image_b = as_complex(b, "b");
    require_squares(image_a, image_b, 1);
    const auto spectrum_a = at::fft_fft2(image_a).contiguous(), spectrum_b = at::fft_fft2(image_b).contiguous();
    const auto* fa = spectrum_a.const_data_ptr<c10::complex<double>>();
    const auto* fb = spectrum_b.const_data_ptr<c10::complex<double>>();

    const std::int64_t side = image_a.size(0);
    const auto signed_index = [side](std::int64_t k) { return static_cast<double>(k < (side + 1) / 2 ? k : k - side); };
    const auto corner = static_cast<double>(side / 2);
    const auto rings = static_cast<std::size_t>(std::nearbyint(std::hypot(corner, corner))) + 1;
    std::vector<std::complex<double>> cross(rings);
    std::vector<double> energy_a(rings), energy_b(rings);
    for (std::int64_t i = 0; i < side * side; ++i) {
        const double radius = std::hypot(signed_index(i / side), signed_index(i % side));
        const auto ring = static_cast<std::size_t>(std::nearbyint(radius));
        cross[ring] += std::complex<double>(fa[i] * std::conj(fb[i]));
        energy_a[ring] += std::norm(fa[i]);
        energy_b[ring] += std::norm(fb[i]);
    }
    for (std::size_t ring = 0; ring < rings; ++ring) {
        const double norm = std::sqrt(energy_a[ring]) * std::sqrt(energy_b[ring]);
        cross[ring] = norm > 0 ? cross[ring] / norm : 0;
    }
    return cross;
}

RingCorrelation ring_correlation(const at::Tensor& a, const at::Tensor& b)
{
    at::NoGradGuard no_grad;
    const auto image_a = as_complex(a, "a"), image_b = as_complex(b, "b");
    require_squares(image_a, image_b, 8);
    const std::int64_t side = image_a.size(0);
    const auto taper = at::outer(tukey(side), tukey(side));
    const auto sums = ring_sums((image_a - image_a.mean()) * taper, (image_b - image_b.mean()) * taper);
    RingCorrelation curve;
    for (std::int64_t ring = 0; ring <= side / 2; ++ring) {
        curve.frequency.push_back(2.0 * static_cast<double>(ring) / static_cast<double>(side));
        curve.correlation.push_back(ring == 0 ? 1 : sums[static_cast<std::size_t>(ring)].real());
    }
    return curve;
}

double crossing(const RingCorrelation& curve, double threshold)
{
    const auto& value = curve.correlation;
    const auto& at = curve.frequency;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] >= threshold)
            continue;
        if (i == 0)
            return at[0];
        return at[i - 1] + (at[i] - at[i - 1]) * (value[i - 1] - threshold) / (value[i - 1] - value[i]);
    }
    return 1;
}

Scores compare(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask)
{
    at::NoGradGuard no_grad;
    const Registration registration = register_object(object, reference, mask);
    const Planes planes{registration.aligned, finite_or_zero(as_complex(reference, "reference")),
                        registration.valid.contiguous()};
    const Box square = square_in(bounding_box(as_mask(planes.mask, planes.image)));

    Scores scores{};
    scores.complex_nrmse = normalised_rmse(planes.image, planes.reference, planes.mask);
    score_amplitude(planes, scores);
    score_phase(planes, scores);
    scores.frc = ring_correlation(crop(planes.image, square), crop(planes.reference, square));
    scores.frc_half = crossing(scores.frc, 0.5);
    scores.shift_x = registration.shift_x;
    scores.shift_y = registration.shift_y;
    return scores;
}

at::Tensor scanned_area(const at::Tensor& positions, std::int64_t height, std::int64_t width, std::int64_t origin_x,
                        std::int64_t origin_y)
{
    require(height > 0 && width > 0, Status::InvalidArgument, "scanned area: {} x {} pixels, expected at least 1 x 1",
            height, width);
    const auto hull = convex_hull(points_of(positions));
    auto area = at::zeros({height, width}, at::kBool);
    bool* pixels = area.mutable_data_ptr<bool>();
    const auto last = static_cast<double>(width - 1), left = static_cast<double>(origin_x);
    for (std::int64_t row = 0; row < height; ++row) {
        const Span span = span_at(hull, static_cast<double>(row + origin_y));
        const double low = std::clamp(std::ceil(span.low - left - slack), 0.0, last + 1);
        const double high = std::clamp(std::floor(span.high - left + slack), -1.0, last);
        for (auto column = static_cast<std::int64_t>(low); column <= static_cast<std::int64_t>(high); ++column)
            pixels[row * width + column] = true;
    }
    return area;
}

} // namespace ptk::evaluation
