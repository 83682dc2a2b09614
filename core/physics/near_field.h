#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

// Propagation over a distance z in free space, for near-field ptychography and for moving probes along the beam. Fields
// are (..., N, N) complex, sampled dx apart, index N/2 on the axis. All are unitary for waves that travel,
// differentiable in the field, and leave out the common phase exp(i 2 pi z / wavelength). Source: Goodman, Introduction
// to Fourier Optics, 3rd ed. (2005), sections 3.10 (angular spectrum), 4.2 (Fresnel); sampling: Voelz & Roggemann,
// Appl. Opt. 48, 6132 (2009).
//
// Which of them: with the Fresnel number of a pixel, f = dx^2 / (wavelength z),
//   |f| N >= 1   near: fresnel_transfer(), angular_spectrum(): the chirp in frequency is sampled finely enough; pixels
//                of the detector are dx
//   |f| N <= 1   far: fresnel_single(): the chirp in the object's plane is; pixels of the detector are wavelength z /
//                (N dx)
// At |f| N = 1 the pixels and the intensities are the same.

/// dx^2 / (wavelength z). Lengths in metres; z may be negative (back). @throws Error(InvalidArgument)
double fresnel_number(double pixel, double wavelength, double distance);

/// What a wave's transform is multiplied with on its way, (N, N) complex128 in the order of the transform.
at::Tensor fresnel_response(std::int64_t side, double fresnel);
at::Tensor angular_response(std::int64_t side, double wavelength, double distance);
/// exp(i pi f (x^2 + y^2)), (N, N) complex128, indices counted from N/2: what makes one transform out of the near
/// field.
at::Tensor fresnel_chirp(std::int64_t side, double fresnel);

/// FFT^-1 [ exp(-i pi (p^2 + q^2) / (f N^2)) FFT u ] with integer frequencies p, q: paraxial, periodic.
/// @param fresnel  f of a pixel, not 0; negative: back @throws Error(Shape), Error(InvalidArgument)
at::Tensor fresnel_transfer(const at::Tensor& field, double fresnel);

/// -i exp(i pi (r^2 + c^2) / (f N^2)) FFT [ u exp(i pi f (x^2 + y^2)) ], orthonormal, all indices counted from N/2:
/// paraxial, in one transform. As f goes to 0 its modulus is the far field's.
at::Tensor fresnel_single(const at::Tensor& field, double fresnel);

/// FFT^-1 [ exp(i 2 pi z (sqrt(1 / wavelength^2 - p^2 - q^2) - 1 / wavelength)) FFT u ]: not paraxial; evanescent waves
/// decay forward and are left out backward.
/// @param wavelength, distance  in units of dx; wavelength > 0
at::Tensor angular_spectrum(const at::Tensor& field, double wavelength, double distance);

/// I = sum_m |propagated (P_m O)|^2, incoherent in the modes; fresnel_transfer() or fresnel_single() by the rule above.
/// @param patches  (..., N, N) complex @param probe  (M, N, N), or with the leading axes of the patches
/// @return (..., N, N) real, in the unit of the probe squared
at::Tensor near_field_intensity(const at::Tensor& patches, const at::Tensor& probe, double fresnel);

} // namespace ptk::physics
