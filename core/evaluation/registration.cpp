#include "evaluation/registration.h"

#include "base/error.h"
#include "evaluation/fourier.h"
#include "evaluation/images.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/real.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace ptk::evaluation {

namespace {

using Complex = c10::complex<double>;

/// Shift and ramp of the model: a factor times exp(i (kx x + ky y)) object(x - dx, y - dy).
struct Pose {
    double dx = 0, dy = 0, kx = 0, ky = 0;
};

/// The two images of a registration, checked and in double precision.
struct Pair {
    at::Tensor object;    ///< (H, W) complex128, finite
    at::Tensor reference; ///< the same
    at::Tensor mask;      ///< (H, W) bool; only where the reference was finite
    at::Tensor holes;     ///< (H, W) bool: the object was not finite
    at::Tensor gaps;      ///< (H, W) bool: the reference was not finite
    std::int64_t height() const { return object.size(0); }
    std::int64_t width() const { return object.size(1); }
};

Pair checked(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask)
{
    Pair pair{as_complex(object, "object"), as_complex(reference, "reference"), {}, {}, {}};
    require_same_shape(pair.object, pair.reference);
    pair.holes = at::isfinite(pair.object).logical_not();
    pair.gaps = at::isfinite(pair.reference).logical_not();
    pair.mask = as_mask(mask, pair.object).logical_and(pair.gaps.logical_not()).contiguous();
    require(pair.mask.any().item<bool>(), Status::Shape, "reference: no finite pixel inside the mask");
    pair.object = finite_or_zero(pair.object).contiguous();
    pair.reference = finite_or_zero(pair.reference).contiguous();
    return pair;
}

/// 1 on an axis where a moved image still has pixels, @p margin pixels inside its ends.
at::Tensor reached(std::int64_t length, double shift, double margin)
{
    const auto source = at::arange(length, at::kDouble) - shift;
    // The end pixels themselves reach half a pixel further; rounding of a whole shift must not cut them off.
    const double slack = margin > 0 ? -margin : 1e-3;
    return source.ge(-slack).logical_and(source.le(static_cast<double>(length - 1) + slack)).to(at::kDouble);
}

/// Pixels of the mask for which the moved object has a pixel.
at::Tensor covered(const at::Tensor& mask, double dx, double dy, double margin)
{
    const auto inside = at::outer(reached(mask.size(0), dy, margin), reached(mask.size(1), dx, margin)).gt(0.5);
    return mask.logical_and(inside).contiguous();
}

// ---- start: whole pixels ----

/// Search range of the shift on an axis.
std::int64_t reach_of(std::int64_t length)
{
    return length / 4;
}

/// Cross correlations sum_r a(r) conj(b(r - d)) of planes, for d within the search range, d = 0 at the centre of the
/// result.
class Correlator {
public:
    Correlator(std::int64_t height, std::int64_t width)
        : reach_y_(reach_of(height)), reach_x_(reach_of(width)), rows_(fast_length(height + reach_y_)),
          columns_(fast_length(width + reach_x_))
    {
    }

    at::Tensor transform(const at::Tensor& plane) const
    {
        return at::fft_fft2(at::constant_pad_nd(plane, {0, columns_ - plane.size(1), 0, rows_ - plane.size(0)}));
    }

    at::Tensor correlate(const at::Tensor& a, const at::Tensor& b) const
    {
        const auto all = at::fft_ifft2(a * b.conj()).roll({reach_y_, reach_x_}, {0, 1});
        return all.narrow(0, 0, 2 * reach_y_ + 1).narrow(1, 0, 2 * reach_x_ + 1);
    }

    /// |sum a conj(b_d)|^2 / (sum |a|^2 sum |b_d|^2) over the pixels of @p mask where b_d has some: 1 for a perfect
    /// match.
    /// @param a 0 outside @p mask
    at::Tensor coherence(const at::Tensor& a, const at::Tensor& b, const at::Tensor& mask) const
    {
        const auto energy = [](const at::Tensor& plane) { return (plane * plane.conj()); };
        const auto everywhere = transform(at::ones(b.sizes(), at::kComplexDouble));
        const auto match = correlate(transform(a), transform(b)).abs().square();
        const auto energy_a = at::real(correlate(transform(energy(a)), everywhere));
        const auto energy_b = at::real(correlate(transform(mask.to(at::kComplexDouble)), transform(energy(b))));
        // Where hardly anything overlaps, chance would win.
        const auto floor_a = energy_a.max() * 0.25, floor_b = energy_b.max() * 0.05;
        return match /
               (at::maximum(energy_a, floor_a) * at::maximum(energy_b, floor_b) + std::numeric_limits<double>::min());
    }

    Pose peak(const at::Tensor& map) const
    {
        const std::int64_t index = map.contiguous().argmax().item<std::int64_t>(), width = map.size(1);
        return {.dx = static_cast<double>(index % width - reach_x_),
                .dy = static_cast<double>(index / width - reach_y_)};
    }

private:
    std::int64_t reach_y_, reach_x_, rows_, columns_;
};

/// Product of each pixel with the conjugate of its neighbour on an axis, without its mean over the mask: a phase ramp
/// becomes one factor.
at::Tensor neighbour_product(const at::Tensor& image, std::int64_t axis, const at::Tensor& mask)
{
    const auto product = image * image.roll(-1, axis).conj();
    return product - (product * mask).sum() / mask.sum();
}

Pose shift_from_neighbours(const Pair& pair, const Correlator& correlator)
{
    at::Tensor map;
    for (const std::int64_t axis : {0, 1}) {
        const auto a = neighbour_product(pair.reference, axis, pair.mask) * pair.mask;
        const auto one = correlator.coherence(a, neighbour_product(pair.object, axis, pair.mask), pair.mask);
        map = map.defined() ? map + one : one;
    }
    return correlator.peak(map);
}

Pose shift_without_ramp(const Pair& pair, const Pose& pose, const Correlator& correlator)
{
    const auto straightened = pair.object * plane_wave(pair.height(), pair.width(), pose.kx, pose.ky);
    return correlator.peak(correlator.coherence(pair.reference * pair.mask, straightened, pair.mask));
}

/// The object moved by whole pixels, 0 where it has none.
at::Tensor moved_whole(const at::Tensor& object, std::int64_t dx, std::int64_t dy)
{
    return at::constant_pad_nd(object, {dx, -dx, dy, -dy});
}

struct Start {
    Pose pose;
    double misfit = std::numeric_limits<double>::infinity(); ///< residual energy as a fraction of the reference's
};

/// Ramp, and what remains, for a shift by whole pixels.
Start with_ramp(const Pair& pair, Pose pose)
{
    const auto moved = moved_whole(pair.object, std::llround(pose.dx), std::llround(pose.dy));
    const auto area = covered(pair.mask, pose.dx, pose.dy, 0);
    // A few pixels that happen to agree are no match.
    if (2 * area.sum().item<std::int64_t>() < pair.mask.sum().item<std::int64_t>())
        return {pose};
    const double energy_object = (moved.abs().square() * area).sum().item<double>();
    const double energy_reference = (pair.reference.abs().square() * area).sum().item<double>();
    if (!(energy_object > 0) || !(energy_reference > 0))
        return {pose, 1};
    const auto product = pair.reference * moved.conj() * area;
    const Ramp ramp = strongest_ramp(product);
    const double sum = ramp.strength * product.abs().sum().item<double>();
    pose.kx = ramp.kx;
    pose.ky = ramp.ky;
    return {pose, 1 - sum * sum / (energy_object * energy_reference)};
}

Pose coarse_pose(const Pair& pair)
{
    const Correlator correlator(pair.height(), pair.width());
    Start best = with_ramp(pair, {});
    const auto consider = [&](const Pose& pose) {
        const Start candidate = with_ramp(pair, pose);
        if (candidate.misfit < best.misfit)
            best = candidate;
    };
    consider(shift_from_neighbours(pair, correlator));
    consider(shift_without_ramp(pair, best.pose, correlator));
    return best.pose;
}

// ---- fine: least squares ----

/// 1 over the given part of an axis and 3 pixels beyond, falling to 0 as a cosine over 16 pixels more.
at::Tensor fade(std::int64_t length, double first, double last)
{
    constexpr double flat = 3, fall = 16;
    const auto i = at::arange(length, at::kDouble);
    const auto outside = at::maximum(i.neg() + first, i - last) - flat;
    return at::cos(outside.clamp(0, fall) * (std::numbers::pi / fall)) * 0.5 + 0.5;
}

/// The image faded to its mean away from the mask's box moved by (-dx, -dy).
at::Tensor faded(const at::Tensor& image, const at::Tensor& mask, double dx, double dy)
{
    const Box box = bounding_box(mask);
    const auto top = static_cast<double>(box.top) - dy, left = static_cast<double>(box.left) - dx;
    const auto window = at::outer(fade(image.size(0), top, top + static_cast<double>(box.height - 1)),
                                  fade(image.size(1), left, left + static_cast<double>(box.width - 1)));
    const auto mean = (image * window).sum() / window.sum().clamp_min(1);
    return ((image - mean) * window + mean).contiguous();
}

/// Pixels of a mask and those up to @p reach beside them.
at::Tensor grown(const at::Tensor& mask, std::int64_t reach)
{
    const auto plane = mask.to(at::kDouble).unsqueeze(0).unsqueeze(0);
    return at::max_pool2d(plane, {2 * reach + 1, 2 * reach + 1}, {1, 1}, {reach, reach}).gt(0).squeeze(0).squeeze(0);
}

/// The start is right to half a pixel; a pixel more is allowed before the fit is taken to have lost its way.
constexpr double most_correction = 1.5;

/// Pixels that count in the fit, for every pose near the start: those of the mask, away from the ends of the object and
/// from pixels that were not finite; when hardly any are left, those of the mask.
at::Tensor fit_area(const Pair& pair, const Pose& start)
{
    constexpr std::int64_t spread = 5; // of a wrong pixel by smoothing and by the correction of the shift
    const auto holes =
        moved_whole(grown(pair.holes, spread).to(at::kDouble), std::llround(start.dx), std::llround(start.dy)).gt(0);
    const auto clean = holes.logical_or(grown(pair.gaps, spread)).logical_not();
    const auto area = covered(pair.mask, start.dx, start.dy, most_correction).logical_and(clean).contiguous();
    return 4 * area.sum().item<std::int64_t>() < pair.mask.sum().item<std::int64_t>() ? pair.mask : area;
}

constexpr std::size_t unknowns = 6; ///< dx, dy, kx, ky, and the factor's relative change (real, imaginary)
using Vector = std::array<double, unknowns>;
using Matrix = std::array<Vector, unknowns>;

/// Residual of a pose with the normal equations of its linear neighbourhood.
struct Fit {
    double residual = std::numeric_limits<double>::infinity();
    Complex factor = 0;
    Matrix normal{};
    Vector gradient{};
};

class LeastSquares {
public:
    /// @param object, reference complex128 @param area pixels that count, for every pose that is tried
    LeastSquares(const PeriodicImage& object, const PeriodicImage& reference, const at::Tensor& area)
        : image_(object.smoothed(smoothing)), reference_(reference.smoothed(smoothing).shifted(0, 0)),
          width_(area.size(1)), indices_(selected(area))
    {
        for (const std::int64_t i : indices_) {
            centre_x_ += static_cast<double>(i % width_) / static_cast<double>(indices_.size());
            centre_y_ += static_cast<double>(i / width_) / static_cast<double>(indices_.size());
        }
    }

    /// The factor is solved for (it enters linearly), the other unknowns are taken from the pose.
    Fit evaluate(const Pose& pose) const
    {
        const auto shift = image_.shifted_with_derivatives(pose.dx, pose.dy);
        const Planes planes{shift.value.const_data_ptr<Complex>(), shift.by_dx.const_data_ptr<Complex>(),
                            shift.by_dy.const_data_ptr<Complex>(), reference_.const_data_ptr<Complex>()};
        Fit fit;
        fit.factor = best_factor(planes, pose);
        accumulate(planes, pose, fit);
        return fit;
    }

private:
    static constexpr double smoothing = 1; ///< pixels

    struct Planes {
        const Complex* value;
        const Complex* by_dx;
        const Complex* by_dy;
        const Complex* reference;
    };

    double x_of(std::int64_t i) const { return static_cast<double>(i % width_) - centre_x_; }
    double y_of(std::int64_t i) const { return static_cast<double>(i / width_) - centre_y_; }
    Complex wave(const Pose& pose, std::int64_t i) const
    {
        const double angle = pose.kx * x_of(i) + pose.ky * y_of(i);
        return {std::cos(angle), std::sin(angle)};
    }

    Complex best_factor(const Planes& planes, const Pose& pose) const
    {
        Complex match = 0;
        double energy = 0;
        for (const std::int64_t i : indices_) {
            const Complex model = planes.value[i] * wave(pose, i);
            match += std::conj(model) * planes.reference[i];
            energy += std::norm(model);
        }
        return energy > 0 ? match / energy : Complex(0);
    }

    void accumulate(const Planes& planes, const Pose& pose, Fit& fit) const
    {
        fit.residual = 0;
        for (const std::int64_t i : indices_) {
            const Complex turn = fit.factor * wave(pose, i);
            const Complex model = turn * planes.value[i], i_model = model * Complex(0, 1);
            const std::array<Complex, unknowns> column{
                turn * planes.by_dx[i], turn * planes.by_dy[i], i_model * x_of(i), i_model * y_of(i), model, i_model};
            const Complex rest = planes.reference[i] - model;
            fit.residual += std::norm(rest);
            for (std::size_t m = 0; m < unknowns; ++m) {
                fit.gradient[m] += dot(column[m], rest);
                for (std::size_t n = 0; n <= m; ++n)
                    fit.normal[m][n] += dot(column[m], column[n]);
            }
        }
    }

    static double dot(const Complex& a, const Complex& b) { return a.real() * b.real() + a.imag() * b.imag(); }

    PeriodicImage image_;
    at::Tensor reference_;
    std::int64_t width_;
    std::vector<std::int64_t> indices_;
    double centre_x_ = 0, centre_y_ = 0;
};

/// Solve (normal + damping diag(normal)) step = gradient by Cholesky decomposition. Unknowns that have no effect stay
/// where they are.
Vector damped_step(const Fit& fit, double damping)
{
    Vector scale{};
    for (std::size_t m = 0; m < unknowns; ++m)
        scale[m] = fit.normal[m][m] > 0 ? 1 / std::sqrt(fit.normal[m][m]) : 0;
    Matrix lower{};
    Vector step{};
    for (std::size_t m = 0; m < unknowns; ++m) {
        double right = fit.gradient[m] * scale[m];
        for (std::size_t n = 0; n <= m; ++n) {
            double sum = m == n ? 1 + damping : fit.normal[m][n] * scale[m] * scale[n];
            for (std::size_t k = 0; k < n; ++k)
                sum -= lower[m][k] * lower[n][k];
            lower[m][n] = m == n ? std::sqrt(std::max(sum, damping)) : sum / lower[n][n];
        }
        for (std::size_t k = 0; k < m; ++k)
            right -= lower[m][k] * step[k];
        step[m] = right / lower[m][m];
    }
    for (std::size_t m = unknowns; m-- > 0;) {
        for (std::size_t k = m + 1; k < unknowns; ++k)
            step[m] -= lower[k][m] * step[k];
        step[m] /= lower[m][m];
    }
    for (std::size_t m = 0; m < unknowns; ++m)
        step[m] *= scale[m];
    return step;
}

/// @param extent longest side of the images, pixels
Pose refine(const LeastSquares& problem, const Pose& start, double extent)
{
    Pose pose = start;
    Fit fit = problem.evaluate(pose);
    double damping = 1e-6;
    for (int trial = 0; trial < 60 && damping < 1e4; ++trial) {
        const Vector step = damped_step(fit, damping);
        Pose next = pose;
        next.dx = std::clamp(pose.dx + std::clamp(step[0], -0.5, 0.5), start.dx - most_correction,
                             start.dx + most_correction);
        next.dy = std::clamp(pose.dy + std::clamp(step[1], -0.5, 0.5), start.dy - most_correction,
                             start.dy + most_correction);
        next.kx = pose.kx + step[2];
        next.ky = pose.ky + step[3];
        const Fit found = problem.evaluate(next);
        const bool settled =
            std::hypot(next.dx - pose.dx, next.dy - pose.dy) < 1e-6 && std::hypot(step[2], step[3]) * extent < 1e-6;
        const bool better = found.residual < fit.residual;
        if (better) {
            pose = next;
            fit = found;
        }
        if (settled)
            break;
        damping = better ? std::max(damping * 0.1, 1e-9) : damping * 10;
    }
    return pose;
}

/// The factor that brings @p image nearest to @p reference inside the area; 0 for nothing.
Complex nearest_factor(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& area)
{
    const auto own = image.masked_select(area), wanted = reference.masked_select(area);
    const double energy = own.abs().square().sum().item<double>();
    return energy > 0 ? (own.conj() * wanted).sum().item<Complex>() / energy : Complex(0);
}

Complex unit(double angle)
{
    return {std::cos(angle), std::sin(angle)};
}

} // namespace

Registration register_object(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask)
{
    at::NoGradGuard no_grad;
    const Pair pair = checked(object, reference, mask);
    const Pose start = coarse_pose(pair);

    // The rough ramp goes first: smoothing and fading would eat a wave.
    const auto straightened = pair.object * plane_wave(pair.height(), pair.width(), start.kx, start.ky);
    const PeriodicImage image(faded(straightened, pair.mask, start.dx, start.dy));
    const LeastSquares problem(image, PeriodicImage(faded(pair.reference, pair.mask, 0, 0)), fit_area(pair, start));
    const auto extent = static_cast<double>(std::max(pair.height(), pair.width()));
    const Pose pose = refine(problem, {.dx = start.dx, .dy = start.dy}, extent);

    const auto inside = covered(at::ones(pair.mask.sizes(), at::kBool), pose.dx, pose.dy, 0);
    const auto valid = pair.mask.logical_and(inside).contiguous();
    const auto moved = image.shifted(pose.dx, pose.dy) * plane_wave(pair.height(), pair.width(), pose.kx, pose.ky);
    const Complex factor = nearest_factor(moved, pair.reference, valid);
    // moved = exp(i k r) exp(i k0 (r - d)) object(r - d) with the rough ramp k0.
    const Complex scale = factor * unit(-(start.kx * pose.dx + start.ky * pose.dy));
    return {.aligned = moved * factor * inside,
            .valid = valid,
            .shift_x = pose.dx,
            .shift_y = pose.dy,
            .ramp_x = -(start.kx + pose.kx),
            .ramp_y = -(start.ky + pose.ky),
            .scale_re = scale.real(),
            .scale_im = scale.imag()};
}

at::Tensor resample(const at::Tensor& image, double step, double offset_x, double offset_y, std::int64_t height,
                    std::int64_t width)
{
    at::NoGradGuard no_grad;
    require(std::isfinite(step) && step > 0, Status::InvalidArgument, "resample: step {}, expected a positive number",
            step);
    require(std::isfinite(offset_x) && std::isfinite(offset_y), Status::InvalidArgument,
            "resample: offset ({}, {}) is not finite", offset_x, offset_y);
    constexpr std::int64_t most = std::int64_t{1} << 16;
    require(height > 0 && width > 0 && height <= most && width <= most, Status::InvalidArgument,
            "resample: size {} x {}, expected 1 to {} on each side", height, width, most);
    const auto source = as_complex(image, "image");
    require(at::isfinite(source).all().item<bool>(), Status::InvalidArgument, "image: has pixels that are not finite");
    return PeriodicImage(source).sampled(step, offset_x, offset_y, height, width);
}

} // namespace ptk::evaluation
