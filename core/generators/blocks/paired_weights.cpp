#include "generators/blocks/paired_weights.h"

#include "generators/blocks/activation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ptk::generators {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Frequencies that are moved together: a cache line of complex numbers.
constexpr std::int64_t together = 8;

struct Sizes {
    explicit Sizes(at::IntArrayRef weights) : in(weights[0]), out(weights[1]), frequencies(1)
    {
        for (std::size_t axis = 2; axis < weights.size(); ++axis)
            frequencies *= weights[axis];
    }
    std::int64_t matrix() const { return 4 * in * out; }
    std::int64_t in, out, frequencies;
};

/// Calls @p element with where (i, o, f) is among the weights and where its real part is among the matrices, whose
/// imaginary part follows after out, and whose second line after half a matrix.
template <class Element> void for_elements(const Sizes& sizes, Element&& element)
{
    const auto blocks = (sizes.frequencies + together - 1) / together;
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto block = begin; block < end; ++block)
            for (std::int64_t i = 0; i < sizes.in; ++i)
                for (std::int64_t o = 0; o < sizes.out; ++o) {
                    const auto last = std::min((block + 1) * together, sizes.frequencies);
                    for (auto f = block * together; f < last; ++f)
                        element((i * sizes.out + o) * sizes.frequencies + f,
                                f * sizes.matrix() + 2 * i * sizes.out + o);
                }
    });
}

at::Tensor paired(const at::Tensor& weights)
{
    const Sizes sizes(weights.sizes());
    auto matrices = at::empty({sizes.frequencies, 2 * sizes.in, 2 * sizes.out}, at::kFloat);
    const auto* from = weights.const_data_ptr<c10::complex<float>>();
    auto* to = matrices.mutable_data_ptr<float>();
    const auto half = sizes.matrix() / 2, out = sizes.out;
    for_elements(sizes, [=](std::int64_t weight, std::int64_t place) {
        const auto value = from[weight];
        to[place] = value.real();
        to[place + out] = value.imag();
        to[place + half] = -value.imag();
        to[place + half + out] = value.real();
    });
    return matrices;
}

struct Paired : torch::autograd::Function<Paired> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& weights)
    {
        context->saved_data["shape"] = weights.sizes().vec();
        return paired(weights);
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require_first_derivative();
        const auto shape = context->saved_data["shape"].toIntVector();
        const Sizes sizes(shape);
        const auto matrices = gradients[0].contiguous();
        auto dweights = at::empty(shape, at::kComplexFloat);
        const auto* from = matrices.const_data_ptr<float>();
        auto* to = dweights.mutable_data_ptr<c10::complex<float>>();
        const auto half = sizes.matrix() / 2, out = sizes.out;
        for_elements(sizes, [=](std::int64_t weight, std::int64_t place) {
            to[weight] = {from[place] + from[place + half + out], from[place + out] - from[place + half]};
        });
        return {dweights};
    }
};

} // namespace

at::Tensor paired_weights(const at::Tensor& weights)
{
    const auto plain = weights.resolve_conj().contiguous();
    return c10::GradMode::is_enabled() && plain.requires_grad() ? Paired::apply(plain) : paired(plain);
}

} // namespace ptk::generators
