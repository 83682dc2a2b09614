#include "physics/patches.h"

#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

namespace ptk::physics {

namespace {

/// Groups whose positions lie further apart than this many pixels of canvas hold wrong positions, not overlapping
/// patches.
constexpr std::int64_t largest_canvas = std::int64_t{1} << 28;

/// Where the patches of each group lie on a canvas of the group's own.
struct Layout {
    at::Tensor corners; ///< (B, G, 2) int64 (x, y) on the CPU, smallest 0 in each group
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t side = 0;

    std::int64_t groups() const { return corners.size(0); }
    std::int64_t patches() const { return corners.size(1); }
};

Layout layout(const at::Tensor& corners, std::int64_t side)
{
    auto local = corners.to(at::kCPU, at::kLong);
    local = (local - local.amin(1, true)).contiguous();
    const auto extent = local.amax({0, 1});
    const auto width = extent[0].item<std::int64_t>() + side, height = extent[1].item<std::int64_t>() + side;
    require(width <= largest_canvas && height <= largest_canvas && width * height <= largest_canvas / local.size(0),
            Status::Shape, "patches of one group lie up to {} x {} pixels apart: expected neighbours", width - side,
            height - side);
    return {local, height, width, side};
}

/// Index of every patch pixel in the flattened canvases: (B, G, N, N) on @p device.
at::Tensor pixel_index(const Layout& at_, c10::Device device)
{
    const auto first = at::arange(at_.groups(), at::kLong).unsqueeze(1) * (at_.height * at_.width) +
                       at_.corners.select(2, 1) * at_.width + at_.corners.select(2, 0);
    const auto line = at::arange(at_.side, at::TensorOptions(at::kLong).device(device));
    return first.to(device).view({at_.groups(), at_.patches(), 1, 1}) + (line.unsqueeze(1) * at_.width + line);
}

at::Tensor window(const at::Tensor& canvas, const Layout& where, std::int64_t b, std::int64_t g)
{
    const auto* corner = where.corners.const_data_ptr<std::int64_t>() + (b * where.patches() + g) * 2;
    return canvas.select(0, b).narrow(0, corner[1], where.side).narrow(1, corner[0], where.side);
}

// On the CPU a slice a patch: contiguous rows and no table of indices. On a GPU one kernel over all pixels. Which is
// faster has not been measured.

at::Tensor add_up(const at::Tensor& patches, const Layout& where)
{
    auto canvas = at::zeros({where.groups(), where.height, where.width}, patches.options());
    if (!patches.is_cpu()) {
        canvas.view(-1).index_add_(0, pixel_index(where, patches.device()).view(-1), patches.reshape(-1));
        return canvas;
    }
    for (std::int64_t b = 0; b < where.groups(); ++b) {
        for (std::int64_t g = 0; g < where.patches(); ++g)
            window(canvas, where, b, g).add_(patches.select(0, b).select(0, g));
    }
    return canvas;
}

at::Tensor cut_out(const at::Tensor& canvas, const Layout& where)
{
    if (!canvas.is_cpu())
        return canvas.reshape(-1)
            .index_select(0, pixel_index(where, canvas.device()).view(-1))
            .view({where.groups(), where.patches(), where.side, where.side});
    auto patches = at::empty({where.groups(), where.patches(), where.side, where.side}, canvas.options());
    for (std::int64_t b = 0; b < where.groups(); ++b) {
        for (std::int64_t g = 0; g < where.patches(); ++g)
            patches.select(0, b).select(0, g).copy_(window(canvas, where, b, g));
    }
    return patches;
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Layout saved_layout(AutogradContext* context)
{
    const auto saved = context->saved_data["corners"].toTensor();
    return {saved, context->saved_data["height"].toInt(), context->saved_data["width"].toInt(),
            context->saved_data["side"].toInt()};
}

void save_layout(AutogradContext* context, const Layout& where)
{
    context->saved_data["corners"] = where.corners;
    context->saved_data["height"] = where.height;
    context->saved_data["width"] = where.width;
    context->saved_data["side"] = where.side;
}

/// Patches added up on their group's canvas. The adjoint of CutOut, and the other way round.
struct AddUp : torch::autograd::Function<AddUp> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& patches, const Layout& where)
    {
        save_layout(context, where);
        return add_up(patches, where);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients);
};

struct CutOut : torch::autograd::Function<CutOut> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& canvas, const Layout& where)
    {
        save_layout(context, where);
        return cut_out(canvas, where);
    }
    static variable_list backward(AutogradContext* context, variable_list gradients)
    {
        return {AddUp::apply(gradients[0], saved_layout(context)), at::Tensor()};
    }
};

variable_list AddUp::backward(AutogradContext* context, variable_list gradients)
{
    return {CutOut::apply(gradients[0], saved_layout(context)), at::Tensor()};
}

/// (k, N, N) complex or real -> (k, channels, N, N) real and back.
at::Tensor as_channels(const at::Tensor& images)
{
    return images.is_complex() ? at::view_as_real(images.resolve_conj()).permute({0, 3, 1, 2}) : images.unsqueeze(1);
}

at::Tensor from_channels(const at::Tensor& channels)
{
    return channels.size(1) == 2 ? at::complex(channels.select(1, 0), channels.select(1, 1)) : channels.select(1, 0);
}

/// Zeros around the last two axes up to @p side; an odd remainder goes to the right.
at::Tensor padded_to(const at::Tensor& images, std::int64_t side)
{
    const auto total = side - images.size(-1);
    require(total >= 0, Status::Shape, "the merged region of {} pixels is smaller than a patch of {}", side,
            images.size(-1));
    const auto left = total / 2;
    return at::constant_pad_nd(images, {left, total - left, left, total - left});
}

void check_groups(const at::Tensor& patches, const at::Tensor& relative)
{
    require(patches.dim() == 4 && patches.size(2) == patches.size(3), Status::Shape,
            "patches: expected (B, C, N, N), found {}", base::shape_of(patches));
    require(relative.dim() == 3 && relative.size(0) == patches.size(0) && relative.size(1) == patches.size(1) &&
                relative.size(2) == 2,
            Status::Shape, "relative positions: expected ({}, {}, 2), found {}", patches.size(0), patches.size(1),
            base::shape_of(relative));
}

/// Patches and weights (B, C, N, N) at their places in the merged region: (B, C, M, M) each.
std::pair<at::Tensor, at::Tensor> placed(const at::Tensor& patches, const at::Tensor& weights,
                                         const at::Tensor& relative, std::int64_t side)
{
    const auto offsets = -relative.reshape({-1, 2});
    const auto move = [&](const at::Tensor& images) {
        return translated(padded_to(images, side).flatten(0, 1), offsets)
            .view({patches.size(0), patches.size(1), side, side});
    };
    return {move(patches), move(weights)};
}

} // namespace

PixelGrid pixel_grid(const at::Tensor& positions, std::int64_t side)
{
    require(positions.dim() == 2 && positions.size(1) == 2, Status::Shape, "positions: expected (n, 2), found {}",
            base::shape_of(positions));
    const auto exact = positions.to(at::kDouble);
    const auto whole = (exact + 0.5).floor();
    return {whole.to(at::kLong) - side / 2, exact - whole};
}

at::Tensor merge_and_cut(const at::Tensor& patches, const at::Tensor& corners, const at::Tensor& weights)
{
    require(patches.dim() == 4 && patches.size(2) == patches.size(3) && patches.numel() > 0, Status::Shape,
            "patches: expected (B, G, N, N), found {}", base::shape_of(patches));
    require(weights.sizes().equals(patches.sizes()), Status::Shape,
            "weights: expected the shape {} of the patches, found {}", base::shape_of(patches),
            base::shape_of(weights));
    require(corners.dim() == 3 && corners.sizes().slice(0, 2).equals(patches.sizes().slice(0, 2)) &&
                corners.size(2) == 2,
            Status::Shape, "corners: expected ({}, {}, 2), found {}", patches.size(0), patches.size(1),
            base::shape_of(corners));
    const auto where = layout(corners, patches.size(3));
    const auto sum = AddUp::apply(patches * weights, where);
    const auto weight = AddUp::apply(weights, where);
    return CutOut::apply(sum / weight.clamp_min(1e-12), where);
}

at::Tensor central_half(std::int64_t side, const at::TensorOptions& options)
{
    auto mask = at::zeros({side, side}, options);
    mask.narrow(0, side / 4, side / 2).narrow(1, side / 4, side / 2).fill_(1);
    return mask;
}

at::Tensor translated(const at::Tensor& images, const at::Tensor& offsets)
{
    require(images.dim() == 3, Status::Shape, "images: expected (n, H, W), found {}", base::shape_of(images));
    require(offsets.dim() == 2 && offsets.size(0) == images.size(0) && offsets.size(1) == 2, Status::Shape,
            "offsets: expected ({}, 2), found {}", images.size(0), base::shape_of(offsets));
    const auto channels = as_channels(images);
    const auto real = channels.options();
    // The affine grid and the sampler round as the reference's do: at the edge of the support a weight of 1e-6 or of
    // nothing decides about a pixel.
    const auto scale = at::stack({at::full({}, 2.0 / static_cast<double>(images.size(2) - 1), real),
                                  at::full({}, 2.0 / static_cast<double>(images.size(1) - 1), real)});
    const auto shift = -offsets.to(real.dtype()) * scale;
    const auto identity = at::eye(2, real).expand({images.size(0), 2, 2});
    const auto grid =
        at::affine_grid_generator(at::cat({identity, shift.unsqueeze(2)}, 2), channels.sizes(), /*align_corners=*/true);
    constexpr std::int64_t bilinear = 0, zeros = 0;
    return from_channels(at::grid_sampler(channels, grid, bilinear, zeros, /*align_corners=*/true));
}

at::Tensor merge_central_mask(const at::Tensor& patches, const at::Tensor& relative, std::int64_t padded)
{
    check_groups(patches, relative);
    const auto mask =
        central_half(patches.size(3), relative.options().dtype(c10::toRealValueType(patches.scalar_type())))
            .expand(patches.sizes());
    const auto [moved, masks] = placed(patches, mask, relative, padded);
    const auto count = masks.sum(1);
    // 0.001 is the reference's: it makes single coverage 0.1 % dark.
    return (moved * masks).sum(1) * (count > 1e-6) / (count + 0.001);
}

at::Tensor merge_weighted(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& weights,
                          std::int64_t padded, bool probe_threshold)
{
    check_groups(patches, relative);
    const auto options = patches.options().dtype(c10::toRealValueType(patches.scalar_type()));
    const auto given = weights.defined() ? weights.to(options) : central_half(patches.size(3), options);
    require(given.dim() == 2 || given.dim() == 4, Status::Shape,
            "weights: expected (N, N) or (B or 1, C or 1, N, N), found {}", base::shape_of(given));
    const auto [moved, places] = placed(patches, given.expand(patches.sizes()), relative, padded);
    const auto total = places.sum(1);
    const auto reached = probe_threshold ? total > total.detach().max() * 1e-6 : total > 1e-6;
    return (moved * places).sum(1) * reached / total.clamp_min(1e-12);
}

at::Tensor extract_patches(const at::Tensor& merged, const at::Tensor& relative, std::int64_t side)
{
    require(merged.dim() == 3 && merged.size(1) == merged.size(2) && merged.size(1) >= side, Status::Shape,
            "merged region: expected (B, M, M) with M >= {}, found {}", side, base::shape_of(merged));
    require(relative.dim() == 3 && relative.size(0) == merged.size(0) && relative.size(2) == 2, Status::Shape,
            "relative positions: expected ({}, C, 2), found {}", merged.size(0), base::shape_of(relative));
    const auto patches = relative.size(1), region = merged.size(1);
    const auto repeated = merged.unsqueeze(1).expand({merged.size(0), patches, region, region}).flatten(0, 1);
    const auto moved = translated(repeated, relative.reshape({-1, 2}));
    const auto start = (region - side) / 2;
    return moved.narrow(1, start, side).narrow(2, start, side).reshape({merged.size(0), patches, side, side});
}

std::int64_t padded_side(std::int64_t side, std::int64_t grid, double max_neighbour_distance)
{
    require(std::isfinite(max_neighbour_distance) && max_neighbour_distance >= 0 && max_neighbour_distance < 1e6,
            Status::InvalidArgument, "largest neighbour distance is {}; expected 0 to 1e6 pixels",
            max_neighbour_distance);
    const auto distance = static_cast<std::int64_t>(std::ceil(max_neighbour_distance));
    return side + (grid - 1) * (distance + distance % 2);
}

} // namespace ptk::physics
