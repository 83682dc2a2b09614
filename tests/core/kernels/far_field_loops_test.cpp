// The loops of the far field on raw pointers, every instruction set of this machine, against ATen in double precision.
#include "kernels/cpu/far_field.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace ptk::kernels::cpu {
namespace {

float* pairs(at::Tensor& tensor)
{
    return reinterpret_cast<float*>(tensor.mutable_data_ptr<c10::complex<float>>());
}

double error(const at::Tensor& found, const at::Tensor& expected)
{
    return (found.to(expected.scalar_type()) - expected).abs().max().item<double>() /
           expected.abs().max().item<double>();
}

/// @param check  called with the loops, a side and complex planes a, b, c of float
template <class Check> void for_all(Check&& check)
{
    for (const auto set : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512})
        for (const std::int64_t side : {1, 2, 3, 8, 15, 33, 64}) {
            if (!supported(set))
                continue;
            SCOPED_TRACE(::testing::Message() << "set " << static_cast<int>(set) << ", side " << side);
            at::manual_seed(5);
            const auto plane = [&] { return at::randn({side, side}, at::kComplexFloat); };
            check(far_field_loops(set), side, plane(), plane(), plane());
        }
}

at::Tensor exact(const at::Tensor& x)
{
    return x.to(at::kComplexDouble);
}

TEST(FarFieldLoops, ExitWave)
{
    for_all([](const FarFieldLoops& loops, std::int64_t side, at::Tensor a, at::Tensor b, at::Tensor c) {
        loops.exit_wave(pairs(a), pairs(b), side * side, pairs(c));
        EXPECT_LT(error(c, exact(a) * exact(b)), 1e-6);
    });
}

TEST(FarFieldLoops, IntensityIsInTheMiddleAndAdds)
{
    for_all([](const FarFieldLoops& loops, std::int64_t side, at::Tensor a, at::Tensor b, at::Tensor) {
        auto found = at::full({side, side}, std::nan(""), at::kFloat);
        loops.intensity(pairs(a), 0.5F, false, side, found.mutable_data_ptr<float>());
        loops.intensity(pairs(b), 2, true, side, found.mutable_data_ptr<float>());
        const auto expected = 0.5 * exact(a).abs().square() + 2 * exact(b).abs().square();
        EXPECT_LT(error(found, at::fft_fftshift(expected)), 1e-6);
    });
}

TEST(FarFieldLoops, WeighUndoesTheMiddle)
{
    for_all([](const FarFieldLoops& loops, std::int64_t side, at::Tensor a, at::Tensor, at::Tensor) {
        const auto gradient = at::randn({side, side});
        const auto expected = exact(a) * 3 * at::fft_ifftshift(gradient.to(at::kDouble));
        loops.weigh(gradient.const_data_ptr<float>(), 3, side, pairs(a));
        EXPECT_LT(error(a, expected), 1e-6);
    });
}

TEST(FarFieldLoops, CorrelateOverwritesOrAdds)
{
    for_all([](const FarFieldLoops& loops, std::int64_t side, at::Tensor a, at::Tensor b, at::Tensor c) {
        const auto product = exact(a) * exact(b).conj(), before = exact(c);
        loops.correlate(pairs(a), pairs(b), true, side * side, pairs(c));
        EXPECT_LT(error(c, before + product), 1e-6);
        loops.correlate(pairs(a), pairs(b), false, side * side, pairs(c));
        EXPECT_LT(error(c, product), 1e-6);
    });
}

} // namespace
} // namespace ptk::kernels::cpu
