#include "base/atomic_file.h"
#include "base/device.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ptk {
namespace {

std::filesystem::path scratch(const std::string& name)
{
    return std::filesystem::path(::testing::TempDir()) / ("ptk_base_" + std::to_string(::getpid()) + "_" + name);
}

TEST(AtomicFile, KeepsTheOldFileWhenWritingFails)
{
    const auto path = scratch("kept");
    base::write_text(path, "old");
    EXPECT_THROW(base::write_atomically(path,
                                        [](const std::string& temporary) {
                                            std::ofstream(temporary) << "half";
                                            throw Error(Status::Io, "disk full");
                                        }),
                 Error);
    EXPECT_EQ(base::read_text(path), "old");
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path()))
        EXPECT_FALSE(entry.path().string().starts_with(path.string() + ".")) << "left behind: " << entry.path();
    std::filesystem::remove(path);
}

TEST(AtomicFile, FullDiskIsAnErrorWithThePath)
{
    try {
        base::write_text("/dev/full/x", "text");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Io);
        EXPECT_NE(error.message().find("/dev/full/x"), std::string::npos);
    }
}

TEST(Text, NearestWordFindsTyposAndMissingSections)
{
    const std::vector<std::string> keys{"training.epochs", "training.learning_rate", "data.dc"};
    EXPECT_EQ(base::nearest_word("training.epoch", keys), "training.epochs");
    EXPECT_EQ(base::nearest_word("learning_rate", keys), "training.learning_rate");
    EXPECT_EQ(base::nearest_word("completely_different", keys), "");
}

TEST(Random, StreamsAreIndependentAndReproducible)
{
    EXPECT_EQ(base::stream_seed(7, "grouping"), base::stream_seed(7, "grouping"));
    EXPECT_NE(base::stream_seed(7, "grouping"), base::stream_seed(7, "shuffling"));
    EXPECT_NE(base::stream_seed(7, "grouping"), base::stream_seed(8, "grouping"));
    auto engine = base::random_engine(1, "x");
    std::vector<int> counts(3);
    for (int i = 0; i < 3000; ++i)
        ++counts[base::uniform_below(engine, 3)];
    for (const int count : counts)
        EXPECT_NEAR(count, 1000, 110); // four standard deviations
}

TEST(Monitor, StopsOnTokenAndOnCallback)
{
    auto token = std::make_shared<CancelToken>();
    const Monitor by_token({}, token);
    EXPECT_NO_THROW(by_token.check());
    token->request();
    EXPECT_THROW(by_token.check(), Error);
    const Monitor by_callback([](const Progress& p) { return p.step < 2; }, nullptr);
    Progress progress;
    progress.step = 1;
    EXPECT_NO_THROW(by_callback.report(progress));
    progress.step = 2;
    EXPECT_THROW(by_callback.report(progress), Error);
}

TEST(Device, UnknownNamesAndMissingCudaSayWhatToDo)
{
    EXPECT_TRUE(base::open_device("cpu").is_cpu());
    try {
        base::open_device("gpu");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::InvalidArgument);
    }
    EXPECT_EQ(base::usable_devices().front().name, "cpu");
    if (base::usable_devices().size() > 1)
        GTEST_SKIP() << "this machine has a CUDA device: its error path cannot be seen";
    try {
        base::open_device("cuda:3");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Device);
        EXPECT_NE(error.message().find("device 'cpu'"), std::string::npos) << error.message();
    }
}

} // namespace
} // namespace ptk
