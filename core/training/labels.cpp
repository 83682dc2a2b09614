#include "training/labels.h"

#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/sgn.h>

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

double mean_phase(const at::Tensor& object, bool arithmetic)
{
    const auto third = [&](std::int64_t axis) {
        const auto begin = object.size(axis) / 3;
        return std::pair{begin, std::max(begin + 1, 2 * object.size(axis) / 3)};
    };
    const auto [top, bottom] = third(0);
    const auto [left, right] = third(1);
    const auto centre = object.slice(0, top, bottom).slice(1, left, right).to(at::kComplexDouble);
    return arithmetic ? centre.angle().mean().item<double>() : at::sgn(centre).mean().angle().item<double>();
}

/// Without this phase.
at::Tensor turned_back(const at::Tensor& values, double phase)
{
    return values * at::Scalar(c10::complex<double>(std::cos(phase), -std::sin(phase)));
}

/// (k, height, width) of the image, from the corners (k, 2) on.
at::Tensor cut(const at::Tensor& image, const at::Tensor& corners, std::int64_t side)
{
    const auto axis = at::arange(side, at::kLong);
    const auto columns = corners.select(1, 0).view({-1, 1, 1}) + axis.view({1, 1, -1});
    const auto rows = corners.select(1, 1).view({-1, 1, 1}) + axis.view({1, -1, 1});
    const auto places = rows * image.size(1) + columns;
    return image.reshape({-1}).index_select(0, places.reshape({-1})).view(places.sizes());
}

} // namespace

Labels::Labels(const data::Scan& scan, Subpixel subpixel, bool subtract_phase, bool arithmetic_mean, c10::Device device)
    : side_(scan.side()), device_(device)
{
    if (scan.labels.defined()) {
        use(scan.labels, scan.object, subtract_phase, arithmetic_mean);
        return;
    }
    require(
        scan.object.defined() && !scan.object.eq(1).all().item<bool>(), Status::State,
        "{}: holds no object to compare with, which training.loss = 'supervised' needs (in NPZ the patches "
        "'label', when the file is opened with that loss, or the array 'objectGuess'; 'ptychokit simulate' writes it)",
        scan.source);
    const auto positions = scan.positions.to(at::kCPU, at::kDouble);
    if (subpixel == Subpixel::Interpolate) {
        const auto whole = at::floor(positions);
        fractions_ = positions - whole;
        corners_ = whole.to(at::kLong) - side_ / 2;
    } else {
        corners_ = physics::pixel_grid(positions, side_).corners;
    }
    const auto height = scan.object.size(0), width = scan.object.size(1);
    const auto needed = fractions_.defined() ? side_ + 1 : side_; // pixels that interpolation looks at
    const auto outside = corners_.lt(0)
                             .any(1)
                             .logical_or(corners_.select(1, 0).gt(width - needed))
                             .logical_or(corners_.select(1, 1).gt(height - needed));
    if (const auto left = outside.sum().item<std::int64_t>(); left > 0) {
        const auto first = outside.to(at::kLong).argmax().item<std::int64_t>();
        fail(Status::Shape,
             "{}: the patches of {} frames leave the object ({} x {}), frame {} at ({:.1f}, {:.1f}) the first; a "
             "supervised training needs the object around every frame",
             scan.source, left, height, width, first, positions[first][0].item<double>(),
             positions[first][1].item<double>());
    }
    object_ = scan.object.to(at::kCPU, at::kComplexFloat);
    if (subtract_phase)
        object_ = turned_back(object_, mean_phase(object_, arithmetic_mean));
    object_ = object_.contiguous();
}

void Labels::use(const at::Tensor& labels, const at::Tensor& object, bool subtract_phase, bool arithmetic_mean)
{
    labels_ = labels;
    if (subtract_phase && object.defined())
        labels_ = turned_back(labels, mean_phase(object.to(at::kCPU), arithmetic_mean));
}

at::Tensor Labels::of(const at::Tensor& frames) const
{
    const auto flat = frames.reshape({-1});
    if (labels_.defined()) {
        auto shape = frames.sizes().vec();
        shape.insert(shape.end(), {side_, side_});
        return labels_.index_select(0, flat).to(device_).view(shape);
    }
    const auto corners = corners_.index_select(0, flat);
    auto patches = cut(object_, corners, fractions_.defined() ? side_ + 1 : side_);
    if (fractions_.defined()) {
        const auto fraction = fractions_.index_select(0, flat).to(at::kFloat);
        const auto between = [&](const at::Tensor& image, std::int64_t axis, std::int64_t column) {
            const auto weight = fraction.select(1, column).view({-1, 1, 1});
            return image.narrow(axis, 0, side_) * (1 - weight) + image.narrow(axis, 1, side_) * weight;
        };
        patches = between(between(patches, 2, 0), 1, 1);
    }
    auto shape = frames.sizes().vec();
    shape.insert(shape.end(), {side_, side_});
    return patches.to(device_).view(shape);
}

} // namespace ptk::training
