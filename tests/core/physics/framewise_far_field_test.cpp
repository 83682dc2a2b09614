// The far field frame by frame against the plain composition of LibTorch's operators, which other tests prove.
#include "base/error.h"
#include "core/kernels/using_backend.h"
#include "core/physics/gradient.h"
#include "physics/far_field.h"
#include "physics/framewise_far_field.h"
#include "physics/plane_fourier.h"

#include <ATen/Parallel.h>

namespace ptk::physics {

namespace {

using kernels::Backend;
using kernels::testing::UsingBackend;
using testing::random;

double error(const at::Tensor& found, const at::Tensor& expected)
{
    const double size = expected.abs().max().item<double>();
    return (found.to(expected.scalar_type()) - expected).abs().max().item<double>() / size;
}

/// Intensity, and gradients of a weighted sum of it by patches and probe.
std::vector<at::Tensor> results(Backend by, const at::Tensor& patches, const at::Tensor& probe, at::ScalarType type)
{
    const UsingBackend those(by);
    const auto object = patches.detach().to(type).requires_grad_(true);
    const auto light = probe.detach().to(type).requires_grad_(true);
    const auto intensity = far_field_intensity(object, light);
    const auto weight = random(intensity.sizes(), at::kDouble, 9).to(intensity.scalar_type());
    (intensity * weight).sum().backward();
    return {intensity.detach(), object.grad(), light.grad()};
}

void expect_equal(const at::Tensor& patches, const at::Tensor& probe)
{
    ASSERT_TRUE(takes_framewise(patches, probe));
    const auto plain = results(Backend::Aten, patches, probe, at::kComplexDouble);
    const auto ours = results(Backend::Own, patches, probe, at::kComplexFloat);
    const char* names[] = {"intensity", "gradient by the patches", "gradient by the probe"};
    for (std::size_t i = 0; i < plain.size(); ++i) {
        ASSERT_EQ(ours[i].sizes(), plain[i].sizes()) << names[i];
        EXPECT_LT(error(ours[i], plain[i]), 2e-6) << names[i];
    }
}

TEST(FramewiseFarField, EqualsThePlainOneInValueAndGradients)
{
    for (const std::int64_t side : {1, 2, 7, 8, 15, 30, 64})
        for (const std::int64_t modes : {1, 3}) {
            SCOPED_TRACE(::testing::Message() << side << ", " << modes);
            const auto patches = random({3, 4, side, side}, at::kComplexFloat, 1);
            expect_equal(patches, random({modes, side, side}, at::kComplexFloat, 2));
            expect_equal(patches, random({3, 4, modes, side, side}, at::kComplexFloat, 3));
            expect_equal(patches[0][0], random({modes, side, side}, at::kComplexFloat, 4));
        }
}

TEST(FramewiseFarField, TakesAnyLayout)
{
    const auto patches = random({2, 5, 12, 12}, at::kComplexFloat, 1).transpose(2, 3);
    const auto probe = random({2, 12, 12}, at::kComplexFloat, 2);
    const auto many = probe.expand({2, 5, 2, 12, 12});
    const UsingBackend own(Backend::Own);
    const auto expected = far_field_intensity(patches.contiguous(), probe);
    EXPECT_TRUE(at::equal(far_field_intensity(patches, probe), expected));
    EXPECT_TRUE(at::equal(far_field_intensity(patches, many), expected)) << "repeated";
    EXPECT_TRUE(at::equal(far_field_intensity(patches.conj().conj_physical(), probe), expected)) << "conjugate bit";
    EXPECT_TRUE(at::equal(far_field_intensity(patches, probe.transpose(1, 2).contiguous().transpose(1, 2)), expected));

    const auto leaf = probe.clone().requires_grad_(true);
    far_field_intensity(patches, leaf.expand({2, 5, 2, 12, 12})).sum().backward();
    const auto shared = probe.clone().requires_grad_(true);
    far_field_intensity(patches, shared).sum().backward();
    EXPECT_LT(error(leaf.grad(), shared.grad()), 1e-6) << "gradient through the repetition";
}

TEST(FramewiseFarField, OnlyAsksForGradientsThatAreWanted)
{
    const UsingBackend own(Backend::Own);
    const auto patches = random({4, 8, 8}, at::kComplexFloat, 1), probe = random({2, 8, 8}, at::kComplexFloat, 2);
    EXPECT_FALSE(far_field_intensity(patches, probe).requires_grad());
    const auto object = patches.clone().requires_grad_(true);
    far_field_intensity(object, probe).sum().backward();
    EXPECT_TRUE(object.grad().defined());
    const auto light = probe.clone().requires_grad_(true);
    far_field_intensity(patches, light).sum().backward();
    EXPECT_TRUE(light.grad().defined());
    EXPECT_FALSE(takes_framewise(patches.narrow(0, 0, 0), probe)) << "nothing to do";
}

TEST(FramewiseFarField, HasTheSameBitsForAnyNumberOfThreads)
{
    const auto patches = random({13, 16, 16}, at::kComplexFloat, 1), probe = random({2, 16, 16}, at::kComplexFloat, 2);
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const auto expected = results(Backend::Own, patches, probe, at::kComplexFloat);
    at::set_num_threads(3);
    const auto found = results(Backend::Own, patches, probe, at::kComplexFloat);
    at::set_num_threads(before);
    for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(at::equal(found[i], expected[i])) << i;
}

TEST(FramewiseFarField, SaysThatItHasNoSecondDerivative)
{
    const UsingBackend own(Backend::Own);
    const auto patches = random({2, 8, 8}, at::kComplexFloat, 1).requires_grad_(true);
    const auto value = far_field_intensity(patches, random({1, 8, 8}, at::kComplexFloat, 2)).square().sum();
    try {
        value.backward({}, true, /*create_graph=*/true);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Unsupported);
        EXPECT_NE(std::string(error.what()).find("kernels = aten"), std::string::npos) << error.what();
    }
    const UsingBackend aten(Backend::Aten);
    const auto plain = far_field_intensity(patches, random({1, 8, 8}, at::kComplexFloat, 2)).square().sum();
    plain.backward({}, true, /*create_graph=*/true);
}

TEST(PlaneFourier, EveryProviderTransforms)
{
    ASSERT_TRUE(PlaneFourier::has(PlaneFourier::Provider::LibTorch));
    for (const auto provider : {PlaneFourier::Provider::Mkl, PlaneFourier::Provider::LibTorch}) {
        if (!PlaneFourier::has(provider)) {
            EXPECT_THROW(PlaneFourier::of(8, provider), Error);
            continue;
        }
        for (const std::int64_t side : {1, 2, 9, 64, 127}) {
            SCOPED_TRACE(::testing::Message() << static_cast<int>(provider) << ", " << side);
            const auto plane = random({side, side}, at::kComplexFloat, 3);
            auto found = plane.clone();
            auto* data = reinterpret_cast<float*>(found.mutable_data_ptr<c10::complex<float>>());
            PlaneFourier::of(side, provider).forward(data);
            EXPECT_LT(error(found, at::fft_fft2(plane.to(at::kComplexDouble))), 1e-6);
            PlaneFourier::of(side, provider).backward(data);
            EXPECT_LT(error(found / static_cast<double>(side * side), plane.to(at::kComplexDouble)), 1e-6);
        }
    }
}

} // namespace

} // namespace ptk::physics
