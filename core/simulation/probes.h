#pragma once
#include "simulation/field.h"

#include <ATen/core/Tensor.h>

#include <random>
#include <vector>

namespace ptk::simulation {

// Probes are centred on index N/2 unless said otherwise; their power is set where they are used.

/// Zernike polynomial Z_n^m with root-mean-square one over the unit disk; cosine for m >= 0, sine for m < 0; zero
/// outside. Source: Noll, J. Opt. Soc. Am. 66, 207 (1976), with (n, m) for his single index.
double zernike(int n, int m, double rho, double theta);

struct ZernikeTerm {
    int n, m;
    std::complex<double> coefficient;
};
/// Sum of terms over a disk about ((H - 1)/2, (W - 1)/2) (golden datagen_probes).
ComplexField zernike_probe(std::int64_t height, std::int64_t width, double diameter,
                           const std::vector<ZernikeTerm>& terms);
/// Piston one; every other term up to an order complex normal of standard deviation @p sigma, a tenth of them left out.
std::vector<ZernikeTerm> random_zernike_terms(int order, double sigma, std::mt19937_64& random);

/// Multiplies with a Gaussian about (H/2, W/2). @param sigma_y, sigma_x  pixels
void apply_envelope(ComplexField& field, double sigma_y, double sigma_x);

/// (1 - tanh((r - r0)/w))/2: one inside, zero outside.
double smooth_edge(double r, double r0, double w);

/// Gaussian amplitude. @param diameter  full width at half maximum of the intensity, pixels
/// @param defocus  phase of the curved wave at half the diameter against the centre, radians
ComplexField gaussian_probe(std::int64_t side, double diameter, double defocus);
/// Disk with an edge of half a pixel, and its curved wave.
ComplexField disk_probe(std::int64_t side, double diameter, double defocus);

/// A Fresnel zone plate with a central stop.
struct ZonePlate {
    double diameter_m = 160e-6;
    double outermost_zone_m = 40e-9;
    double stop_m = 25e-6;
    double transition = 0.015; ///< width of the edges as a fraction of diameter and stop
    double wavelength_m = 0.14e-9;

    double focal_length_m() const { return diameter_m * outermost_zone_m / wavelength_m; }
};
/// Transmission in the plane of the plate: aperture, stop and the phase of a thin lens.
ComplexField zone_plate_pupil(const ZonePlate& plate, std::int64_t side, double pixel_m);
/// Fresnel propagation by one Fourier transform; the pixel changes to wavelength * distance / (N * pixel). Sum of
/// squares one.
/// @return (N, N) complex128
at::Tensor fresnel_propagated(const ComplexField& field, double pixel_m, double wavelength_m, double distance_m);
/// The plate's field at focal length + defocus, on pixels of the sample plane. @return (N, N) complex128
/// @throws Error(InvalidConfig) when the plate does not fit its plane: N pixels there are shorter than its diameter
at::Tensor zone_plate_probe(const ZonePlate& plate, std::int64_t side, double sample_pixel_m, double defocus_m);

/// Orthonormal modes that span the primary probe and copies of it under phase ramps exp(i pi (a x + b y)), x and y in
/// [-1, 1].
/// @param primary  (N, N) complex @param ramps  a and b of each further mode
/// @return (1 + ramps, N, N) complex128, strongest first
at::Tensor orthonormal_modes(const at::Tensor& primary, const std::vector<std::pair<double, double>>& ramps);

/// A partially coherent probe by its strongest coherent modes.
struct CoherentModes {
    at::Tensor modes; ///< (count, N, N) complex128, orthogonal, strongest first
    double power = 0; ///< of the modes, as a fraction of the whole
};
/// Gaussian Schell model: mutual intensity P(r1) P*(r2) exp(-|r1 - r2|^2 / (2 length^2)), decomposed into its coherent
/// modes. Source: Starikov & Wolf, J. Opt. Soc. Am. 72, 923 (1982); Vartanyants & Singer, New J. Phys. 12, 035004
/// (2010).
/// @param primary  (N, N) complex, P @param length  pixels
CoherentModes partially_coherent(const at::Tensor& primary, double length, std::int64_t count);

} // namespace ptk::simulation
