#include "simulation/field.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace ptk::simulation {

namespace {

std::vector<double> gaussian_kernel(double sigma)
{
    const auto radius = static_cast<std::int64_t>(4 * sigma + 0.5);
    std::vector<double> kernel(static_cast<std::size_t>(2 * radius + 1));
    double sum = 0;
    for (std::int64_t i = -radius; i <= radius; ++i)
        sum += kernel[static_cast<std::size_t>(i + radius)] =
            std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma));
    for (auto& value : kernel)
        value /= sum;
    return kernel;
}

/// Index of a sample beyond the edges: d c b a | a b c d | d c b a.
std::int64_t mirrored(std::int64_t index, std::int64_t length)
{
    const auto period = 2 * length;
    index = ((index % period) + period) % period;
    return index < length ? index : period - 1 - index;
}

void filter_line(const std::vector<double>& kernel, const double* in, double* out, std::int64_t length,
                 std::int64_t stride)
{
    const auto radius = static_cast<std::int64_t>(kernel.size() / 2);
    for (std::int64_t i = 0; i < length; ++i) {
        double sum = 0;
        for (std::int64_t k = -radius; k <= radius; ++k) {
            const auto j = i + k >= 0 && i + k < length ? i + k : mirrored(i + k, length);
            sum += kernel[static_cast<std::size_t>(k + radius)] * in[j * stride];
        }
        out[i * stride] = sum;
    }
}

} // namespace

Field blurred(const Field& field, double sigma)
{
    if (!(sigma > 0) || field.values.empty())
        return field;
    const auto kernel = gaussian_kernel(sigma);
    Field columns = field;
    for (std::int64_t x = 0; x < field.width; ++x)
        filter_line(kernel, &field.values[static_cast<std::size_t>(x)], &columns.values[static_cast<std::size_t>(x)],
                    field.height, field.width);
    Field both = columns;
    for (std::int64_t y = 0; y < field.height; ++y)
        filter_line(kernel, &columns.values[static_cast<std::size_t>(y * field.width)],
                    &both.values[static_cast<std::size_t>(y * field.width)], field.width, 1);
    return both;
}

void stretch(Field& field, Range range)
{
    if (field.values.empty())
        return;
    const auto [low, high] = std::minmax_element(field.values.begin(), field.values.end());
    const double from = *low, extent = *high - *low;
    for (auto& value : field.values)
        value = range.first + (extent > 0 ? (value - from) / extent : 0.5) * (range.second - range.first);
}

void normalise(Field& field)
{
    stretch(field, {0, 1});
}

ComplexField from_amplitude_phase(const Field& amplitude, const Field& phase)
{
    ComplexField object(amplitude.height, amplitude.width);
    for (std::size_t i = 0; i < object.values.size(); ++i)
        object.values[i] = std::polar(1.0, phase.values[i]) * amplitude.values[i];
    return object;
}

ComplexField complex_object(const Field& base, Range amplitude, Range phase)
{
    ComplexField object(base.height, base.width);
    for (std::size_t i = 0; i < object.values.size(); ++i) {
        const double value = std::isnan(base.values[i]) ? 0 : std::clamp(base.values[i], 0.0, 1.0);
        const double modulus = amplitude.second - value * (amplitude.second - amplitude.first);
        object.values[i] = std::polar(1.0, phase.first + value * (phase.second - phase.first)) * modulus;
    }
    return object;
}

at::Tensor to_tensor(const ComplexField& field)
{
    auto tensor = at::empty({field.height, field.width}, at::kComplexFloat);
    auto* out = static_cast<std::complex<float>*>(tensor.data_ptr());
    for (std::size_t i = 0; i < field.values.size(); ++i)
        out[i] = std::complex<float>(field.values[i]);
    return tensor;
}

} // namespace ptk::simulation
