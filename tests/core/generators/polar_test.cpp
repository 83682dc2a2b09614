#include "core/generators/testing.h"
#include "core/physics/gradient.h"
#include "generators/channel_generator.h"

namespace ptk::generators {
namespace {

/// Gives back what it sees as amplitude, with a fixed phase.
class Given : public ChannelGenerator {
public:
    explicit Given(const at::Tensor& phase) : ChannelGenerator({"given", 1, 4, OutputMode::AmpPhase}), phase_(phase) {}

    Branches branches(const at::Tensor& images) override { return {images, phase_.expand_as(images)}; }

private:
    at::Tensor phase_;
};

TEST(ChannelGenerator, GradientsOfNegativeAmplitudes)
{
    // An amplitude through SiLU may be negative, where the derivative of a modulus has the wrong sign.
    const auto phase = testing::random_tensor({1, 1, 4, 4}).to(at::kDouble) * 6;
    const auto amplitude = testing::random_tensor({2, 1, 4, 4}, 5).to(at::kDouble) - 0.5;
    ASSERT_LT(amplitude.min().item<double>(), 0);
    const auto weight = ptk::testing::random({2, 1, 4, 4}, at::kComplexDouble, 2);
    Given generator(phase);
    ptk::testing::expect_gradient(
        [&](const at::Tensor& images) {
            return (generator.forward({.amplitude = images}) - weight).abs().square().sum();
        },
        amplitude, "amplitude");
}

} // namespace
} // namespace ptk::generators
