#include "generators/initializers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace ptk::generators {

namespace {

bool is_weight(const at::Tensor& tensor)
{
    return tensor.dim() >= 2 && tensor.numel() > 0;
}

struct Fans {
    double in;
    double out;
};

/// Inputs and outputs of one element's sum.
Fans fans_of(const at::Tensor& weight)
{
    const auto first = static_cast<double>(weight.size(0)), second = static_cast<double>(weight.size(1));
    if (weight.is_complex())
        return {first, second};
    const double kernel = static_cast<double>(weight.numel()) / (first * second);
    return {second * kernel, first * kernel};
}

void draw_normal(at::Tensor& weight, double deviation, const at::Generator& random)
{
    // Complex: E|w|^2 = deviation^2, shared by the two parts.
    weight.normal_(0, deviation, random);
}

void for_weights(Generator& generator, const std::function<void(at::Tensor&)>& draw)
{
    const c10::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : generator.named_parameters())
        if (is_weight(*tensor))
            draw(*tensor);
}

/// The biases of the layers whose weights are drawn anew.
void clear_biases(Generator& generator)
{
    const c10::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : generator.named_parameters())
        if (name == "bias" || name.ends_with(".bias"))
            tensor->zero_();
}

void glorot(Generator& generator, const at::Generator& random)
{
    for_weights(generator, [&](at::Tensor& weight) {
        const auto [in, out] = fans_of(weight);
        if (weight.is_complex())
            return draw_normal(weight, std::sqrt(2 / (in + out)), random);
        const double bound = std::sqrt(6 / (in + out));
        weight.uniform_(-bound, bound, random);
    });
    clear_biases(generator);
}

void he(Generator& generator, const at::Generator& random)
{
    for_weights(generator, [&](at::Tensor& weight) { draw_normal(weight, std::sqrt(2 / fans_of(weight).in), random); });
    clear_biases(generator);
}

/// Rows or columns, the fewer, orthonormal: Q of a normal matrix, with the phases that make it uniform (Mezzadri,
/// Notices AMS 54, 592, 2007).
at::Tensor orthonormal(std::int64_t rows, std::int64_t columns, std::int64_t matrices, at::ScalarType type,
                       const at::Generator& random)
{
    auto normal = at::empty({matrices, std::max(rows, columns), std::min(rows, columns)}, type).normal_(0, 1, random);
    auto [q, r] = at::linalg_qr(normal);
    const auto diagonal = r.diagonal(0, -2, -1).unsqueeze(-2);
    q = q * diagonal.sgn();
    return rows < columns ? q.transpose(-2, -1) : q;
}

void orthogonal(Generator& generator, const at::Generator& random)
{
    for_weights(generator, [&](at::Tensor& weight) {
        const auto first = weight.size(0);
        if (!weight.is_complex())
            return void(weight.copy_(
                orthonormal(first, weight.numel() / first, 1, weight.scalar_type(), random).view(weight.sizes())));
        const auto matrices = weight.numel() / (first * weight.size(1));
        const auto drawn = orthonormal(first, weight.size(1), matrices, weight.scalar_type(), random);
        weight.copy_(drawn.permute({1, 2, 0}).reshape(weight.sizes()));
    });
    clear_biases(generator);
}

void zero_output(Generator& generator, const at::Generator&)
{
    const c10::NoGradGuard no_gradient;
    const auto layers = generator.output_layers();
    bool found = false;
    for (const auto& [name, tensor] : generator.named_parameters())
        if (is_weight(*tensor) && std::any_of(layers.begin(), layers.end(), [&name = name](const std::string& layer) {
                return name.starts_with(layer + ".");
            })) {
            tensor->zero_();
            found = true;
        }
    require(found, Status::Unsupported,
            "generator.initializer: 'zero_output' finds no output layer in this generator; choose another initializer");
}

InitializerRegistry make_registry()
{
    InitializerRegistry registry("initializer");
    registry.add({.name = "default",
                  .summary = "as the generator has it: mostly uniform within 1/sqrt(inputs), as PyTorch's layers",
                  .source = "PtychoPINN and PyTorch"},
                 [](Generator&, const at::Generator&) {});
    registry.add({.name = "glorot",
                  .summary = "uniform, variance 2/(inputs + outputs); complex weights normal; biases zero",
                  .source = "Glorot & Bengio, AISTATS 2010; complex: Trabelsi et al., ICLR 2018"},
                 glorot);
    registry.add({.name = "he",
                  .summary = "normal, variance 2/inputs, for layers with ReLU; biases zero",
                  .source = "He et al., ICCV 2015"},
                 he);
    registry.add({.name = "orthogonal",
                  .summary = "rows or columns orthonormal, of complex weights at every frequency; biases zero",
                  .source = "Saxe et al., ICLR 2014"},
                 orthogonal);
    registry.add({.name = "zero_output",
                  .summary =
                      "default, but the weights of the output layers are zero: training starts from one constant "
                      "patch, or, for a residual network, from the estimate that it improves",
                  .source = "Goyal et al., arXiv:1706.02677 (2017)"},
                 zero_output);
    return registry;
}

} // namespace

const InitializerRegistry& builtin_initializers()
{
    static const InitializerRegistry registry = make_registry();
    return registry;
}

void initialize(Generator& generator, const std::string& name, const at::Generator& random)
{
    builtin_initializers().get(name).make(generator, random);
}

} // namespace ptk::generators
