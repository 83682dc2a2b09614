#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace ptk::physics {

// Probes are (modes, N, N) complex64, incoherent modes, index N/2 at the position, unit sqrt(counts) in an orthonormal
// FFT: the sum of their squares is the mean number of counts in a frame through an empty object.

/// (N, N), (N, N, 1) or (P, N, N) -> (P, N, N) complex64. @throws Error(Shape)
at::Tensor canonical_probe(const at::Tensor& probe, std::int64_t side);

/// Scale all modes by one factor so that their squares sum to @p power.
at::Tensor with_power(const at::Tensor& probe, double power);

/// The first modes of the probe, or with made ones added until there are @p modes: low-order polynomial factors
/// (Hermite in x and y, centred, in units of the root-mean-square width) on the first mode, orthogonalised, 5 % of the
/// power each (all together at most half); the total power stays. The given modes are not changed but for their common
/// factor. Not differentiable.
at::Tensor with_modes(const at::Tensor& probe, std::int64_t modes);

/// Orthogonal modes that span the same light, strongest first: U S^(1/2) of the modes' mutual coherence, each with the
/// phase of the mode it is mostly made of. Source: Thibault & Menzel 2013.
at::Tensor orthogonal_modes(const at::Tensor& probe);

/// Shift every mode by the fraction of a pixel of each position with a Fourier ramp: mode(r - f). A whole pixel is a
/// roll; shifts add up exactly, and -f undoes f. Differentiable in both arguments.
/// @param probe      (M, N, N) complex
/// @param fractions  (B, 2) (x, y) in pixels, real
/// @return (B, M, N, N)
at::Tensor shifted_probe(const at::Tensor& probe, const at::Tensor& fractions);

/// The same of a probe whose spectrum fft2(probe), (M, N, N), is known: for one that is shifted again and again.
at::Tensor shifted_from_spectrum(const at::Tensor& spectrum, const at::Tensor& fractions);

/// The same for positions that have different probes.
/// @param probes  (E, M, N, N) complex @param which  (B) int64: the probe of each position
at::Tensor shifted_probes(const at::Tensor& probes, const at::Tensor& which, const at::Tensor& fractions);

/// Centre of mass of the summed intensity, in indices. @throws Error(InvalidArgument) for a probe without power
struct CentreOfMass {
    double row;
    double column;
};
CentreOfMass centre_of_mass(const at::Tensor& probe);

/// Move the centre of mass of the summed intensity to index N/2 by whole pixels (the gauge of a trained probe). An
/// object seen with it has to move by the same rows and columns. Returns the shift done.
struct Centred {
    at::Tensor probe;
    std::int64_t rows;
    std::int64_t columns;
};
Centred centred(const at::Tensor& probe);

/// PtychoPINN's training probe: P / (probe_scale * mean|mask * P|), the mean over all modes and pixels. factor = 1 /
/// that divisor.
struct NormalisedProbe {
    at::Tensor probe;
    double factor;
};
NormalisedProbe normalised_like_ptychopinn(const at::Tensor& probe, double probe_scale, const at::Tensor& mask);

/// PtychoPINN's soft disk: |r| < diameter/2 (default N/4) around N/2 - 1/2 (integer division), edge smoothed with a
/// Gaussian of @p sigma pixels (0: not), largest value 1. (N, N) float32
at::Tensor soft_disk(std::int64_t side, std::optional<double> diameter, double sigma);

} // namespace ptk::physics
