#pragma once
#include <ATen/TensorOperators.h>
#include <ATen/ops/round.h>

#include <cmath>

namespace ptk::training {

/// Differences of phase (radians) taken the short way round the circle, into [-pi, pi]; the gradient goes through.
inline at::Tensor short_way(const at::Tensor& turn)
{
    return turn - 2 * M_PI * at::round(turn.detach() / (2 * M_PI));
}

} // namespace ptk::training
