#include "evaluation/images.h"

#include "base/error.h"
#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

namespace ptk::evaluation {

namespace {

void require_plane(const at::Tensor& image, const char* name)
{
    require(image.defined(), Status::InvalidArgument, "{}: no image given", name);
    require(image.dim() == 2 && image.numel() > 0, Status::Shape,
            "{}: shape {}, expected (H, W) with at least one pixel", name, base::shape_of(image));
}

} // namespace

at::Tensor as_complex(const at::Tensor& image, const char* name)
{
    require_plane(image, name);
    return image.detach().to(at::kCPU, at::kComplexDouble).resolve_conj().contiguous();
}

at::Tensor as_real(const at::Tensor& image, const char* name)
{
    require_plane(image, name);
    require(!image.is_complex(), Status::InvalidArgument, "{}: complex, expected a real image", name);
    return image.detach().to(at::kCPU, at::kDouble).contiguous();
}

at::Tensor as_mask(const at::Tensor& mask, const at::Tensor& image)
{
    if (!mask.defined())
        return at::ones(image.sizes(), at::kBool);
    require(mask.dim() == 2 && mask.sizes() == image.sizes(), Status::Shape, "mask: shape {}, expected {} as the image",
            base::shape_of(mask), base::shape_of(image));
    const auto result = mask.detach().to(at::kCPU, at::kBool).contiguous();
    require(result.any().item<bool>(), Status::Shape, "mask: selects none of the {} pixels", result.numel());
    return result;
}

void require_same_shape(const at::Tensor& image, const at::Tensor& reference)
{
    require(image.sizes() == reference.sizes(), Status::Shape, "image: shape {}, expected {} as the reference",
            base::shape_of(image), base::shape_of(reference));
}

at::Tensor finite_or_zero(const at::Tensor& image)
{
    return at::where(at::isfinite(image), image, at::zeros_like(image));
}

std::vector<std::int64_t> selected(const at::Tensor& mask)
{
    std::vector<std::int64_t> indices;
    const bool* values = mask.const_data_ptr<bool>();
    for (std::int64_t i = 0; i < mask.numel(); ++i)
        if (values[i])
            indices.push_back(i);
    return indices;
}

Box bounding_box(const at::Tensor& mask)
{
    const std::int64_t width = mask.size(1);
    std::int64_t top = mask.size(0), bottom = -1, left = width, right = -1;
    for (const std::int64_t i : selected(mask)) {
        top = std::min(top, i / width);
        bottom = std::max(bottom, i / width);
        left = std::min(left, i % width);
        right = std::max(right, i % width);
    }
    return {top, left, bottom - top + 1, right - left + 1};
}

at::Tensor crop(const at::Tensor& image, const Box& box)
{
    return image.narrow(0, box.top, box.height).narrow(1, box.left, box.width);
}

} // namespace ptk::evaluation
