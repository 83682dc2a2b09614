#include "generators/blocks/instance_norm.h"

#include "generators/blocks/activation.h"
#include "generators/blocks/image_map.h"
#include "kernels/backend.h"
#include "kernels/cpu/instance_norm.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/instance_norm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ptk::generators {

namespace {

using kernels::cpu::instance_norm_kernels;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Images (B, C, H, W), pixel by pixel in memory, and calls for each of them.
struct Images {
    explicit Images(const at::Tensor& x) : count(x.size(0)), channels(x.size(1)), pixels(x.size(2) * x.size(3)) {}
    std::int64_t size() const { return pixels * channels; }
    template <class Work> void for_each(Work&& work) const
    {
        at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
            for (auto b = begin; b < end; ++b)
                work(b);
        });
    }
    std::int64_t count, channels, pixels;
};

const float* values(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.const_data_ptr<float>() + offset;
}

float* targets(const at::Tensor& tensor, std::int64_t offset = 0)
{
    return tensor.mutable_data_ptr<float>() + offset;
}

/// (B, C) each.
struct Statistics {
    at::Tensor mean, scale;
};

at::Tensor normalised(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                      const Statistics& found)
{
    const Images images(x);
    auto y = at::empty_like(x);
    const auto factor = at::empty_like(found.scale);
    images.for_each([&](std::int64_t b) {
        const auto place = b * images.channels;
        const float* image = values(x, b * images.size());
        instance_norm_kernels().statistics(images.pixels, images.channels, image, static_cast<float>(epsilon),
                                           targets(found.mean, place), targets(found.scale, place));
        for (std::int64_t c = 0; c < images.channels; ++c)
            targets(factor, place)[c] = values(found.scale, place)[c] * values(weight)[c];
        instance_norm_kernels().apply(images.pixels, images.channels, image, values(found.mean, place),
                                      values(factor, place), values(bias), targets(y, b * images.size()));
    });
    return y;
}

Statistics empty_statistics(const at::Tensor& x)
{
    return {at::empty({x.size(0), x.size(1)}, at::kFloat), at::empty({x.size(0), x.size(1)}, at::kFloat)};
}

/// Factors of a gradient, see InstanceNormKernels::gradient(); (B, C) each.
struct Factors {
    Factors(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& sum, const at::Tensor& product,
            std::int64_t pixels)
        : a(scale * weight), b((a * scale * product / -static_cast<double>(pixels)).contiguous()),
          c((a * sum / -static_cast<double>(pixels)).contiguous())
    {
    }
    at::Tensor a, b, c;
};

struct Normalised : torch::autograd::Function<Normalised> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& bias, double epsilon)
    {
        const auto found = empty_statistics(x);
        auto y = normalised(x, weight, bias, epsilon, found);
        context->save_for_backward({x, weight, found.mean, found.scale});
        return y;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &mean = saved[2], &scale = saved[3];
        const auto dy = pixel_by_pixel(gradients[0]);
        const Images images(x);
        const auto& kernels = instance_norm_kernels();
        const auto sum = at::empty_like(mean), product = at::empty_like(mean);
        images.for_each([&](std::int64_t b) {
            const auto place = b * images.channels;
            kernels.sums(images.pixels, images.channels, values(x, b * images.size()), values(mean, place),
                         values(scale, place), values(dy, b * images.size()), targets(sum, place),
                         targets(product, place));
        });
        const Factors factors(saved[1], scale, sum, product, images.pixels);
        auto dx = at::empty_like(x);
        images.for_each([&](std::int64_t b) {
            const auto place = b * images.channels;
            kernels.gradient(images.pixels, images.channels, values(x, b * images.size()), values(mean, place),
                             values(dy, b * images.size()), values(factors.a, place), values(factors.b, place),
                             values(factors.c, place), targets(dx, b * images.size()));
        });
        return {dx, product.sum(0), sum.sum(0), {}};
    }
};

bool is_plain(const at::Tensor& tensor)
{
    return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided;
}

} // namespace

at::Tensor instance_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double epsilon)
{
    const bool ours = kernels::backend() != kernels::Backend::Aten && is_plain(x) && is_plain(weight) &&
                      is_plain(bias) && x.dim() == 4 && x.size(2) * x.size(3) > 1 && x.numel() > 0;
    if (!ours)
        return at::instance_norm(x, weight, bias, {}, {}, true, 0, epsilon, true);
    const auto images = pixel_by_pixel(x), factor = weight.contiguous(), offset = bias.contiguous();
    if (c10::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || bias.requires_grad()))
        return Normalised::apply(images, factor, offset, epsilon);
    return normalised(images, factor, offset, epsilon, empty_statistics(images));
}

} // namespace ptk::generators
