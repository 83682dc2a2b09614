#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::evaluation {

/// A complex image between its pixels, by its Fourier series. So that the two sides of the series meet without a jump,
/// the image is continued by mirror images of itself that fade to its mean over @p margin pixels.
class PeriodicImage {
public:
    /// @param image (H, W) complex128, contiguous, finite @param margin pixels added on each side, at least
    explicit PeriodicImage(const at::Tensor& image, std::int64_t margin = 24);

    /// The same image smoothed by a Gaussian of this width (standard deviation, pixels); then its values between the
    /// pixels depend on few pixels around, where those of the bare Fourier series feel a jump far away.
    PeriodicImage smoothed(double width) const;

    /// The image moved by (dx, dy) pixels: (H, W) complex128 whose value at (x, y) is image(x - dx, y - dy).
    at::Tensor shifted(double dx, double dy) const;

    /// shifted() with its derivatives by dx and by dy.
    struct Shift {
        at::Tensor value;
        at::Tensor by_dx;
        at::Tensor by_dy;
    };
    Shift shifted_with_derivatives(double dx, double dy) const;

    /// (height, width) complex128: values at the image's pixel (offset_y + step r, offset_x + step c), frequencies
    /// above the Nyquist frequency of the new pixels removed; 0 where the image has no pixel. One matrix product an
    /// axis, for any real step > 0.
    at::Tensor sampled(double step, double offset_x, double offset_y, std::int64_t height, std::int64_t width) const;

private:
    at::Tensor inverse(const at::Tensor& spectrum) const;

    std::int64_t height_, width_;
    std::int64_t top_, left_; ///< pixels added before the first row and column
    at::Tensor mean_;         ///< complex128 scalar
    at::Tensor spectrum_;     ///< of the continued image without its mean
};

/// A linear phase exp(i (x kx + y ky)).
struct Ramp {
    double kx = 0; ///< rad per pixel
    double ky = 0;
    double strength = 0; ///< |sum z exp(-i(kx x + ky y))| / sum |z|, 1 for a pure ramp
};

/// The strongest plane wave in @p z, to 1/256 of a Fourier bin: peak of the FFT, refined by matrix-product DFTs around
/// it (Guizar-Sicairos, Thurman & Fienup, Opt. Lett. 33, 156 (2008)). Wraps of the phase do not matter.
/// @param z (H, W) complex128, 0 where it does not count
Ramp strongest_ramp(const at::Tensor& z);

/// (H, W) complex128: exp(i (kx x + ky y)).
at::Tensor plane_wave(std::int64_t height, std::int64_t width, double kx, double ky);

/// The smallest length >= @p length without prime factors above 5.
std::int64_t fast_length(std::int64_t length);

} // namespace ptk::evaluation
