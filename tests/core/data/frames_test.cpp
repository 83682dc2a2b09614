#include "core/data/data_testing.h"
#include "data/frames.h"
#include "data/hdf5_file.h"
#include "data/readers.h"
#include "paths.h"

#include <gtest/gtest.h>

#include <thread>

namespace ptk::data {
namespace {

at::Tensor numbers(std::int64_t count, std::int64_t side)
{
    return at::arange(count * side * side).reshape({count, side, side}).remainder(120);
}

TEST(Frames, EveryTypeIsGatheredInTheOrderOfTheIndices)
{
    const auto stack = numbers(5, 4);
    const auto indices = at::tensor(std::vector<std::int64_t>{3, 0, 3, 4});
    const auto expected = stack.index_select(0, indices).to(at::kFloat);
    for (const auto type : {at::kBool, at::kByte, at::kChar, at::kUInt16, at::kShort, at::kInt, at::kLong, at::kHalf,
                            at::kFloat, at::kDouble}) {
        const auto typed = type == at::kBool ? stack.gt(50) : stack.to(type);
        const auto gathered = frames_in_memory(typed)->gather(indices);
        EXPECT_EQ(gathered.scalar_type(), at::kFloat);
        EXPECT_TRUE(gathered.equal(type == at::kBool ? expected.gt(50).to(at::kFloat) : expected))
            << c10::toString(type);
    }
    EXPECT_EQ(frames_in_memory(stack)->gather(indices.slice(0, 0, 0)).size(0), 0);
}

TEST(Frames, StridedFramesNeedNoCopy)
{
    const auto stack = numbers(4, 3);
    const auto strided = stack.permute({1, 2, 0}).contiguous().permute({2, 0, 1});
    ASSERT_FALSE(strided.is_contiguous());
    const auto all = at::arange(4);
    EXPECT_TRUE(frames_in_memory(strided)->gather(all).equal(stack.to(at::kFloat)));
}

TEST(Frames, SubsetsOfSubsetsNameTheSameFrames)
{
    const auto stack = numbers(6, 2);
    const auto odd = frames_subset(frames_in_memory(stack), at::tensor(std::vector<std::int64_t>{1, 3, 5}));
    const auto last = frames_subset(odd, at::tensor(std::vector<std::int64_t>{2, 0}));
    EXPECT_EQ(last->size(), 2);
    EXPECT_EQ(last->side(), 2);
    EXPECT_TRUE(last->gather(at::tensor(std::vector<std::int64_t>{1, 0}))
                    .equal(stack.index_select(0, at::tensor(std::vector<std::int64_t>{1, 5})).to(at::kFloat)));
}

TEST(Frames, OnlyStacksOfSquaresAreFrames)
{
    testing_data::expect_error(Status::Shape, "(2, 3, 4)", [] { frames_in_memory(at::zeros({2, 3, 4})); });
}

/// Frames of the real CXI file, in memory and (with a limit of 1 MiB) on disk.
class DiskFramesTest : public testing::Test {
protected:
    static Scan read(const std::string& json)
    {
        Log log;
        return read_scan(PTK_SOURCE_DIR "/examples/data/siemens.cxi", testing_data::settings(json), log);
    }
};

TEST_F(DiskFramesTest, EqualFramesInMemory)
{
    const auto indices = at::tensor(std::vector<std::int64_t>{515, 7, 8, 9, 7, 0, 300, 299, 298, 515});
    for (const std::string dc : {"center", "corner"}) {
        const auto memory = read(R"({"data.dc": ")" + dc + "\"}");
        const auto disk = read(R"({"data.memory_mib": 1, "data.dc": ")" + dc + "\"}");
        ASSERT_FALSE(memory.frames->on_disk());
        ASSERT_TRUE(disk.frames->on_disk());
        EXPECT_EQ(disk.size(), 516);
        EXPECT_EQ(disk.measurement, memory.measurement);
        EXPECT_TRUE(disk.frames->gather(indices).equal(memory.frames->gather(indices))) << dc;
        EXPECT_TRUE(disk.positions.equal(memory.positions));
    }
    const auto part = read(R"({"data.memory_mib": 1, "data.x_bounds": [0, 0.5]})");
    EXPECT_TRUE(part.frames->on_disk());
    EXPECT_LT(part.size(), 400);
    const auto memory = read(R"({"data.x_bounds": [0, 0.5]})");
    const auto last = at::tensor(std::vector<std::int64_t>{part.size() - 1});
    EXPECT_TRUE(part.frames->gather(last).equal(memory.frames->gather(last)));
}

TEST_F(DiskFramesTest, ThreadsMayGatherAtOnce)
{
    const auto disk = read(R"({"data.memory_mib": 1})");
    const auto memory = read("{}");
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (std::int64_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (std::int64_t i = 0; i < 8; ++i) {
                const auto indices =
                    at::tensor(std::vector<std::int64_t>{(97 * t + 31 * i) % 516, (13 * t + 5 * i) % 516});
                wrong += disk.frames->gather(indices).equal(memory.frames->gather(indices)) ? 0 : 1;
            }
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

} // namespace
} // namespace ptk::data
