// The convolutions on raw pointers, every instruction set of this machine, against ATen in double precision.
#include "kernels/cpu/conv3x3.h"
#include "kernels/cpu/resample.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ptk::kernels::cpu {

namespace {

enum class Kind { Same, Narrow, Slim, Down, Up, Doubled, SlimDoubled };

bool is_doubled(Kind kind)
{
    return kind == Kind::Doubled || kind == Kind::SlimDoubled;
}

bool has_stride_1(Kind kind)
{
    return kind != Kind::Down && kind != Kind::Up;
}

const ConvolutionKernels& kernels_of(Kind kind, InstructionSet set)
{
    if (kind == Kind::Narrow)
        return narrow_kernels(set);
    if (kind == Kind::Slim || kind == Kind::SlimDoubled)
        return slim_kernels(set);
    if (kind == Kind::Down)
        return down_kernels(set);
    return kind == Kind::Up ? up_kernels(set) : conv3x3_kernels(set);
}

struct Sizes {
    std::int64_t batch, height, width, in, out;
    std::int64_t beside = 0; ///< channels of x's pixels that do not belong to the convolution
};

/// What a convolution gives, in PyTorch's layout (batch, channel, row, column).
struct Results {
    at::Tensor y, slope, dx, dweight, dbias;
};

at::Tensor activated(const at::Tensor& z, Activation activation)
{
    if (activation == Activation::Relu)
        return at::relu(z);
    return activation == Activation::Gelu ? at::gelu(z) : z;
}

at::Tensor derivative(const at::Tensor& z, Activation activation)
{
    if (activation == Activation::Relu)
        return z.gt(0).to(z.dtype());
    return activation == Activation::Gelu ? at::gelu_backward(at::ones_like(z), z) : at::ones_like(z);
}

at::Tensor pixels_first(const at::Tensor& x)
{
    return x.permute({0, 2, 3, 1}).contiguous();
}

at::Tensor channels_first(const at::Tensor& x)
{
    return x.permute({0, 3, 1, 2});
}

class Case {
public:
    Case(Kind kind, const Sizes& sizes) : kind_(kind), sizes_(sizes)
    {
        if (!has_stride_1(kind) || kind == Kind::Narrow)
            sizes_.beside = 0;
        at::manual_seed(7);
        wide_ = at::randn({sizes.batch, sizes.height, sizes.width, sizes.in + sizes_.beside});
        weight_ = kind == Kind::Up ? at::randn({sizes.in, sizes.out, 2, 2}) : at::randn({sizes.out, sizes.in, 3, 3});
        weight_ /= std::sqrt(9.0 * static_cast<double>(sizes.in));
        bias_ = at::randn({sizes.out});
        dy_ = at::randn({sizes.batch, sizes.out, length(sizes.height), length(sizes.width)});
    }

    at::Tensor& x() { return wide_; }

    Results with_aten(at::ScalarType type, Activation activation) const
    {
        auto x = channels_first(wide_.narrow(3, 0, sizes_.in)).to(type).contiguous();
        if (is_doubled(kind_))
            x = at::upsample_nearest2d(x, {2 * sizes_.height, 2 * sizes_.width});
        const auto weight = weight_.to(type);
        const std::int64_t stride = has_stride_1(kind_) ? 1 : 2, padding = kind_ == Kind::Up ? 0 : 1;
        const auto z = at::convolution(x, weight, bias_.to(type), {stride, stride}, {padding, padding}, {1, 1},
                                       kind_ == Kind::Up, {0, 0}, 1);
        const auto slope = derivative(z, activation);
        auto [dx, dweight, dbias] =
            at::convolution_backward(dy_.to(type) * slope, x, weight, at::IntArrayRef({sizes_.out}), {stride, stride},
                                     {padding, padding}, {1, 1}, kind_ == Kind::Up, {0, 0}, 1, {true, true, true});
        if (is_doubled(kind_))
            dx = 4 * at::avg_pool2d(dx, 2);
        return {activated(z, activation), slope, dx, dweight, dbias};
    }

    Results with_kernels(const ConvolutionKernels& kernels, Activation activation, int threads = 1) const
    {
        const auto shape = this->shape();
        const auto nan = std::numeric_limits<float>::quiet_NaN();
        const auto dy = pixels_first(dy_);
        const auto y = at::full_like(dy, nan), slope = at::full_like(dy, nan);
        const auto dx = at::full({sizes_.batch, sizes_.height, sizes_.width, sizes_.in}, nan);
        const auto dweight = at::full_like(weight_, nan), dbias = at::full_like(bias_, nan);
        EXPECT_TRUE(kernels.forward(shape, wide_.const_data_ptr<float>(), weight_.const_data_ptr<float>(),
                                    bias_.const_data_ptr<float>(), activation, y.data_ptr<float>(),
                                    slope.data_ptr<float>(), threads));
        const auto& kept = activation == Activation::Gelu ? slope : y;
        EXPECT_TRUE(kernels.backward(shape, wide_.const_data_ptr<float>(), weight_.const_data_ptr<float>(), activation,
                                     kept.const_data_ptr<float>(), dy.const_data_ptr<float>(), dx.data_ptr<float>(),
                                     dweight.data_ptr<float>(), dbias.data_ptr<float>(), threads));
        return {channels_first(y), channels_first(slope), channels_first(dx), dweight, dbias};
    }

    /// One gradient at a time.
    Results one_by_one(const ConvolutionKernels& kernels, Activation activation) const
    {
        auto results = with_kernels(kernels, activation);
        const auto kept = pixels_first(activation == Activation::Gelu ? results.slope : results.y),
                   dy = pixels_first(dy_);
        const auto dx = pixels_first(at::zeros_like(results.dx));
        results.dweight = at::zeros_like(weight_);
        results.dbias = at::zeros_like(bias_);
        const auto run = [&](float* x, float* weight, float* bias) {
            EXPECT_TRUE(kernels.backward(shape(), wide_.const_data_ptr<float>(), weight_.const_data_ptr<float>(),
                                         activation, kept.const_data_ptr<float>(), dy.const_data_ptr<float>(), x,
                                         weight, bias, 1));
        };
        run(dx.data_ptr<float>(), nullptr, nullptr);
        run(nullptr, results.dweight.data_ptr<float>(), nullptr);
        run(nullptr, nullptr, results.dbias.data_ptr<float>());
        results.dx = channels_first(dx);
        return results;
    }

    std::int64_t length(std::int64_t of_x) const
    {
        if (kind_ == Kind::Down)
            return (of_x + 1) / 2;
        return kind_ == Kind::Up || is_doubled(kind_) ? 2 * of_x : of_x;
    }

    ConvolutionShape shape() const
    {
        const std::int64_t scale = is_doubled(kind_) ? 2 : 1;
        return {sizes_.batch, scale * sizes_.height,     scale * sizes_.width, sizes_.in,
                sizes_.out,   sizes_.in + sizes_.beside, /*mirrored=*/false,   is_doubled(kind_)};
    }

    /// y by weights that were packed before.
    at::Tensor with_packed(InstructionSet set, Activation activation, int threads) const
    {
        const auto& kernels = packed_conv3x3_kernels(set);
        const auto packed = at::empty({kernels.size(shape())}, at::kFloat), y = at::empty_like(pixels_first(dy_));
        kernels.pack(shape(), weight_.const_data_ptr<float>(), packed.data_ptr<float>(), threads);
        EXPECT_TRUE(kernels.forward(shape(), wide_.const_data_ptr<float>(), packed.const_data_ptr<float>(),
                                    bias_.const_data_ptr<float>(), activation, y.data_ptr<float>(), nullptr, threads));
        return channels_first(y);
    }

private:
    Kind kind_;
    Sizes sizes_;
    at::Tensor wide_, weight_, bias_, dy_;
};

double relative_error(const at::Tensor& actual, const at::Tensor& expected)
{
    return ((actual.to(at::kDouble) - expected).norm() / expected.norm().clamp_min(1e-30)).item<double>();
}

/// No worse than four times ATen in float32; where ATen is exact or nearly so, some roundings are allowed.
void expect_as_good(const at::Tensor& actual, const at::Tensor& aten, const at::Tensor& exact, const char* what)
{
    EXPECT_LE(relative_error(actual, exact), std::max(4 * relative_error(aten, exact), 1e-6)) << what;
}

class ConvolutionTest : public ::testing::TestWithParam<std::tuple<InstructionSet, Kind>> {
protected:
    void SetUp() override
    {
        const auto set = std::get<0>(GetParam());
        if (!supported(set))
            GTEST_SKIP() << "this processor lacks the instruction set";
        kernels = &kernels_of(kind, set);
        ASSERT_EQ(kernels->set, set);
    }
    const ConvolutionKernels* kernels = nullptr;
    const Kind kind = std::get<1>(GetParam());
};

const Sizes table[] = {
    {1, 1, 1, 1, 1},     {3, 2, 131, 3, 5},   {2, 5, 7, 17, 33, 2}, {1, 131, 37, 2, 4, 1}, {65, 8, 8, 16, 16},
    {1, 9, 10, 300, 20}, {2, 12, 6, 20, 300}, {4, 16, 16, 64, 64},  {1, 64, 64, 4, 16},    {2, 33, 31, 16, 2},
    {2, 8, 8, 63, 1, 1}, {5, 4, 4, 31, 49},   {1, 3, 4, 8, 7},      {16, 5, 4, 12, 40},    {1, 131, 131, 16, 16},
};

TEST_P(ConvolutionTest, AsGoodAsAtenOverTheTable)
{
    for (const auto& sizes : table) {
        const Case one(kind, sizes);
        for (const auto activation : {Activation::None, Activation::Relu, Activation::Gelu}) {
            SCOPED_TRACE(::testing::Message()
                         << sizes.batch << " x " << sizes.height << " x " << sizes.width << ", " << sizes.in << " -> "
                         << sizes.out << ", activation " << static_cast<int>(activation));
            const auto exact = one.with_aten(at::kDouble, activation), aten = one.with_aten(at::kFloat, activation);
            const auto own = one.with_kernels(*kernels, activation);
            expect_as_good(own.y, aten.y, exact.y, "y");
            if (activation == Activation::Gelu)
                expect_as_good(own.slope, aten.slope, exact.slope, "slope");
            if (activation == Activation::Relu)
                continue; // gradients jump where z is zero up to rounding; see ReluMasksByItsOutput
            expect_as_good(own.dx, aten.dx, exact.dx, "dx");
            expect_as_good(own.dweight, aten.dweight, exact.dweight, "dweight");
            // The terms of that one number happen to cancel, and its error is that of the slope in them.
            if (kind != Kind::Doubled || sizes.out > 1)
                expect_as_good(own.dbias, aten.dbias, exact.dbias, "dbias");
        }
    }
}

TEST_P(ConvolutionTest, ReluMasksByItsOutput)
{
    // None of these sums is so near zero that rounding changes its sign.
    const Case one(kind, {2, 9, 10, 5, 18});
    const auto exact = one.with_aten(at::kDouble, Activation::Relu);
    const auto own = one.with_kernels(*kernels, Activation::Relu);
    ASSERT_TRUE(own.y.gt(0).equal(exact.y.gt(0)));
    EXPECT_LE(relative_error(own.dx, exact.dx), 1e-6);
    EXPECT_LE(relative_error(own.dweight, exact.dweight), 1e-6);
    EXPECT_LE(relative_error(own.dbias, exact.dbias), 1e-6);
}

TEST_P(ConvolutionTest, SameBitsForAnyNumberOfThreads)
{
    for (const auto& sizes : {Sizes{9, 32, 30, 16, 24}, Sizes{1, 16, 16, 33, 17}}) {
        const Case one(kind, sizes);
        const auto expected = one.with_kernels(*kernels, Activation::Gelu, 1);
        for (const int threads : {2, 3, 7}) {
            const auto actual = one.with_kernels(*kernels, Activation::Gelu, threads);
            EXPECT_TRUE(actual.y.equal(expected.y));
            EXPECT_TRUE(actual.slope.equal(expected.slope));
            EXPECT_TRUE(actual.dx.equal(expected.dx));
            EXPECT_TRUE(actual.dweight.equal(expected.dweight));
            EXPECT_TRUE(actual.dbias.equal(expected.dbias));
        }
    }
}

/// The kinds whose weights may be packed before.
class PackedConvolutionTest : public ConvolutionTest {};

TEST_P(PackedConvolutionTest, PackedWeightsMakeTheSameBits)
{
    for (const auto& sizes : {Sizes{2, 6, 10, 33, 70, 2}, Sizes{1, 3, 5, 5, 16}, Sizes{1, 4, 4, 40, 1}}) {
        const Case one(kind, sizes);
        const auto expected = one.with_kernels(*kernels, Activation::Gelu).y;
        for (const int threads : {1, 3})
            EXPECT_TRUE(one.with_packed(kernels->set, Activation::Gelu, threads).equal(expected));
    }
}

TEST_P(ConvolutionTest, GradientsThatAreNotWantedChangeNoOther)
{
    for (const auto activation : {Activation::None, Activation::Relu, Activation::Gelu}) {
        const Case one(kind, {3, 10, 9, 6, 20, 3});
        const auto together = one.with_kernels(*kernels, activation), apart = one.one_by_one(*kernels, activation);
        EXPECT_TRUE(apart.dx.equal(together.dx));
        EXPECT_TRUE(apart.dweight.equal(together.dweight));
        EXPECT_TRUE(apart.dbias.equal(together.dbias));
    }
}

TEST_P(ConvolutionTest, WhatIsNotFiniteIsNotLost)
{
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        for (const auto activation : {Activation::None, Activation::Relu, Activation::Gelu}) {
            Case one(kind, {3, 11, 13, 5, 20});
            one.x()[1][6][7][2] = value;
            const auto aten = one.with_aten(at::kDouble, activation), own = one.with_kernels(*kernels, activation);
            // Wherever ATen's is not finite, and in no other image.
            EXPECT_TRUE(
                own.y.isfinite().logical_not().masked_select(aten.y.isfinite().logical_not()).all().item<bool>());
            EXPECT_TRUE(own.y[0].isfinite().all().item<bool>());
            EXPECT_TRUE(own.y[2].isfinite().all().item<bool>());
            EXPECT_FALSE(own.dweight.isfinite().all().item<bool>());
        }
    }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<InstructionSet, Kind>>& info)
{
    const char* sets[] = {"portable", "avx2", "avx512"};
    const char* kinds[] = {"same", "narrow", "slim", "down", "up", "doubled", "slim_doubled"};
    return std::string(sets[static_cast<int>(std::get<0>(info.param))]) + "_" +
           kinds[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Sets, ConvolutionTest,
                         ::testing::Combine(::testing::Values(InstructionSet::Portable, InstructionSet::Avx2,
                                                              InstructionSet::Avx512),
                                            ::testing::Values(Kind::Same, Kind::Narrow, Kind::Slim, Kind::Down,
                                                              Kind::Up, Kind::Doubled, Kind::SlimDoubled)),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Sets, PackedConvolutionTest,
                         ::testing::Combine(::testing::Values(InstructionSet::Portable, InstructionSet::Avx2,
                                                              InstructionSet::Avx512),
                                            ::testing::Values(Kind::Same, Kind::Doubled)),
                         name_of);

TEST(InstructionSets, TheChosenOneIsSupported)
{
    EXPECT_TRUE(supported(instruction_set()));
    EXPECT_TRUE(supported(InstructionSet::Portable));
}

} // namespace

} // namespace ptk::kernels::cpu
