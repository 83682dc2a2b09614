#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ptk::physics {

// A building block, without an option: its data are complex fields along a line for many directions of the light
// (interferometric tomography), one slice for all of them. A scan here is something else: intensities of overlapping
// frames with positions, which no step of training, stitching or refinement could take from it. A program that has such
// data uses the operator and its gradient as they are.

/// First-order Born scattering of a plane wave by a slice, for diffraction tomography: by the Fourier diffraction
/// theorem the field on a line behind the object is the object's spectrum on half a circle through the origin. Lengths
/// are in pixels of the object.
struct BornGeometry {
    enum class Norm {
        Unitary, ///< orthonormal transforms, coefficient i
        OdtBrain ///< unscaled forward and 1/n backward transforms, coefficient i / (2 max(k_z, 1e-12)), as ODTbrain
    };
    std::int64_t side = 0;      ///< N of the slice
    std::int64_t detector = 0;  ///< pixels of the line, of the same length as the object's
    std::vector<double> angles; ///< rad, of the illumination; 0 is along z
    double wavelength = 0;      ///< in the medium, above 2 for every frequency of the line to travel
    Norm norm = Norm::Unitary;
};

/// Linear operator; differentiable in the slice. Follows PtychoPINN's operator (reference digest 4.10; golden
/// phys_born_*): bilinear interpolation of the shifted spectrum, zero outside of it and for evanescent waves.
/// Source: Wolf, Opt. Commun. 1, 153 (1969); Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), 6.3.
class BornOperator {
public:
    /// @throws Error(InvalidArgument) naming the length that is not positive, or no angles
    explicit BornOperator(const BornGeometry& geometry);

    /// @param slice  (B, N, N) real or complex: the object function, rows along z; float32 or float64
    /// @return (B, angles, detector) complex of the same precision @throws Error(Shape)
    at::Tensor operator()(const at::Tensor& slice) const;

    /// (angles, detector, 2) float64 (x, z): where the spectrum is read, -1 and 1 at its first and last sample.
    const at::Tensor& samples() const { return samples_; }
    /// (angles, detector) bool: waves that travel and lie inside the spectrum.
    const at::Tensor& valid() const { return valid_; }
    /// (angles, detector) float64: imaginary part of the coefficient, 0 where not valid.
    const at::Tensor& coefficient() const { return coefficient_; }

private:
    BornGeometry geometry_;
    at::Tensor samples_, valid_, coefficient_;
};

} // namespace ptk::physics
