#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::evaluation {

/// What ptychography leaves undetermined, removed: a reconstruction brought into the frame of a reference,
///   aligned(x, y) = scale exp(-i (ramp_x x + ramp_y y)) object(x - shift_x, y - shift_y),   (x, y) = (column, row)
///   from 0.
struct Registration {
    at::Tensor aligned; ///< (H, W) complex128 in the frame of the reference; 0 where the moved object has no pixel,
                        ///< faded to its mean away from the mask
    at::Tensor
        valid; ///< (H, W) bool: pixels of the mask where the reference is finite and the moved object has a pixel
    double shift_x = 0; ///< pixels by which the content was moved
    double shift_y = 0;
    double ramp_x = 0; ///< rad per pixel that were removed
    double ramp_y = 0;
    double scale_re = 1; ///< complex factor that was applied
    double scale_im = 0;
};

/// Sub-pixel shift, phase ramp, global phase and scale of @p object that fit @p reference best inside the mask.
///
/// The start is the best of: no shift; the peak of the normalised cross correlation of a(x + 1, y) conj(a(x, y)) and
/// a(x, y + 1) conj(a(x, y)), which a ramp only turns as a whole; the peak of the complex cross correlation with the
/// ramp removed; each with the strongest plane wave in reference conj(object). From there Levenberg-Marquardt steps on
/// shift, ramp and factor minimise sum_mask |aligned - reference|^2 of both images smoothed by a Gaussian of one pixel:
/// two noisy images agree by chance best at shifts where their noise does, and smoothing takes most of that away. The
/// factor is the best one without smoothing.
///
/// Between its pixels the object is its Fourier series (Guizar-Sicairos, Thurman & Fienup, Opt. Lett. 33, 156 (2008)).
/// What lies more than 3 pixels outside the mask's bounding box fades to the mean over 16 pixels, so that the unseen
/// surroundings of a scan do not ring into it.
///
/// Shifts up to a quarter of the image's sides are searched. Pixels of the object that are not finite count as 0.
///
/// @param object, reference  (H, W) complex or real @param mask (H, W) bool, the area that counts; undefined:
/// everywhere
/// @throws Error(Shape) when the shapes differ, or the mask is empty or selects no finite pixel of the reference
Registration register_object(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);

/// An image in the frame of another pixel size: the value of pixel (r, c) is @p image at its (sub-)pixel (row offset_y
/// + step r, column offset_x + step c), with frequencies that the new pixels cannot carry removed. So a reference made
/// from frames of 128 pixels comes into the frame of the same frames binned to 64 with step 2. 0 where the image has no
/// pixel.
/// @param image (H, W) complex or real, finite @param step input pixels per output pixel, > 0
/// @return (height, width) complex128
/// @throws Error(Shape), Error(InvalidArgument) for a step, offset or size out of range or a pixel that is not finite
at::Tensor resample(const at::Tensor& image, double step, double offset_x, double offset_y, std::int64_t height,
                    std::int64_t width);

} // namespace ptk::evaluation
