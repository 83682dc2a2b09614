#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace ptk::evaluation {

/// Mean absolute difference inside the mask.
double mean_absolute_error(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask);
/// 10 log10(peak^2 / mean squared error). @param peak stated by the caller, e.g. max - min of the reference
double psnr(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double peak);
/// sqrt(sum |o - r|^2 / sum |r - mean r|^2) inside the mask: 1 = no better than a constant. Complex or real.
double normalised_rmse(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);
/// Mean structural similarity (Wang et al. 2004; uniform 7 x 7 window, sample covariance, K1 .01, K2 .03) over windows inside the mask.
double ssim(const at::Tensor& image, const at::Tensor& reference, const at::Tensor& mask, double range);

/// Fourier ring correlation (van Heel & Schatz 2005) of two complex images of one shape, multiplied with a Tukey window.
struct RingCorrelation {
    std::vector<double> frequency;    ///< fraction of Nyquist
    std::vector<double> correlation;
};
RingCorrelation ring_correlation(const at::Tensor& a, const at::Tensor& b);
/// First frequency at which the curve falls below the threshold, linearly interpolated; 1 when it never does.
double crossing(const RingCorrelation& curve, double threshold);

/// Everything of method.md for an object against a reference of the same frame.
struct Scores {
    double complex_nrmse, amplitude_mae, phase_mae, amplitude_psnr, phase_psnr, amplitude_ssim, phase_ssim, frc_half;
    double shift_x, shift_y;
    RingCorrelation frc;
};
/// Registers, then scores inside the mask (the scanned area) and its bounding box.
Scores compare(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);

/// The scanned area: pixels of the object's frame inside the convex hull of the positions. (H, W) bool
at::Tensor scanned_area(const at::Tensor& positions, std::int64_t height, std::int64_t width, std::int64_t origin_x, std::int64_t origin_y);

}  // namespace ptk::evaluation
