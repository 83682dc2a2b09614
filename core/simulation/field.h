#pragma once
#include <ATen/core/Tensor.h>

#include <complex>
#include <cstdint>
#include <utility>
#include <vector>

namespace ptk::simulation {

// Pictures of plain numbers: their loops give the same bits on any number of threads.

/// Row-major, (height, width).
template <class Number> struct Picture {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<Number> values{};

    Picture() = default;
    Picture(std::int64_t rows, std::int64_t columns, Number value = {})
        : height(rows), width(columns), values(static_cast<std::size_t>(rows * columns), value)
    {
    }
    Number& operator()(std::int64_t row, std::int64_t column)
    {
        return values[static_cast<std::size_t>(row * width + column)];
    }
    Number operator()(std::int64_t row, std::int64_t column) const
    {
        return values[static_cast<std::size_t>(row * width + column)];
    }
};
using Field = Picture<double>;
using ComplexField = Picture<std::complex<double>>;
using Range = std::pair<double, double>;

/// Gaussian filter, cut off at four sigma, the picture mirrored about its outer edges (scipy.ndimage.gaussian_filter's
/// defaults).
/// @param sigma  pixels; 0 or less returns the picture
Field blurred(const Field& field, double sigma);

/// Smallest value becomes 0, largest 1; a flat picture 0.5.
void normalise(Field& field);

/// Smallest and largest value become the ends of the range; a flat picture its middle.
void stretch(Field& field, Range range);

/// amplitude * exp(i phase).
ComplexField from_amplitude_phase(const Field& amplitude, const Field& phase);

/// A base map in [0, 1] (clipped; NaN is 0) as an object: amplitude falls from the upper end of its range with growing
/// base, phase rises. PtychoPINN's objects (golden datagen_objects).
ComplexField complex_object(const Field& base, Range amplitude, Range phase);

/// (H, W) complex64.
at::Tensor to_tensor(const ComplexField& field);

} // namespace ptk::simulation
