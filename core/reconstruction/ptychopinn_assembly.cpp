#include "reconstruction/ptychopinn_assembly.h"

#include "base/error.h"
#include "base/shape.h"
#include "physics/patches.h"
#include "reconstruction/canvas.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/view_as_real.h>

#include <cmath>

namespace ptk::reconstruction {

namespace {

at::Tensor listed(const at::Tensor& positions)
{
    require(positions.dim() >= 1 && positions.size(-1) == 2 && positions.numel() > 0, Status::Shape,
            "positions: expected (..., 2), found {}", base::shape_of(positions));
    return positions.reshape({-1, 2}).to(at::kCPU, at::kDouble);
}

/// Pixels from N/2 - length/2 on, of the last two axes.
at::Tensor central(const at::Tensor& images, std::int64_t length)
{
    require(images.dim() >= 2 && length > 0 && length % 2 == 0 && length <= images.size(-1), Status::InvalidArgument,
            "central pixels of patches: {}; expected an even number up to the patches' side ({})", length,
            base::shape_of(images));
    const auto first = images.size(-1) / 2 - length / 2;
    return images.narrow(-2, first, length).narrow(-1, first, length).contiguous();
}

PtychoPinnSums moved_and_added(const at::Tensor& images, const at::Tensor& positions)
{
    const auto away = positions - positions.mean(0, /*keepdim=*/true);
    const auto margin = static_cast<std::int64_t>(std::ceil(away.abs().max().item<double>()));
    const auto moved = [&](const at::Tensor& each) {
        return physics::translated(at::constant_pad_nd(each, {margin, margin, margin, margin}), away).sum(0);
    };
    const auto real = images.options().dtype(c10::toRealValueType(images.scalar_type()));
    return {moved(images), moved(at::ones(images.sizes(), real))};
}

} // namespace

PtychoPinnLayout ptychopinn_layout(const at::Tensor& positions, std::int64_t trim)
{
    const auto all = listed(positions);
    const auto centre = all.mean(0);
    const auto reach = (all - centre).abs().amax(0).ceil().to(at::kLong);
    PtychoPinnLayout layout;
    layout.centre_x = centre[0].item<double>();
    layout.centre_y = centre[1].item<double>();
    layout.width = 2 * (trim + reach[0].item<std::int64_t>());
    layout.height = 2 * (trim + reach[1].item<std::int64_t>());
    return layout;
}

at::Tensor ptychopinn_barycentric(const at::Tensor& patches, const at::Tensor& positions, const at::Tensor& probe,
                                  std::int64_t trim)
{
    const auto layout = ptychopinn_layout(positions, trim);
    const auto corner = at::tensor({static_cast<double>(layout.width / 2) - layout.centre_x,
                                    static_cast<double>(layout.height / 2) - layout.centre_y},
                                   at::kDouble);
    const auto weights = probe.defined() ? at::view_as_real(central(probe, trim)).square().sum(at::IntArrayRef({0, -1}))
                                         : at::ones({trim, trim});
    Canvas canvas(layout.height, layout.width, 0, 0);
    canvas.add(central(patches, trim).reshape({-1, trim, trim}), listed(positions) + corner, weights);
    const auto total = canvas.weights();
    return canvas.object(/*fill=*/0, /*coverage=*/0) * (total / (total + 1e-12));
}

PtychoPinnSums ptychopinn_translated(const at::Tensor& patches, const at::Tensor& positions, std::int64_t middle)
{
    return moved_and_added(central(patches, middle), listed(positions));
}

PtychoPinnSums ptychopinn_translated(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& centres,
                                     std::int64_t middle)
{
    const auto reach = static_cast<std::int64_t>(std::ceil(relative.abs().max().item<double>()));
    const auto merged = physics::merge_central_mask(patches, relative, patches.size(-1) + 2 * reach);
    return moved_and_added(central(merged, middle), listed(centres));
}

} // namespace ptk::reconstruction
