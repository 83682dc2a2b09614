#pragma once
#include "config/schema.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace ptk::evaluation {

// What PtychoPINN's evaluation says of an object, number for number, so that its tables can be compared with (reference
// digest 6.5; golden metrics_eval_reconstruction, metrics_frc_preprocess). compare() is ours and registers first.

/// Settings of PtychoPINN's evaluation.
struct PtychoPinnEvaluation {
    enum class PhaseAlign {
        Plane, ///< the best plane of each phase image by itself is taken off
        Mean   ///< its mean
    };
    std::int64_t trim = 2; ///< pixels taken off each side first
    PhaseAlign phase_align = PhaseAlign::Plane;
    double frc_sigma = 0;     ///< of a Gaussian over the rings of the curve; 0: none
    double ms_ssim_sigma = 1; ///< of a Gaussian over the amplitude images; 0: none
};

/// Each of the pairs is (amplitude, phase).
struct PtychoPinnScores {
    std::array<double, 2> mae, mse;
    std::array<double, 2> psnr; ///< dB, of a peak of 255 whatever the images are
    std::array<double, 2> ssim; ///< phase: of (phi + pi) / 2 pi with range 1
    std::array<double, 2> ms_ssim;
    std::array<double, 2> frc_half, frc_seventh;  ///< rings: where the curve falls below 1/2 and 1/7
    std::vector<double> frc_amplitude, frc_phase; ///< modulus of the ring correlation, no window; by ring
};

/// Trims both, takes amplitude and phase, brings the object's amplitude to the reference's mean, aligns the phases,
/// scores. Nothing is registered: the images have to lie on each other.
/// @param object, reference  (H, W) complex
/// @throws Error(Shape) when they differ or fewer than 8 pixels a side are left
PtychoPinnScores ptychopinn_scores(const at::Tensor& object, const at::Tensor& reference,
                                   const PtychoPinnEvaluation& options = {});

config::Json to_json(const PtychoPinnScores& scores);

/// Multi-scale SSIM as there: every scale's mean SSIM (not its contrast part) to the power of Wang, Simoncelli &
/// Bovik's weights (Asilomar 2003), every second pixel from one scale to the next, until a side has fewer than 7; a
/// negative SSIM counts as 1e-4. The range is the larger one of the two smoothed images.
/// @param sigma  of a Gaussian over both images first; 0: none @param levels  1 to 5
double multi_scale_ssim(const at::Tensor& image, const at::Tensor& reference, double sigma, std::int64_t levels = 5);

/// The image less its least-squares plane a x + b y + c. (H, W) float64
at::Tensor without_plane(const at::Tensor& image);

/// @p image times exp(-i (plane)) of the plane that fits angle(image conj other) best, weighted with |image| |other| or
/// uniformly. @p other undefined: the plane of the image's own phase. No phase is unwrapped. (H, W) complex128
at::Tensor phase_plane_matched(const at::Tensor& image, const at::Tensor& other, bool weighted);

/// Times a Tukey window whose edges of @p pixels on each side rise as a cosine, along rows and columns.
at::Tensor tapered(const at::Tensor& image, std::int64_t pixels);

} // namespace ptk::evaluation
