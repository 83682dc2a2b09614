#pragma once
#include "data/propagation.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace ptk::physics {

/// Takes exit waves to a detector in the near field, and back. There the picture is where the beam is: probes are
/// shifted by the fraction of their position (PixelGrid), so that patches stay on whole pixels, but in the experiment
/// the object moves and the beam does not, and the field has to go back by that fraction.
///   T (f N >= 1, and the angular spectrum): FFT^-1 [ H exp(2 pi i (p f_y + q f_x) / N) FFT w ], detector's pixels
///   chirp (f N < 1):                        FFT [ exp(i pi f |r - fraction|^2) w ], orthonormal
/// with near_field.h's H. Fields have the axis at index 0, as the far field's transform has its zero frequency.
class Propagator {
public:
    /// nullptr for the far field, which needs none of this. @throws Error(InvalidArgument) lengths that cannot be
    static std::shared_ptr<const Propagator> of(const data::Propagation& propagation, std::int64_t side);

    /// Differentiable in the waves.
    /// @param waves      (B, M, N, N) complex
    /// @param fractions  (B, 2) (x, y), by which the probes were shifted; undefined: not at all
    /// @return the same shape and precision
    at::Tensor forward(const at::Tensor& waves, const at::Tensor& fractions) const;
    /// The adjoint of forward(), which is its inverse as far as waves travel.
    at::Tensor backward(const at::Tensor& fields, const at::Tensor& fractions) const;

    /// sum_m |forward(P_m O)|^2, the axis at index N/2: far_field_intensity() of the near field.
    /// @param patches    (..., N, N) complex
    /// @param probe      (..., M, N, N) with the leading axes of the patches
    /// @param fractions  (..., 2), or undefined
    /// @return (..., N, N) real
    at::Tensor intensity(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& fractions) const;

private:
    Propagator(at::Tensor factor, double fresnel, bool transfer)
        : factor_(std::move(factor)), fresnel_(fresnel), transfer_(transfer)
    {
    }
    /// (B, 1, N, N) or (N, N): what the wave (its transform) is multiplied with.
    at::Tensor factor(const at::Tensor& fractions, const at::TensorOptions& options) const;

    at::Tensor factor_; ///< (N, N) complex128
    double fresnel_;
    bool transfer_;
};

using PropagatorPtr = std::shared_ptr<const Propagator>;

} // namespace ptk::physics
