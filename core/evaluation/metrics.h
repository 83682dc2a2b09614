#pragma once
#include <ATen/core/Tensor.h>

#include <complex>
#include <cstdint>
#include <vector>

namespace ptk::evaluation {

// Images are (H, W) on any device, computed in double on the CPU. A mask is (H, W) bool; undefined: every pixel.
// All throw Error(Shape) when shapes differ or the mask selects nothing. NaN pixels inside the mask give NaN; compare()
// says how it treats them.

/// Mean absolute difference inside the mask. Complex or real.
double mean_absolute_error(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask);
/// 10 log10(peak^2 / mean squared error) of real images; infinite for equal ones.
/// @param peak stated by the caller, e.g. max - min of the reference
double psnr(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double peak);
/// sqrt(sum |o - r|^2 / sum |r - mean r|^2) inside the mask: 1 = no better than a constant. Complex or real.
/// NaN when the reference is constant.
double normalised_rmse(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);
/// Mean structural similarity (Wang, Bovik, Sheikh & Simoncelli, IEEE TIP 13, 600 (2004)) of real images over the
/// windows that lie wholly inside the mask; uniform 7 x 7 window, sample covariance, K1 .01, K2 .03. With no mask it
/// equals scikit-image's structural_similarity.
/// @param range of the data, > 0 @throws Error(Shape) when the mask holds no window
double ssim(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double range);

/// Fourier ring correlation of two complex or real images: the normalised sum over each ring q of
///   sum A(k) conj B(k) / sqrt(sum |A(k)|^2 sum |B(k)|^2),   q = round(|k|), half to even, for all rings up to the
///   corner of the spectrum.
/// No window. Rings without energy in either image are 0. van Heel & Schatz, J. Struct. Biol. 151, 250 (2005), eq. 1.
/// @param a, b (n, n) @throws Error(Shape) unless square and of one size
std::vector<std::complex<double>> ring_sums(const at::Tensor& a, const at::Tensor& b);

/// A curve over spatial frequency.
struct RingCorrelation {
    std::vector<double> frequency; ///< fraction of Nyquist, 0 ... 1
    std::vector<double> correlation;
};
/// Real part of ring_sums() up to the Nyquist frequency, of the images less their means times a Tukey window (a quarter
/// of each side tapered), so that neither the mean nor the jump between opposite edges correlates. Ring 0, where only
/// the mean was, is 1 by definition. The real part, not the modulus: noise then averages to 0, and a phase that turns
/// with the frequency counts as the misfit it is.
/// @param a, b (n, n), n >= 8, finite
RingCorrelation ring_correlation(const at::Tensor& a, const at::Tensor& b);
/// First frequency at which the curve falls below the threshold, linearly interpolated; 1 when it never does.
double crossing(const RingCorrelation& curve, double threshold);

/// Everything of an object against a reference of the same frame. Amplitudes are |.|; phase errors are angle(aligned
/// conj(reference)).
struct Scores {
    double complex_nrmse; ///< normalised_rmse() of the complex images
    double amplitude_mae;
    double phase_mae;        ///< rad
    double amplitude_psnr;   ///< dB, peak = amplitude_range
    double phase_psnr;       ///< dB, peak = phase_range
    double amplitude_ssim;   ///< range = amplitude_range
    double phase_ssim;       ///< range = phase_range
    double frc_half;         ///< frequency at which the ring correlation falls below 1/2, fraction of Nyquist
    double amplitude_range;  ///< max - min of the reference inside the mask
    double phase_range;      ///< rad; the same of its phase relative to its mean phase
    double shift_x, shift_y; ///< pixels by which the object was moved
    RingCorrelation frc;
};

/// Registers, then scores inside the mask (the scanned area); the ring correlation in the largest square at the centre
/// of its bounding box.
///
/// The phase is taken relative to the reference's mean phase over the mask, p = angle(reference exp(-i angle(mean
/// reference))), and the object's as p + angle(aligned conj(reference)): a pixel on the other side of a wrap differs by
/// what it is off, not by 2 pi. Pixels of the object that are not finite count as 0 (amplitude, and phase relative to
/// that mean); those of the reference leave the mask. PSNR and SSIM are NaN where the reference's range is 0.
/// @throws Error(Shape) when shapes differ, or the mask holds no 7 x 7 window or its box is smaller than 8 x 8
Scores compare(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);

/// The scanned area: pixels of the object's frame whose centres lie inside or on the convex hull of the positions.
/// Hull by Andrew's monotone chain (Inf. Proc. Lett. 9, 216 (1979)), filled by scan lines.
/// @param positions (n, 2) (x, y), pixel (r, c) is at (origin_x + c, origin_y + r) @return (H, W) bool
/// @throws Error(Shape) no positions or another shape; Error(InvalidArgument) a position that is not finite, or a size
/// below 1
at::Tensor scanned_area(const at::Tensor& positions, std::int64_t height, std::int64_t width, std::int64_t origin_x,
                        std::int64_t origin_y);

} // namespace ptk::evaluation
