#include "physics/iterative_engine.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/shape.h"
#include "data/read_ahead.h"
#include "physics/frame_step.h"
#include "physics/pairs.h"
#include "physics/patches.h"
#include "physics/probe.h"
#include "physics/ramps.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/linalg_pinv.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace ptk::physics {

namespace {

constexpr std::int64_t largest_object = std::int64_t{1} << 30;  ///< pixels
constexpr std::int64_t kept_amplitudes = std::int64_t{1} << 28; ///< bytes of frames that stay in memory as amplitudes
constexpr std::int64_t slab_bytes = std::int64_t{1} << 23;      ///< of frames read at once otherwise
constexpr std::int64_t first_position_epoch = 3;                ///< before, the object is too rough to tell
constexpr double position_step = 0.5;                           ///< of the least-squares shift: the object follows too
constexpr double largest_position_step = 0.25;                  ///< pixels an epoch
constexpr double largest_position_move = 2;                     ///< pixels in all

using base::Clock;
using base::seconds_since;

/// The measured amplitudes with the zero frequency at index 0, bad pixels -1 (see PieLoops::impose), kept when they are
/// few, else read in slabs, the next one while one is worked on.
class Amplitudes {
public:
    explicit Amplitudes(const data::Scan& scan)
        : scan_(scan), slabs_([this](const at::Tensor& indices) { return load(indices); })
    {
        const auto n = scan.size(), pixels = scan.side() * scan.side();
        const auto bytes = pixels * static_cast<std::int64_t>(sizeof(float));
        slab_ = std::max<std::int64_t>(1, slab_bytes / bytes);
        if (n <= kept_amplitudes / bytes)
            all_ = load(at::arange(n, at::kLong));
    }

    /// begin(indices) before each run of frames, then use(index, place in the run, amplitude, sum of squares) for each
    /// frame of @p order.
    template <class Begin, class Use>
    void for_each(const std::vector<std::int64_t>& order, Begin&& begin_run, Use&& use)
    {
        const auto count = static_cast<std::int64_t>(order.size()), pixels = scan_.side() * scan_.side();
        const auto indices = [&](std::int64_t begin) {
            const auto size = std::min(slab_, count - begin);
            return at::tensor(at::ArrayRef<std::int64_t>(order.data() + begin, size), at::kLong);
        };
        for (std::int64_t begin = 0; begin < count; begin += slab_) {
            const auto run = indices(begin);
            Slab slab = all_;
            if (!all_.amplitude.defined()) {
                slab = slabs_.take(run);
                if (begin + slab_ < count)
                    slabs_.expect(indices(begin + slab_));
            }
            begin_run(run);
            for (std::int64_t k = 0; k < run.size(0); ++k) {
                const auto index = order[begin + k];
                const auto place = all_.amplitude.defined() ? index : k;
                use(index, k, slab.amplitude.const_data_ptr<float>() + place * pixels,
                    slab.power.const_data_ptr<double>()[place]);
            }
        }
    }

private:
    struct Slab {
        at::Tensor amplitude; ///< (k, N, N) float32
        at::Tensor power;     ///< (k) float64
    };

    Slab load(const at::Tensor& indices) const
    {
        const auto amplitude = data::to_amplitude(scan_.frames->gather(indices), scan_.measurement).to(at::kFloat);
        const auto known = scan_.bad_pixels.defined() ? amplitude.masked_fill(scan_.bad_pixels, -1) : amplitude;
        const auto power = scan_.bad_pixels.defined() ? amplitude.masked_fill(scan_.bad_pixels, 0) : amplitude;
        return {at::fft_ifftshift(known, at::IntArrayRef({1, 2})).contiguous(),
                power.square().sum(at::IntArrayRef({1, 2}), false, at::kDouble)};
    }

    const data::Scan& scan_;
    std::int64_t slab_ = 1;
    Slab all_;
    data::ReadAhead<Slab> slabs_;
};

/// (n, N) complex64: Fourier ramp of each fraction.
at::Tensor ramps_of(const at::Tensor& fractions, std::int64_t side)
{
    return ramps(-fractions, frequencies(side)).to(at::kComplexFloat).contiguous();
}

/// Moves without the affine function of the positions that fits them best: a shift, stretch or shear of all positions
/// together with the object changes the frames so little that noise decides about it.
at::Tensor without_trend(const at::Tensor& moves, const at::Tensor& positions)
{
    const auto centred = positions - positions.mean(0, true);
    const auto basis =
        at::cat({at::ones({positions.size(0), 1}, at::kDouble), centred / centred.abs().max().clamp_min(1)}, 1);
    return moves - at::matmul(basis, at::matmul(at::linalg_pinv(basis), moves));
}

/// What is iterated. The object has a margin of ones around, so that content which a centred probe pushes over the edge
/// of the frame is not lost.
struct Model {
    at::Tensor object;    ///< (H + 2 margin, W + 2 margin) complex64
    at::Tensor spectrum;  ///< (M, N, N) complex64: FFT2 of the probe
    at::Tensor positions; ///< (n, 2) float64

    Model copy() const { return {object.clone(), spectrum.clone(), positions.clone()}; }
};

class Engine {
public:
    Engine(const data::Scan& scan, const EngineState& start)
        : scan_(scan), frame_{start.object.size(0), start.object.size(1), start.origin_x, start.origin_y},
          side_(scan.side()), margin_(side_ / 4),
          step_(start.probe.size(0), side_, Propagator::of(scan.propagation, side_)), amplitudes_(scan)
    {
        model.object = at::constant_pad_nd(start.object.detach().to(at::kCPU, at::kComplexFloat).resolve_conj(),
                                           {margin_, margin_, margin_, margin_}, 1)
                           .contiguous();
        set_probe(start.probe.detach().to(at::kCPU, at::kComplexFloat));
        model.positions = start.positions.detach().to(at::kCPU, at::kDouble).clone();
        place();
    }

    /// Corners and fractions from the positions. @throws Error(Shape) when a patch lies outside of the object
    void place()
    {
        const auto grid = pixel_grid(model.positions, side_);
        corners_ = (grid.corners - at::tensor({frame_.origin_x, frame_.origin_y}, at::kLong)).contiguous();
        fractions_ = grid.fractions.contiguous();
        const auto* corner = corners_.const_data_ptr<std::int64_t>();
        for (std::int64_t i = 0; i < corners_.size(0); ++i) {
            const bool inside = corner[2 * i] >= 0 && corner[2 * i] + side_ <= frame_.width && corner[2 * i + 1] >= 0 &&
                                corner[2 * i + 1] + side_ <= frame_.height;
            require(inside, Status::Shape,
                    "{}: the patch of position {}, pixels ({}, {}), lies outside of the object of {} columns and {} "
                    "rows from ({}, {})",
                    scan_.source, i, model.positions[i][0].item<double>(), model.positions[i][1].item<double>(),
                    frame_.width, frame_.height, frame_.origin_x, frame_.origin_y);
        }
    }

    /// One pass over the frames of @p order. @return relative Fourier error before each frame's step
    /// @param moves  (n, 2): takes the shift of each frame's position when steps.position
    double sweep(const std::vector<std::int64_t>& order, const FrameStep::Steps& steps, at::Tensor& moves,
                 const Monitor& monitor)
    {
        double error = 0, power = 0;
        const auto stride = model.object.size(1);
        const auto* corner = corners_.const_data_ptr<std::int64_t>();
        const auto* fraction = fractions_.const_data_ptr<double>();
        auto* object = pairs_of(model.object);
        at::Tensor columns,
            rows; // (k, N) complex64, ramps of a run: those of all frames would be as large as their number
        const auto begin = [&](const at::Tensor& indices) {
            const auto fractions = fractions_.index_select(0, indices);
            columns = ramps_of(fractions.select(1, 0), side_);
            rows = ramps_of(fractions.select(1, 1), side_);
        };
        const auto use = [&](std::int64_t i, std::int64_t k, const float* amplitude, double frame_power) {
            monitor.check();
            auto* first = object + 2 * ((corner[2 * i + 1] + margin_) * stride + corner[2 * i] + margin_);
            const auto outcome =
                step_.run(model.spectrum,
                          {amplitude, pairs_of(rows) + 2 * k * side_, pairs_of(columns) + 2 * k * side_, first, stride,
                           fraction[2 * i], fraction[2 * i + 1]},
                          steps);
            require(std::isfinite(outcome.error), Status::NotConverged,
                    "{}: frame {} gives a Fourier error of {}: the frame holds numbers that are not finite, or the "
                    "steps are too large",
                    scan_.source, i, outcome.error);
            error += outcome.error;
            power += frame_power;
            if (steps.position) {
                auto* move = moves.mutable_data_ptr<double>() + 2 * i;
                move[0] = outcome.shift_x;
                move[1] = outcome.shift_y;
            }
        };
        amplitudes_.for_each(order, begin, use);
        return power > 0 ? std::sqrt(error / power) : 0;
    }

    /// @throws Error(NotConverged) when object or probe hold a number that is not finite
    void check_finite(std::int64_t epoch) const
    {
        const auto finite = [](const at::Tensor& tensor) {
            return std::isfinite(at::view_as_real(tensor).sum(at::kDouble).item<double>());
        };
        require(finite(model.object) && finite(model.spectrum), Status::NotConverged,
                "{}: after epoch {} object or probe are not finite: the steps are too large", scan_.source, epoch);
    }

    /// Orthogonal modes, power and centre of the probe; the object takes the inverse factor and moves along. In the
    /// near field the frames tell the centre.
    void fix_gauge(double power, const CentreOfMass& centre)
    {
        const auto modes = orthogonal_modes(at::fft_ifft2(model.spectrum));
        auto scaled = with_power(modes, power);
        const double before = at::view_as_real(modes).to(at::kDouble).square().sum().item<double>();
        model.object.mul_(std::sqrt(before / power));
        if (scan_.propagation.near_field()) {
            set_probe(scaled);
            return;
        }
        const auto now = centre_of_mass(scaled);
        const auto rows = bounded_shift(centre.row - now.row, moved_rows_),
                   columns = bounded_shift(centre.column - now.column, moved_columns_);
        if (rows != 0 || columns != 0) {
            scaled = at::roll(scaled, {rows, columns}, {1, 2});
            model.object = at::roll(model.object, {rows, columns}, {0, 1});
        }
        set_probe(scaled);
    }

    /// Positions after their least-squares moves, near @p start and inside of the object, with its mean.
    void move_positions(at::Tensor moves, const at::Tensor& start)
    {
        moves = (position_step * moves).clamp(-largest_position_step, largest_position_step);
        auto offset = model.positions + moves - start;
        offset = without_trend(offset, start).clamp(-largest_position_move, largest_position_move);
        const auto low =
            at::tensor({static_cast<double>(frame_.origin_x), static_cast<double>(frame_.origin_y)}, at::kDouble) +
            (static_cast<double>(side_ / 2) - 0.5);
        const auto room =
            at::tensor({static_cast<double>(frame_.width - side_), static_cast<double>(frame_.height - side_)},
                       at::kDouble) +
            (1 - 1e-6);
        model.positions = (start + offset).clamp(low, low + room);
        place();
    }

    EngineState state(const Model& of, c10::Device device) const
    {
        EngineState result;
        result.object =
            of.object.narrow(0, margin_, frame_.height).narrow(1, margin_, frame_.width).contiguous().to(device);
        result.probe = at::fft_ifft2(of.spectrum).contiguous().to(device);
        result.positions = of.positions;
        result.origin_x = frame_.origin_x;
        result.origin_y = frame_.origin_y;
        return result;
    }

    Model model;

private:
    void set_probe(const at::Tensor& probe) { model.spectrum = at::fft_fft2(probe).contiguous(); }

    /// Whole pixels of a drift, unless the margin is used up.
    std::int64_t bounded_shift(double drift, std::int64_t& moved) const
    {
        const auto shift = static_cast<std::int64_t>(std::llround(drift));
        if (std::abs(moved + shift) > margin_)
            return 0;
        moved += shift;
        return shift;
    }

    const data::Scan& scan_;
    ObjectFrame frame_;
    std::int64_t side_, margin_;
    std::int64_t moved_rows_ = 0, moved_columns_ = 0;
    at::Tensor corners_;   ///< (n, 2) int64 (x, y) in the object's frame
    at::Tensor fractions_; ///< (n, 2) of a pixel
    FrameStep step_;
    Amplitudes amplitudes_;
};

void check_start(const data::Scan& scan, const EngineState& start)
{
    data::check_scan(scan);
    const auto side = scan.side();
    require(start.object.defined() && start.object.dim() == 2 && start.object.is_complex(), Status::Shape,
            "object: expected complex (H, W), found {}", base::shape_of(start.object));
    require(start.probe.defined() && start.probe.dim() == 3 && start.probe.is_complex() &&
                start.probe.size(1) == side && start.probe.size(2) == side,
            Status::Shape, "probe: expected complex (modes, {}, {}), found {}", side, side,
            base::shape_of(start.probe));
    require(start.positions.defined() && start.positions.dim() == 2 && start.positions.size(0) == scan.size() &&
                start.positions.size(1) == 2,
            Status::Shape, "positions: expected ({}, 2), found {}", scan.size(), base::shape_of(start.positions));
}

void check_options(const EngineOptions& options)
{
    require(options.epochs >= 0, Status::InvalidArgument, "refinement.epochs is {}; expected 0 or more",
            options.epochs);
    require(options.alpha > 0 && options.alpha <= 1, Status::InvalidArgument,
            "refinement.alpha is {}; expected a number in (0, 1]", options.alpha);
    require(options.object_step >= 0 && options.probe_step >= 0, Status::InvalidArgument,
            "refinement steps are {} and {}; expected 0 or more", options.object_step, options.probe_step);
    require(options.held_out_fraction >= 0 && options.held_out_fraction < 1, Status::InvalidArgument,
            "refinement.held_out_fraction is {}; expected a number in [0, 1)", options.held_out_fraction);
    require(options.patience >= 1, Status::InvalidArgument, "refinement.patience is {}; expected 1 or more",
            options.patience);
}

std::vector<std::int64_t> all_indices(std::int64_t count)
{
    std::vector<std::int64_t> indices(count);
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
}

void shuffle(std::vector<std::int64_t>& order, std::mt19937_64& random)
{
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[base::uniform_below(random, i)]);
}

struct Split {
    std::vector<std::int64_t> updated, held_out;
};

Split split(std::int64_t count, const EngineOptions& options)
{
    auto random = base::random_engine(options.seed, "refinement held out");
    auto order = all_indices(count);
    shuffle(order, random);
    const auto held = std::min(
        count - 1, static_cast<std::int64_t>(std::llround(options.held_out_fraction * static_cast<double>(count))));
    return {{order.begin() + held, order.end()}, {order.begin(), order.begin() + held}};
}

FrameStep::Steps steps_of_epoch(const EngineOptions& options, std::int64_t epoch)
{
    FrameStep::Steps steps;
    steps.object = static_cast<float>(options.object_step);
    if (epoch >= options.probe_start) // falling: every frame pulls the probe its way, and the mean over frames is
                                      // wanted (Robbins & Monro 1951)
        steps.probe = static_cast<float>(
            options.probe_step / static_cast<double>(epoch - std::max<std::int64_t>(options.probe_start, 1) + 1));
    steps.alpha = options.rpie ? static_cast<float>(options.alpha) : 1;
    steps.position = options.positions && epoch >= first_position_epoch;
    return steps;
}

} // namespace

ObjectFrame frame_for(const at::Tensor& positions, std::int64_t side, std::int64_t height, std::int64_t width)
{
    const auto corners = pixel_grid(positions, side).corners;
    require(corners.size(0) > 0, Status::Shape, "positions: expected at least one");
    const auto low = corners.amin(0) - 1, high = corners.amax(0) + (side + 1);
    std::int64_t left = low[0].item<std::int64_t>(), top = low[1].item<std::int64_t>(),
                 right = high[0].item<std::int64_t>(), bottom = high[1].item<std::int64_t>();
    if (height > 0 && width > 0) {
        left = std::min<std::int64_t>(left, 0);
        top = std::min<std::int64_t>(top, 0);
        right = std::max(right, width);
        bottom = std::max(bottom, height);
    }
    const double pixels = (static_cast<double>(right) - static_cast<double>(left)) *
                          (static_cast<double>(bottom) - static_cast<double>(top));
    require(pixels <= static_cast<double>(largest_object), Status::Shape,
            "positions: the object would have {:.3g} pixels, at most {} are allowed; are the positions in pixels?",
            pixels, largest_object);
    return {bottom - top, right - left, left, top};
}

EngineState flat_start(const data::Scan& scan, const at::Tensor& probe, std::int64_t modes)
{
    data::check_scan(scan);
    const bool given = scan.object.defined();
    const auto frame =
        frame_for(scan.positions, scan.side(), given ? scan.object.size(0) : 0, given ? scan.object.size(1) : 0);
    EngineState state;
    state.object = at::ones({frame.height, frame.width}, at::kComplexFloat);
    state.probe =
        with_power(with_modes(canonical_probe(probe, scan.side()), modes), data::mean_power(scan)).to(at::kCPU);
    state.positions = scan.positions.to(at::kCPU, at::kDouble).clone();
    state.origin_x = frame.origin_x;
    state.origin_y = frame.origin_y;
    return state;
}

EngineState iterate(const data::Scan& scan, EngineState start, const EngineOptions& options, const Monitor& monitor,
                    Log& log)
{
    const at::NoGradGuard no_gradient;
    const auto began = Clock::now();
    check_start(scan, start);
    check_options(options);
    start.fourier_errors.clear();
    start.held_out_fourier_errors.clear();
    if (options.epochs == 0)
        return start;

    Engine engine(scan, start);
    auto [order, held_out] = split(scan.size(), options);
    auto random = base::random_engine(options.seed, "refinement order");
    const double power = data::mean_power(scan);
    const auto centre = centre_of_mass(start.probe);
    const auto first_positions = engine.model.positions.clone();
    auto moves = at::zeros_like(engine.model.positions);

    Model best = engine.model.copy();
    double best_error = std::numeric_limits<double>::infinity();
    if (options.start_competes && !held_out.empty())
        best_error = engine.sweep(held_out, {}, moves, monitor);
    std::int64_t best_epoch = 0, epoch = 1;
    std::vector<double> errors, held_out_errors;
    for (; epoch <= options.epochs && epoch - best_epoch <= options.patience; ++epoch) {
        const auto epoch_began = Clock::now();
        const auto steps = steps_of_epoch(options, epoch);
        shuffle(order, random);
        errors.push_back(engine.sweep(order, steps, moves, monitor));
        const double rate = static_cast<double>(order.size()) / seconds_since(epoch_began);
        engine.check_finite(epoch);
        if (steps.probe != 0)
            engine.fix_gauge(power, centre);

        double error = std::numeric_limits<double>::quiet_NaN();
        if (!held_out.empty()) {
            FrameStep::Steps look;
            look.position = steps.position;
            error = engine.sweep(held_out, look, moves, monitor);
            held_out_errors.push_back(error);
        }
        if (held_out.empty() || error < best_error) {
            best_error = error;
            best_epoch = epoch;
            best = held_out.empty() ? Model{} : engine.model.copy();
        }
        if (steps.position)
            engine.move_positions(moves, first_positions);
        monitor.report({options.phase, epoch, options.epochs, epoch * scan.size(), options.epochs * scan.size(),
                        errors.back(), error, rate, seconds_since(began)});
    }
    if (held_out.empty())
        best = engine.model;
    else
        log.info(options.phase, "{} of {} epochs; Fourier error of {} held-out frames {:.4f}, best after epoch {}",
                 epoch - 1, options.epochs, held_out.size(), best_error, best_epoch);

    auto result = best_epoch == 0 ? std::move(start) : engine.state(best, start.object.device());
    result.fourier_errors = std::move(errors);
    result.held_out_fourier_errors = std::move(held_out_errors);
    return result;
}

at::Tensor warm_probe(const data::Scan& scan, std::int64_t modes, std::int64_t epochs, std::uint64_t seed,
                      const Monitor& monitor, Log& log)
{
    require(scan.probe.defined(), Status::State, "{}: holds no probe to start from", scan.source);
    EngineOptions options;
    options.epochs = epochs;
    options.held_out_fraction = 0;
    options.seed = seed;
    options.phase = "warm probe";
    return iterate(scan, flat_start(scan, scan.probe, modes), options, monitor, log).probe;
}

double fourier_error(const data::Scan& scan, const EngineState& state, const Monitor& monitor)
{
    const at::NoGradGuard no_gradient;
    const auto began = Clock::now();
    check_start(scan, state);
    Engine engine(scan, state);
    at::Tensor moves;
    const double error = engine.sweep(all_indices(scan.size()), {}, moves, monitor);
    const double seconds = seconds_since(began);
    monitor.report({"fourier error", 0, 0, scan.size(), scan.size(), error, std::numeric_limits<double>::quiet_NaN(),
                    static_cast<double>(scan.size()) / seconds, seconds});
    return error;
}

} // namespace ptk::physics
