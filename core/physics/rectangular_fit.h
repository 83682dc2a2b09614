#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

// The two factors of PtychoPINN's rectangular model, s1 Re o + i s2 Im o, from data (reference digest 4.4, 4.5, 6.2).
// Intensity is linear in c = (s1^2, s2^2, s1 s2):
//   I = s1^2 X1 + s2^2 X2 + s1 s2 X3,  X1 = sum_p |a_p|^2,  X2 = sum_p |b_p|^2,  X3 = sum_p 2 Re(a_p conj b_p)
// with the waves a_p, b_p of rectangular_waves(). Golden phys_rectangular, phys_rect_scales, phys_varpro.

/// Far-field waves of the object's real and (times i) imaginary part, a mode each: FFT2(k P_p Re o) and
/// FFT2(k P_p i Im o), orthonormal, zero frequency at N/2.
struct RectangularWaves {
    at::Tensor real;      ///< (..., P, N, N) complex
    at::Tensor imaginary; ///< the same
};
/// @param object  (..., N, N) complex
/// @param probe   (P, N, N) complex, or with the object's leading axes before it
/// @param scale   k, broadcast against the object, real; undefined: 1
RectangularWaves rectangular_waves(const at::Tensor& object, const at::Tensor& probe, const at::Tensor& scale = {});

/// X1, X2, X3 above, (..., N, N) real: modes summed.
struct RectangularBasis {
    at::Tensor x1, x2, x3;
};
RectangularBasis rectangular_basis(const RectangularWaves& waves);

struct RectangularScales {
    double s1 = 1;
    double s2 = 1;
};

/// Sums over pixels from which the factors of a whole data set follow, in double; frames may come in any parts.
class RectangularMoments {
public:
    RectangularMoments();

    /// @param intensity  measured counts, the shape of the basis @param weights  the same or broadcast, >= 0;
    /// undefined: one @throws Error(Shape)
    void add(const RectangularBasis& basis, const at::Tensor& intensity, const at::Tensor& weights = {});

    /// sum w X X^T, (3, 3) float64, and sum w X I, (3).
    const at::Tensor& matrix() const { return matrix_; }
    const at::Tensor& vector() const { return vector_; }
    double power() const { return power_; } ///< sum w I^2
    std::int64_t pixels() const { return pixels_; }

    /// Largest over smallest singular value of the matrix; infinite when that is 0.
    double condition() const;
    /// The matrix with a diagonal of one, (3, 3).
    at::Tensor correlation() const;
    /// Those of the object with real and imaginary part exchanged (i conj o): X1 and X2 change places, X3 its sign.
    RectangularMoments swapped() const;
    /// sum w (I - model)^2 over pixels().
    double misfit(const RectangularScales& scales) const;

private:
    at::Tensor matrix_, vector_;
    double power_ = 0;
    std::int64_t pixels_ = 0;
};

/// The factors of the smallest misfit of all, with s1 >= 0: along each direction the best length is known, and the
/// directions where that misfit is stationary are roots of a polynomial of degree 4. PtychoPINN's exact solver, and
/// what its L-BFGS comes to within 1e-5.
/// @throws Error(NotConverged) when the moments are not finite, of rank below three or no factors lower the misfit
RectangularScales exact_scales(const RectangularMoments& moments);

/// The best c without its constraint, projected: see projected_scales(at::Tensor) (PtychoPINN's VarPro 'solve').
RectangularScales projected_scales(const RectangularMoments& moments);

/// @p steps of Adam (rate 0.1) from sqrt(sum X I / sum X X) of each part alone, the factors kept above 1e-6: finds no
/// factors of different sign (PtychoPINN's 'autograd' solver).
RectangularScales adam_scales(const RectangularMoments& moments, std::int64_t steps = 100);

/// Best c of each image alone, columns and measurement normalised, directions without light left out.
/// @param intensity  (..., N, N) real @return (..., 3) float64
at::Tensor image_coefficients(const RectangularBasis& basis, const at::Tensor& intensity);

/// The factors whose s s^T is nearest to [[c1, c3], [c3, c2]]: its largest eigenvalue's vector.
/// @param coefficients  (..., 3) real @return (..., 2)
at::Tensor projected_scales(const at::Tensor& coefficients);

/// s1 Re o + i s2 Im o.
at::Tensor scaled_parts(const at::Tensor& object, const RectangularScales& scales);

} // namespace ptk::physics
