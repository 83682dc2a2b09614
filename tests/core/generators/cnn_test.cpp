// What PtychoPINN's cnn takes and refuses; its numbers are compared in golden_test.cpp.
#include "core/generators/testing.h"
#include "core/golden.h"

namespace {

using namespace ptk;
using namespace ptk::generators;
using ptk::generators::testing::make;
using ptk::generators::testing::random_tensor;

Status status_of(Problem problem, const std::string& options)
{
    try {
        make("cnn", problem, options);
    } catch (const Error& error) {
        return error.status();
    }
    return Status::Ok;
}

TEST(Cnn, TakesOnlyTheSidesItHasLayersFor)
{
    for (const std::int64_t side : {0, 32, 63, 96, 512}) {
        try {
            make("cnn", {side, 1});
            ADD_FAILURE() << side;
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), Status::Shape);
            EXPECT_NE(error.message().find("64 x 64, 128 x 128 or 256 x 256, found " + std::to_string(side)),
                      std::string::npos)
                << error.message();
        }
    }
}

TEST(Cnn, ChannelsComeFromTheGroupOrTheOption)
{
    const char* narrow = R"({"generator.n_filters_scale": 1})";
    EXPECT_EQ(make("cnn", {64, 0}, narrow)->channels(), 4);
    EXPECT_EQ(make("cnn", {64, 9}, narrow)->channels(), 9);
    EXPECT_EQ(make("cnn", {64, 0}, R"({"n_filters_scale": 1, "C_model": 2})")->channels(), 2);
    const auto single = make("cnn", {64, 16}, R"({"n_filters_scale": 1, "object_big": false, "C_model": 4})");
    EXPECT_EQ(single->channels(), 1);
    EXPECT_FALSE(single->grouped());
    EXPECT_EQ(status_of({64, 9}, R"({"n_filters_scale": 1, "C_model": 4})"), Status::Shape);
}

TEST(Cnn, RefusesOptionsThatCannotWork)
{
    EXPECT_EQ(status_of({64, 1}, R"({"decoder_spatial_kernel": 4})"), Status::InvalidConfig);
    EXPECT_EQ(status_of({64, 4}, R"({"use_legacy_decoder_channel_override": true, "decoder_last_amp_channels": 1})"),
              Status::InvalidConfig);
    EXPECT_EQ(status_of({64, 40}, R"({"n_filters_scale": 1})"), Status::InvalidConfig); // 40 outputs of 32 channels
    EXPECT_EQ(status_of({64, 1}, R"({"n_filters_scale": 0})"), Status::InvalidConfig);
}

TEST(Cnn, OneChannelSeesEveryFrameAlone)
{
    const auto cnn = make("cnn", {64, 16}, R"({"n_filters_scale": 1, "object_big": false})");
    const c10::NoGradGuard no_gradient;
    const auto frames = random_tensor({2, 3, 64, 64});
    const auto together = cnn->forward({frames, 1.5, {}});
    ASSERT_EQ(together.sizes(), frames.sizes());
    ASSERT_EQ(together.scalar_type(), at::kComplexFloat);
    const auto alone = cnn->forward({frames.slice(0, 1, 2).slice(1, 2, 3), 1.5, {}});
    golden::expect_close(together[1][2], alone[0][0], 1e-5, "frame 2 of group 1");
}

TEST(Cnn, SaysWhichShapeItExpects)
{
    const auto cnn = make("cnn", {64, 4}, R"({"n_filters_scale": 1})");
    try {
        cnn->forward({at::zeros({2, 3, 64, 64}), 1, {}});
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Shape);
        EXPECT_EQ(error.message(), "cnn: expected amplitudes (B, 4, 64, 64), found (2, 3, 64, 64)");
    }
}

TEST(Cnn, EveryUsedParameterGetsAGradient)
{
    const auto cnn = make("cnn", {64, 4}, R"({"n_filters_scale": 1, "batch_norm": true})");
    cnn->set_training(true);
    at::view_as_real(cnn->forward({random_tensor({2, 4, 64, 64}), 1, {}})).square().sum().backward();
    for (const auto& [name, tensor] : cnn->named_parameters()) {
        ASSERT_TRUE(tensor->grad().defined()) << name;
        EXPECT_TRUE(at::isfinite(tensor->grad()).all().item<bool>()) << name;
    }
}

} // namespace
