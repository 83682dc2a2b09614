#include "reconstruction/canvas.h"

#include "base/error.h"
#include "base/shape.h"
#include "kernels/cpu/splat.h"
#include "physics/iterative_engine.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/util/complex.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ptk::reconstruction {

namespace {

using kernels::cpu::SplatPlace;

/// Beyond this a canvas is a mistake in the positions (26 GB of sums).
constexpr double most_pixels = 1 << 30;
/// Fewer patch pixels than these are not worth a thread.
constexpr std::int64_t pixels_per_thread = 1 << 15;

void check_batch(const at::Tensor& patches, const at::Tensor& positions, const at::Tensor& weights)
{
    require(patches.defined() && patches.dim() == 3 && patches.size(1) == patches.size(2) && patches.size(1) > 0 &&
                patches.is_complex(),
            Status::Shape, "patches to stitch: expected complex (k, n, n), found {}", base::shape_of(patches));
    const auto count = patches.size(0);
    const auto side = patches.size(1);
    require(positions.defined() && positions.sizes() == at::IntArrayRef({count, 2}), Status::Shape,
            "positions of patches: expected ({}, 2), found {}", count, base::shape_of(positions));
    require(weights.defined() && !weights.is_complex() &&
                (weights.sizes() == at::IntArrayRef({side, side}) ||
                 weights.sizes() == at::IntArrayRef({count, side, side})),
            Status::Shape, "weights of patches: expected ({}, {}) or ({}, {}, {}), found {}", side, side, count, side,
            side, base::shape_of(weights));
}

void check_weights(const at::Tensor& weights)
{
    // A NaN fails the comparison too.
    require(weights.numel() == 0 || weights.min().item<float>() >= 0, Status::InvalidArgument,
            "weights of patches: expected numbers that are not negative");
}

/// Adds the patches in bands of rows, one a thread: every pixel receives its patches in their order, however many
/// threads there are.
void splat(const kernels::cpu::SplatPatches& patches, const kernels::cpu::SplatCanvas& canvas)
{
    const auto [top, bottom] = std::minmax_element(patches.places, patches.places + patches.count,
                                                   [](const auto& a, const auto& b) { return a.row < b.row; });
    const auto first = top->row;
    const auto rows = bottom->row + patches.side + 1 - first;
    const auto pixels = patches.count * patches.side * patches.side;
    const auto bands =
        std::clamp<std::int64_t>(pixels / pixels_per_thread, 1, std::min<std::int64_t>(at::get_num_threads(), rows));
    at::parallel_for(0, bands, 1, [&](std::int64_t begin, std::int64_t end) {
        kernels::cpu::splat_rows(patches, canvas, first + rows * begin / bands, first + rows * end / bands);
    });
}

} // namespace

Canvas::Canvas(std::int64_t height, std::int64_t width, std::int64_t origin_x, std::int64_t origin_y)
    : height_(height), width_(width), origin_x_(origin_x), origin_y_(origin_y)
{
    require(height > 0 && width > 0 && static_cast<double>(height) * static_cast<double>(width) <= most_pixels,
            Status::Shape,
            "a canvas of {} x {} pixels: expected 1 to {:.0f} pixels; are the positions in object pixels?", height,
            width, most_pixels);
    sum_ = at::zeros({height, width, 2}, at::kDouble);
    weight_ = at::zeros({height, width}, at::kDouble);
}

Canvas Canvas::around(const at::Tensor& positions, std::int64_t side, std::int64_t height, std::int64_t width)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(0) > 0 && positions.size(1) == 2,
            Status::Shape, "positions of a canvas: expected (n, 2), found {}", base::shape_of(positions));
    const double farthest = positions.to(at::kDouble).abs().max().item<double>();
    require(farthest <= most_pixels, Status::Shape, "positions reach to {:g}; are they in object pixels?", farthest);
    const auto frame = physics::frame_for(positions.to(at::kCPU, at::kDouble), side, height, width);
    return {frame.height, frame.width, frame.origin_x, frame.origin_y};
}

void Canvas::add(const at::Tensor& patches, const at::Tensor& positions, const at::Tensor& weights)
{
    check_batch(patches, positions, weights);
    const auto values = patches.to(at::kCPU, at::kComplexFloat).resolve_conj().contiguous();
    const auto weight = weights.to(at::kCPU, at::kFloat).contiguous();
    check_weights(weight);
    const auto count = values.size(0);
    const auto side = values.size(1);
    const auto places = places_of(positions, side);
    added_ += static_cast<std::int64_t>(places.size());
    dropped_ += count - static_cast<std::int64_t>(places.size());
    if (places.empty())
        return;

    const auto* value = reinterpret_cast<const float*>(values.const_data_ptr<c10::complex<float>>());
    const auto stride = weight.dim() == 2 ? 0 : side * side;
    splat(
        {value, weight.const_data_ptr<float>(), stride, side, places.data(), static_cast<std::int64_t>(places.size())},
        {sum_.mutable_data_ptr<double>(), weight_.mutable_data_ptr<double>(), width_});
}

std::vector<SplatPlace> Canvas::places_of(const at::Tensor& positions, std::int64_t side) const
{
    const auto centres = positions.to(at::kCPU, at::kDouble).contiguous();
    const auto* xy = centres.const_data_ptr<double>();
    std::vector<SplatPlace> places;
    for (std::int64_t i = 0; i < centres.size(0); ++i) {
        const double left = xy[2 * i] - static_cast<double>(origin_x_ + side / 2);
        const double top = xy[2 * i + 1] - static_cast<double>(origin_y_ + side / 2);
        // Written so that positions that are not finite do not fit either.
        const bool fits = left >= 0 && top >= 0 && left <= static_cast<double>(width_ - side) &&
                          top <= static_cast<double>(height_ - side);
        if (!fits)
            continue;
        const double row = std::floor(top);
        const double column = std::floor(left);
        places.push_back(
            {i, static_cast<std::int64_t>(row), static_cast<std::int64_t>(column), top - row, left - column});
    }
    return places;
}

at::Tensor Canvas::object(double fill, double coverage) const
{
    auto object = at::empty({height_, width_}, at::kComplexFloat);
    auto* out = object.mutable_data_ptr<c10::complex<float>>();
    const auto* sum = sum_.const_data_ptr<double>();
    const auto* weight = weight_.const_data_ptr<double>();
    const double least = least_weight(coverage);
    const c10::complex<float> outside(static_cast<float>(fill), 0);
    at::parallel_for(0, height_ * width_, pixels_per_thread, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i)
            out[i] = weight[i] < least ? outside
                                       : c10::complex<float>(static_cast<float>(sum[2 * i] / weight[i]),
                                                             static_cast<float>(sum[2 * i + 1] / weight[i]));
    });
    return object;
}

at::Tensor Canvas::cut(const at::Tensor& image, const at::Tensor& positions, std::int64_t side) const
{
    const auto origin = at::tensor({origin_x_ + side / 2, origin_y_ + side / 2}, at::kDouble);
    const auto corners = positions.to(at::kCPU, at::kDouble) - origin;
    const auto whole = corners.floor();
    const auto fractions = (corners - whole).to(at::kFloat);
    const auto offsets = at::arange(side, at::kLong);
    const auto columns = whole.select(1, 0).to(at::kLong).unsqueeze(1) + offsets;
    const auto rows = whole.select(1, 1).to(at::kLong).unsqueeze(1) + offsets;
    const auto pixels = [&](std::int64_t down, std::int64_t right) {
        const auto r = (rows + down).clamp(0, height_ - 1).unsqueeze(2);
        const auto c = (columns + right).clamp(0, width_ - 1).unsqueeze(1);
        return image.reshape(-1).index({r * width_ + c});
    };
    if (fractions.eq(0).all().item<bool>())
        return pixels(0, 0);
    const auto x = fractions.select(1, 0).view({-1, 1, 1});
    const auto y = fractions.select(1, 1).view({-1, 1, 1});
    const auto upper = pixels(0, 0) * (1 - x) + pixels(0, 1) * x;
    const auto lower = pixels(1, 0) * (1 - x) + pixels(1, 1) * x;
    return upper * (1 - y) + lower * y;
}

at::Tensor Canvas::weights() const
{
    return weight_.to(at::kFloat);
}

at::Tensor Canvas::covered(double coverage) const
{
    return weight_.ge(least_weight(coverage));
}

double Canvas::least_weight(double coverage) const
{
    const double least = coverage * weight_.max().item<double>();
    return std::max(least, std::numeric_limits<double>::min()); // a pixel without weight is never reached
}

} // namespace ptk::reconstruction
