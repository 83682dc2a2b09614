#include "generators/blocks/frequency_mixing.h"

#include "base/error.h"
#include "generators/blocks/flops.h"
#include "generators/blocks/own_kernels.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/workspace.h"

#include <ATen/Parallel.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

namespace ptk::generators {

namespace {

/// Images whose products are ours; with those of every line of an image, LibTorch's general ones are faster.
constexpr std::int64_t few_rows = 64;

struct Sizes {
    Sizes(const at::Tensor& spectra, const at::Tensor& matrices)
        : images(spectra.size(0)), frequencies(spectra.size(2)), pixels(spectra.size(3)), in(spectra.size(4)),
          out(matrices.size(3))
    {
    }
    std::int64_t images, frequencies, pixels, in, out;
};

/// As real products of LibTorch, which have gradients.
at::Tensor by_aten(const Sizes& n, const at::Tensor& spectra, const at::Tensor& matrices)
{
    const auto parts = spectra.permute({1, 2, 0, 3, 4}).reshape({2, n.frequencies, n.images * n.pixels, n.in});
    const auto x = parts.unbind(0), w = matrices.unbind(2);
    const auto real = at::baddbmm(at::bmm(x[0], w[0]), x[1], w[1], 1, -1);
    const auto imaginary = at::baddbmm(at::bmm(x[0], w[1]), x[1], w[0]);
    const auto by_image = [&](const at::Tensor& part) {
        return part.view({n.frequencies, n.images, n.pixels, n.out}).transpose(0, 1);
    };
    return at::stack({by_image(real), by_image(imaginary)}, 1);
}

/// Of spectra of one pixel, one frequency at a time, whose matrix stays in the cache for all images.
class FrequencyProducts {
public:
    FrequencyProducts(const Sizes& sizes, const float* spectra, const float* matrices, float* result)
        : n_(sizes), spectra_(spectra), matrices_(matrices), result_(result)
    {
    }

    static std::size_t buffer_size(const Sizes& n) { return static_cast<std::size_t>(3 * n.in * n.images); }

    void run(std::int64_t frequency, float* buffer) const
    {
        const auto part = n_.in * n_.images;
        float* const real = buffer;
        float* const imaginary = real + part;
        float* const negative = imaginary + part;
        for (std::int64_t image = 0; image < n_.images; ++image) {
            const float* re = spectra_ + place(image, 0, frequency) * n_.in;
            const float* im = spectra_ + place(image, 1, frequency) * n_.in;
            for (std::int64_t i = 0; i < n_.in; ++i) {
                real[i * n_.images + image] = re[i];
                imaginary[i * n_.images + image] = im[i];
                negative[i * n_.images + image] = -im[i];
            }
        }
        const float* const w = matrices_ + frequency * n_.in * 2 * n_.out;
        multiply(real, w, frequency, 0, false);
        multiply(negative, w + n_.out, frequency, 0, true);
        multiply(real, w + n_.out, frequency, 1, false);
        multiply(imaginary, w, frequency, 1, true);
    }

private:
    /// A frequency of a part (real, imaginary) of an image.
    std::int64_t place(std::int64_t image, std::int64_t part, std::int64_t frequency) const
    {
        return (image * 2 + part) * n_.frequencies + frequency;
    }

    /// All images at once: rows that are far from each other in the result.
    void multiply(const float* x, const float* w, std::int64_t frequency, std::int64_t part, bool add) const
    {
        product_({.rows = n_.images,
                  .columns = n_.out,
                  .depth = n_.in,
                  .a = x,
                  .a_row = n_.images,
                  .b = w,
                  .b_row = 2 * n_.out,
                  .c = result_ + place(0, part, frequency) * n_.out,
                  .c_row = 2 * n_.frequencies * n_.out,
                  .add = add});
    }

    Sizes n_;
    const float* spectra_;
    const float* matrices_;
    float* result_;
    kernels::cpu::ProductLoop product_ = kernels::cpu::product_loop();
};

at::Tensor by_products(const Sizes& n, const at::Tensor& spectra, const at::Tensor& matrices)
{
    auto result = at::empty({n.images, 2, n.frequencies, 1, n.out}, at::kFloat);
    const FrequencyProducts products(n, spectra.const_data_ptr<float>(), matrices.const_data_ptr<float>(),
                                     result.mutable_data_ptr<float>());
    at::parallel_for(0, n.frequencies, 1, [&](std::int64_t begin, std::int64_t end) {
        float* const buffer = kernels::cpu::workspace(kernels::cpu::Workspace::Tiles, products.buffer_size(n));
        require(buffer != nullptr, Status::OutOfMemory, "a spectral convolution's workspace does not fit into memory");
        for (auto frequency = begin; frequency < end; ++frequency)
            products.run(frequency, buffer);
    });
    return result;
}

} // namespace

at::Tensor mix_frequencies(const at::Tensor& spectra, const at::Tensor& matrices)
{
    const Sizes n(spectra, matrices);
    FlopCount::add(8.0 * static_cast<double>(n.images * n.frequencies * n.pixels) * static_cast<double>(n.in * n.out));
    if (n.pixels > 1 || n.images > few_rows || needs_gradient(spectra, matrices))
        return by_aten(n, spectra, matrices);
    return by_products(n, spectra.contiguous(), matrices.contiguous());
}

} // namespace ptk::generators
