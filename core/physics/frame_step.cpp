#include "physics/frame_step.h"

#include "physics/pairs.h"

#include <ATen/ops/_fft_c2c.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <utility>

namespace ptk::physics {

namespace {

enum Norm : std::int64_t { none = 0, by_root = 1, by_count = 2 }; // of at::_fft_c2c

at::Tensor transform(const at::Tensor& modes, Norm norm, bool forward)
{
    return at::_fft_c2c(modes, {1, 2}, norm, forward);
}

at::Tensor fractions_of(const FrameStep::Frame& frame)
{
    return at::tensor({frame.fraction_x, frame.fraction_y}, at::kDouble).unsqueeze(0);
}

/// Solve the 2 x 2 equations; a direction without structure does not move.
void solve(const kernels::cpu::ShiftEquations& sums, FrameStep::Outcome& outcome)
{
    const double determinant = sums.xx * sums.yy - sums.xy * sums.xy;
    if (!(determinant > 1e-6 * sums.xx * sums.yy))
        return;
    outcome.shift_x = (sums.yy * sums.x - sums.xy * sums.y) / determinant;
    outcome.shift_y = (sums.xx * sums.y - sums.xy * sums.x) / determinant;
}

} // namespace

FrameStep::FrameStep(std::int64_t modes, std::int64_t side, PropagatorPtr propagator)
    : loops_(kernels::cpu::pie_loops()), modes_(modes), side_(side), propagator_(std::move(propagator)),
      waves_(at::empty({modes, side, side}, at::kComplexFloat)), g_(2 * side * side), power_(side * side),
      line_(2 * side)
{
}

/// The waves on the detector, the axis (or the zero frequency) at index 0.
at::Tensor FrameStep::propagated(const Frame& frame) const
{
    if (!propagator_)
        return transform(waves_, by_root, true);
    return propagator_->forward(waves_.unsqueeze(0), fractions_of(frame)).squeeze(0).contiguous();
}

at::Tensor FrameStep::returned(const at::Tensor& field, const Frame& frame) const
{
    if (!propagator_)
        return transform(field, by_root, false);
    return propagator_->backward(field.unsqueeze(0), fractions_of(frame)).squeeze(0).contiguous();
}

FrameStep::Outcome FrameStep::run(at::Tensor& spectrum, const Frame& frame, const Steps& steps)
{
    loops_.ramp(pairs_of(waves_), pairs_of(spectrum), frame.row, frame.column, line_.data(), modes_, side_);
    auto probe = transform(waves_, by_count, false);
    loops_.exit_wave(pairs_of(waves_), pairs_of(probe), frame.object, frame.stride, modes_, side_);
    auto field = propagated(frame);

    Outcome outcome;
    outcome.error = loops_.impose(pairs_of(field), frame.amplitude, line_.data(), modes_, side_);
    if (steps.object == 0 && steps.probe == 0 && !steps.position)
        return outcome;

    auto difference = returned(field, frame);
    const float largest =
        loops_.correlate(g_.data(), power_.data(), pairs_of(probe), pairs_of(difference), modes_, side_);
    if (steps.position)
        solve(loops_.shift_equations(frame.object, frame.stride, g_.data(), power_.data(), side_), outcome);
    if (steps.probe != 0) {
        loops_.probe_change(pairs_of(difference), frame.object, frame.stride, steps.alpha, steps.probe, line_.data(),
                            modes_, side_);
        auto change = transform(difference, none, true);
        loops_.add_unramped(pairs_of(spectrum), pairs_of(change), frame.row, frame.column, line_.data(), modes_, side_);
    }
    if (steps.object != 0)
        loops_.object_change(frame.object, frame.stride, g_.data(), power_.data(), largest, steps.alpha, steps.object,
                             side_);
    return outcome;
}

} // namespace ptk::physics
