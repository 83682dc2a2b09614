#include "generators/blocks/frequency_weights.h"

#include "generators/blocks/activation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace ptk::generators {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t block = 16; ///< output channels and frequencies that are moved together, within the cache

struct Sizes {
    explicit Sizes(at::IntArrayRef weights) : in(weights[0]), out(weights[1]), frequencies(1)
    {
        for (std::size_t axis = 2; axis < weights.size(); ++axis)
            frequencies *= weights[axis];
    }
    std::int64_t in, out, frequencies;
};

/// Calls @p element with where (i, o, f) is among the weights and where its real part is among the matrices; its
/// imaginary part follows after out.
template <class Element> void for_elements(const Sizes& sizes, Element&& element)
{
    const auto [in, out, frequencies] = sizes;
    const auto row = 2 * out, matrix = in * row;
    at::parallel_for(0, in, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i)
            for (std::int64_t first = 0; first < out; first += block)
                for (std::int64_t low = 0; low < frequencies; low += block) {
                    const auto last = std::min(first + block, out), high = std::min(low + block, frequencies);
                    for (auto f = low; f < high; ++f)
                        for (auto o = first; o < last; ++o)
                            element((i * out + o) * frequencies + f, f * matrix + i * row + o);
                }
    });
}

at::Tensor by_frequency(const at::Tensor& weights)
{
    const Sizes sizes(weights.sizes());
    auto matrices = at::empty({sizes.frequencies, sizes.in, 2, sizes.out}, at::kFloat);
    const auto* from = weights.const_data_ptr<c10::complex<float>>();
    auto* to = matrices.mutable_data_ptr<float>();
    for_elements(sizes, [=, out = sizes.out](std::int64_t weight, std::int64_t place) {
        to[place] = from[weight].real();
        to[place + out] = from[weight].imag();
    });
    return matrices;
}

struct ByFrequency : torch::autograd::Function<ByFrequency> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& weights)
    {
        context->saved_data["shape"] = weights.sizes().vec();
        return by_frequency(weights);
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
        for_elements(sizes, [=, out = sizes.out](std::int64_t weight, std::int64_t place) {
            to[weight] = {from[place], from[place + out]};
        });
        return {dweights};
    }
};

} // namespace

at::Tensor frequency_weights(const at::Tensor& weights)
{
    const auto plain = weights.resolve_conj().contiguous();
    return c10::GradMode::is_enabled() && plain.requires_grad() ? ByFrequency::apply(plain) : by_frequency(plain);
}

} // namespace ptk::generators
