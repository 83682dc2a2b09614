#include "api.h"
#include "paths.h"

#include <cmath>

using namespace api;

namespace {

/// The experiment's frames as numbers of another type, laid out frame last with gaps, as they come out of some
/// detectors.
template <class T> struct Strided {
    std::vector<T> memory;
    ptk_view view{};

    explicit Strided(const Experiment& data)
    {
        constexpr auto n = Experiment::count, side = Experiment::side, step = n + 3;
        memory.assign(static_cast<std::size_t>(side * side * step), T{});
        const std::int64_t shape[] = {n, side, side};
        ok(ptk_view_init(&view, memory.data(), dtype_of<T>(), 3, shape));
        view.strides[0] = 1;
        view.strides[1] = side * step;
        view.strides[2] = step;
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t p = 0; p < side * side; ++p)
                memory[static_cast<std::size_t>(p * step + i)] = static_cast<T>(count_of(data, i * side * side + p));
    }

    static double count_of(const Experiment& data, std::int64_t index)
    {
        return std::min(100.0F, std::floor(data.patterns.values[static_cast<std::size_t>(index)]));
    }
};

template <class T> class Frames : public ::testing::Test {
};
using RealTypes = ::testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t,
                                   std::int32_t, std::int64_t, float, double>;
TYPED_TEST_SUITE(Frames, RealTypes);

TYPED_TEST(Frames, OfEveryTypeAndOrderAreCopiedAsTheyAre)
{
    const auto ctx = context();
    const Experiment data(ctx);
    Strided<TypeParam> frames(data);
    Dataset dataset;
    ok(ptk_dataset_from_arrays(dataset.out(), ctx, &frames.view, &data.positions.view, nullptr, nullptr,
                               config(R"({"data.measurement": "counts"})")));
    std::fill(frames.memory.begin(), frames.memory.end(), TypeParam{}); // the caller's memory is free again
    ASSERT_EQ(ptk_dataset_size(dataset), Experiment::count);
    ASSERT_EQ(ptk_dataset_side(dataset), Experiment::side);
    const auto read = api::read<float>(dataset, "patterns");
    for (std::size_t i = 0; i < read.values.size(); ++i)
        ASSERT_EQ(read.values[i], static_cast<float>(Strided<TypeParam>::count_of(data, static_cast<std::int64_t>(i))))
            << i;
}

TEST(Dataset, DescribesAndReadsItsArrays)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto about = json([&](auto... a) { return ptk_dataset_describe(dataset, a...); });
    EXPECT_EQ(about["frames"], 36);
    EXPECT_EQ(about["side"], 16);
    EXPECT_EQ(about["measurement"], "counts");
    EXPECT_EQ(about["positions"]["x"], (Json{9.0, 29.0}));
    ASSERT_EQ(about["arrays"].size(), 4U);
    EXPECT_EQ(about["arrays"][0], (Json{{"name", "patterns"}, {"dtype", "F32"}, {"shape", {36, 16, 16}}}));
    EXPECT_EQ(read<double>(dataset, "positions").values, data.positions.values);
    EXPECT_EQ(read<Complex>(dataset, "probe").values, data.probe.values);
    EXPECT_EQ(read<Complex>(dataset, "object").values, data.object.values);
    std::int64_t lengths[PTK_MAX_NDIM];
    std::int32_t ndim = 0;
    expect_error(ptk_dataset_shape(dataset, "pattern", lengths, PTK_MAX_NDIM, &ndim), PTK_ERR_NOT_FOUND, {"'pattern'"});
}

TEST(Dataset, ReadsSomePatterns)
{
    const auto ctx = context();
    const Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    Array<float> part({5, 16, 16});
    ok(ptk_dataset_read_patterns(dataset, 31, &part.view));
    EXPECT_EQ(part.values.front(), data.patterns.values[31 * 256]);
    EXPECT_EQ(part.values.back(), data.patterns.values.back());
    expect_error(ptk_dataset_read_patterns(dataset, 32, &part.view), PTK_ERR_INVALID_ARGUMENT, {"5 frames from 32"});
    expect_error(ptk_dataset_read_patterns(dataset, -1, &part.view), PTK_ERR_INVALID_ARGUMENT);
    expect_error(ptk_dataset_read_patterns(dataset, INT64_MAX, &part.view), PTK_ERR_INVALID_ARGUMENT);
}

TEST(Dataset, SelectsByFractionsOfTheRange)
{
    const auto ctx = context();
    const Experiment data(ctx);
    auto dataset = data.dataset(ctx);
    Dataset left, right, corner;
    ok(ptk_dataset_select(left.out(), dataset, 0, 0.5, 0, 1));
    ok(ptk_dataset_select(right.out(), dataset, 0.5, 1, 0, 1));
    EXPECT_EQ(ptk_dataset_size(left), 18);
    EXPECT_EQ(ptk_dataset_size(right), 18);
    dataset.reset(); // parts live on without the whole
    ok(ptk_dataset_select(corner.out(), right, 1, 1, 0, 0));
    const auto positions = read<double>(corner, "positions");
    EXPECT_EQ(positions.values, (std::vector<double>{29, 9}));
    const auto patterns = read<float>(corner, "patterns");
    EXPECT_TRUE(std::equal(patterns.values.begin(), patterns.values.end(), data.patterns.values.begin() + 5 * 256))
        << "frame 5 is at the right of the first row";
    for (const double low : {-0.1, 0.6, std::nan("")})
        expect_error(ptk_dataset_select(left.out(), right, low, 0.5, 0, 1), PTK_ERR_INVALID_ARGUMENT, {"x_low"});
    expect_error(ptk_dataset_select(left.out(), right, 0.05, 0.1, 0, 1), PTK_ERR_SHAPE, {"no scan point"});
}

TEST(Dataset, BadArraysNameWhatIsWrong)
{
    const auto ctx = context();
    Experiment data(ctx);
    Dataset dataset;
    const auto make = [&](const ptk_view* probe) {
        return ptk_dataset_from_arrays(dataset.out(), ctx, &data.patterns.view, &data.positions.view, probe, nullptr,
                                       nullptr);
    };
    Array<Complex> small({8, 8});
    EXPECT_EQ(make(&small.view), PTK_ERR_SHAPE);
    Array<double> few({7, 2});
    EXPECT_EQ(ptk_dataset_from_arrays(dataset.out(), ctx, &data.patterns.view, &few.view, nullptr, nullptr, nullptr),
              PTK_ERR_SHAPE);
    data.positions.values[3] = std::nan("");
    const auto status = make(nullptr);
    EXPECT_TRUE(status == PTK_ERR_FORMAT || status == PTK_ERR_SHAPE) << status;
    EXPECT_EQ(static_cast<ptk_dataset*>(dataset), nullptr);
}

TEST(File, IsDescribedAndOpened)
{
    const auto ctx = context();
    const auto about = json([&](auto... a) { return ptk_file_describe(ctx, PTK_SCAN, nullptr, a...); });
    EXPECT_FALSE(about.empty());
    EXPECT_TRUE(about.is_object());
    Dataset dataset;
    ok(ptk_dataset_open(dataset.out(), ctx, PTK_SCAN, config(R"({"data.x_bounds": [0, 0.5]})")));
    EXPECT_EQ(ptk_dataset_side(dataset), 64);
    EXPECT_GT(ptk_dataset_size(dataset), 100);
    EXPECT_LT(ptk_dataset_size(dataset), 400);
    expect_error(ptk_dataset_open(dataset.out(), ctx, "/nowhere/scan.npz", nullptr), PTK_ERR_IO, {"/nowhere/scan.npz"});
    expect_error(ptk_dataset_open(dataset.out(), ctx, PTK_SOURCE_DIR "/LICENSE", nullptr), PTK_ERR_FORMAT, {"LICENSE"});
}

} // namespace
