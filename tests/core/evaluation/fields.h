#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <cstdint>

namespace ptk::evaluation {

/// A complex transmission that is known between pixels too: 1 and a sum of random complex Gaussians around and inside
/// the frame. With a width of 2.5 pixels its spectrum at the Nyquist frequency is exp(-30) of its height.
class Field {
public:
    explicit Field(std::uint64_t seed, double strength = 0.5, double width = 2.5, int count = 260, double extent = 150)
        : width_(width)
    {
        auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
        const auto options = at::TensorOptions().dtype(at::kDouble);
        places_ = at::rand({count, 2}, generator, options) * (extent + 40) - 20;
        heights_ = at::view_as_complex(at::randn({count, 2}, generator, options) * strength);
    }

    /// (height, width) complex128: the field at (x, y) = (offset_x + step c, offset_y + step r).
    at::Tensor sample(std::int64_t height, std::int64_t width, double offset_x = 0, double offset_y = 0,
                      double step = 1) const
    {
        const auto bell = [this, step](std::int64_t length, double offset, int axis) {
            const auto at = at::arange(length, at::kDouble) * step + offset;
            return at::exp((at.unsqueeze(1) - places_.select(1, axis)).square() * (-0.5 / (width_ * width_)))
                .to(at::kComplexDouble);
        };
        return at::matmul(bell(height, offset_y, 1) * heights_, bell(width, offset_x, 0).t()) + 1;
    }

private:
    double width_;
    at::Tensor places_;  ///< (count, 2) (x, y)
    at::Tensor heights_; ///< (count) complex128
};

/// exp(i (kx x + ky y)), written out for the tests.
inline at::Tensor ramp(std::int64_t height, std::int64_t width, double kx, double ky)
{
    const auto angle = at::arange(height, at::kDouble).unsqueeze(1) * ky + at::arange(width, at::kDouble) * kx;
    return at::polar(at::ones_like(angle), angle);
}

/// Complex normal noise of variance sigma^2.
inline at::Tensor noise(std::int64_t height, std::int64_t width, double sigma, std::uint64_t seed)
{
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::view_as_complex(at::randn({height, width, 2}, generator, at::TensorOptions().dtype(at::kDouble)) *
                               (sigma / std::sqrt(2.0)));
}

/// True in rows [top, bottom) and columns [left, right).
inline at::Tensor box_mask(std::int64_t height, std::int64_t width, std::int64_t top, std::int64_t left,
                           std::int64_t bottom, std::int64_t right)
{
    auto mask = at::zeros({height, width}, at::kBool);
    mask.slice(0, top, bottom).slice(1, left, right).fill_(true);
    return mask;
}

} // namespace ptk::evaluation
