#include "api.h"

#include <algorithm>
#include <cmath>

using namespace api;

namespace {

const char* const small =
    R"({"seed": 3, "simulation.frames": 20, "simulation.size": 32, "simulation.dead_pixels": 0.02})";

Dataset simulated(const Context& ctx, const char* options = small)
{
    Dataset dataset;
    ok(ptk_simulate(dataset.out(), ctx, config(options), nullptr, nullptr, nullptr));
    return dataset;
}

TEST(Simulate, MakesCountsAndTheirTruth)
{
    const auto ctx = context();
    const auto dataset = simulated(ctx);
    ASSERT_EQ(ptk_dataset_size(dataset), 20);
    ASSERT_EQ(ptk_dataset_side(dataset), 32);
    const auto about = json([&](auto... a) { return ptk_dataset_describe(dataset, a...); });
    EXPECT_EQ(about["measurement"], "counts");
    EXPECT_TRUE(about["has_object"].get<bool>());
    EXPECT_EQ(about["bad_pixels"], 20); // 2 % of 1024, rounded
    const auto bad = api::read<std::uint8_t>(dataset, "bad_pixels");
    EXPECT_EQ(std::count(bad.values.begin(), bad.values.end(), 1), 20);
    const auto patterns = api::read<float>(dataset, "patterns");
    double sum = 0;
    for (const float value : patterns.values) {
        ASSERT_EQ(value, std::floor(value));
        sum += value;
    }
    // 1e6 counts a frame, times the square of an amplitude of 0.8 to 1, less the dead pixels.
    EXPECT_GT(sum / 20, 4e5);
    EXPECT_LT(sum / 20, 1.01e6);
}

TEST(Simulate, SavedFilesAreOpenedAgain)
{
    const auto ctx = context();
    const auto dataset = simulated(ctx);
    const auto patterns = api::read<float>(dataset, "patterns").values;
    const Folder folder;
    for (const std::string name : {"scan.npz", "scan.cxi", "scan.h5", "ptychodus"}) {
        const auto file = folder.file(name);
        ok(ptk_dataset_save(dataset, file.c_str(), "auto"));
        Dataset back;
        ok(ptk_dataset_open(back.out(), ctx, file.c_str(), nullptr));
        EXPECT_EQ(api::read<float>(back, "patterns").values, patterns) << name;
        EXPECT_EQ(api::read<std::uint8_t>(back, "bad_pixels").values,
                  api::read<std::uint8_t>(dataset, "bad_pixels").values)
            << name;
    }
    expect_error(ptk_dataset_save(dataset, folder.file("ptychodus").c_str(), "auto"), PTK_ERR_EXISTS,
                 {"is there already"});
    expect_error(ptk_dataset_save(dataset, folder.file("scan.tif").c_str(), "auto"), PTK_ERR_INVALID_ARGUMENT,
                 {".tif", ".npz"});
    expect_error(ptk_dataset_save(dataset, folder.file("scan.npz").c_str(), "matlab"), PTK_ERR_INVALID_ARGUMENT,
                 {"matlab", "ptychodus"});
    expect_error(ptk_dataset_save(dataset, "/nowhere/at/all.npz", "npz"), PTK_ERR_IO, {"/nowhere/at/all.npz"});
}

TEST(Simulate, WrongOptionsAndCancelledRunsGiveNothing)
{
    const auto ctx = context();
    Dataset dataset;
    expect_error(
        ptk_simulate(dataset.out(), ctx, config(R"({"simulation.objekt": "lines"})"), nullptr, nullptr, nullptr),
        PTK_ERR_INVALID_CONFIG, {"simulation.object"});
    EXPECT_EQ(static_cast<ptk_dataset*>(dataset), nullptr);
    Cancel cancel;
    ok(ptk_cancel_create(cancel.out()));
    ptk_cancel_request(cancel);
    expect_error(ptk_simulate(dataset.out(), ctx, config(small), cancel, nullptr, nullptr), PTK_ERR_CANCELLED);
    EXPECT_EQ(static_cast<ptk_dataset*>(dataset), nullptr);
}

} // namespace
