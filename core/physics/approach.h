#pragma once
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

/// A picture after some steps x(k + 1) = step(x(k) + 0.9 (x(k) - x(k - 1))), x(-1) = x(0): Nesterov's momentum, which
/// brings slowly changing structures along faster than steps alone.
/// Source: Nesterov, Soviet Math. Dokl. 27, 372 (1983); a constant weight as in Maiden, Johnson & Li, Optica 4, 736
/// (2017). Where it is used it was measured (examples/README.md).
/// @param picture  of any shape; @param step  from a picture to a better one of that shape
template <class Step> at::Tensor approached(at::Tensor picture, std::int64_t steps, const Step& step)
{
    constexpr double momentum = 0.9;
    at::Tensor before = picture;
    for (std::int64_t i = 0; i < steps; ++i) {
        const auto from = i == 0 ? picture : picture + momentum * (picture - before);
        before = picture;
        picture = step(from);
    }
    return picture;
}

} // namespace ptk::physics
