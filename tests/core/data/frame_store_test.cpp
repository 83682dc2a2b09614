#include "base/file_lock.h"
#include "core/data/data_testing.h"
#include "data/frame_store.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "data/read_ahead.h"
#include "data/readers.h"
#include "paths.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

namespace ptk::data {
namespace {

using testing::HasSubstr;
using testing_data::expect_error;
using testing_data::settings;

namespace fs = std::filesystem;

std::string bytes_of(const std::string& path)
{
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

class FrameStoreTest : public testing_data::ScratchTest {
protected:
    Log log;
    std::vector<std::string> said;
    std::string store = path("frames.store");

    void SetUp() override
    {
        ScratchTest::SetUp();
        log.set(LogLevel::Info, [this](LogLevel, const char*, const char* text) { said.emplace_back(text); });
    }

    /// 12 frames of 10 x 10, x and y apart.
    std::string write_scan(const at::Tensor& frames, const std::string& name = "scan.npz") const
    {
        const auto index = at::arange(12, at::kDouble);
        write_npz(path(name), {{"diff3d", frames},
                               {"xcoords", index.remainder(4) * 3 + 7},
                               {"ycoords", at::floor(index / 4) * 4 + 6},
                               {"probeGuess", at::complex(at::ones({10, 10}), at::zeros({10, 10}))}});
        return path(name);
    }
    static at::Tensor numbers(at::ScalarType type = at::kUInt16)
    {
        return (at::arange(1200).reshape({12, 10, 10}) * 7).remainder(113).to(type);
    }
    /// With the store as well, unless @p json names another.
    Scan open(const std::string& scan, const std::string& json = "{}", const Monitor& monitor = {})
    {
        auto config = config::Config::from_json(json);
        if (!config.values().contains("data.store"))
            config.set("data.store", store);
        return read_scan(scan, config::Settings(config::library_schema(), config), log, monitor);
    }
    Scan open_in_memory(const std::string& scan, const std::string& json = "{}")
    {
        return read_scan(scan, settings(json), log);
    }
    /// Built by this call? Told by the log, which says why.
    bool builds(const std::string& scan, const std::string& json = "{}", const std::string& reason = "")
    {
        said.clear();
        open(scan, json);
        for (const auto& text : said)
            if (text.find("the frame store is built") != std::string::npos) {
                EXPECT_THAT(text, HasSubstr(reason));
                return true;
            }
        return false;
    }
    std::vector<std::string> names() const
    {
        std::vector<std::string> all;
        for (const auto& entry : fs::directory_iterator(folder))
            all.push_back(entry.path().filename().string());
        std::sort(all.begin(), all.end());
        return all;
    }
};

void expect_equal(const Scan& store, const Scan& memory, const std::string& what)
{
    ASSERT_EQ(store.size(), memory.size()) << what;
    ASSERT_EQ(store.side(), memory.side()) << what;
    EXPECT_TRUE(store.frames->on_disk()) << what;
    EXPECT_FALSE(memory.frames->on_disk()) << what;
    const auto all = at::arange(store.size());
    for (const auto& indices : {all, all.flip(0), at::cat({all, all})})
        EXPECT_TRUE(store.frames->gather(indices).equal(memory.frames->gather(indices))) << what;
    EXPECT_EQ(store.frames->gather(all.slice(0, 0, 0)).size(0), 0);
    EXPECT_EQ(store.measurement, memory.measurement) << what;
    EXPECT_TRUE(store.positions.equal(memory.positions)) << what;
    EXPECT_EQ(store.bad_pixels.defined(), memory.bad_pixels.defined()) << what;
    if (store.bad_pixels.defined() && memory.bad_pixels.defined())
        EXPECT_TRUE(store.bad_pixels.equal(memory.bad_pixels)) << what;
}

TEST_F(FrameStoreTest, HoldsFramesOfEveryTypeAsMemoryDoes)
{
    for (const auto type :
         {at::kBool, at::kByte, at::kChar, at::kUInt16, at::kShort, at::kInt, at::kLong, at::kFloat, at::kDouble}) {
        const auto frames = type == at::kBool     ? numbers(at::kLong).gt(50)
                            : type == at::kDouble ? numbers(type) / 3
                                                  : numbers(type);
        const auto scan = write_scan(frames);
        expect_equal(open(scan), open_in_memory(scan), c10::toString(type));
    }
    const auto wide = write_scan(numbers(at::kLong) * 12345678901); // no float32 holds these, nor do ours
    expect_equal(open(wide), open_in_memory(wide), "wide");
}

TEST_F(FrameStoreTest, DoesWhatTheDetectorOptionsSay)
{
    write_npz(path("dark.npz"), {{"dark", numbers()[3].to(at::kFloat) * 0.25}});
    write_npz(path("bad.npz"), {{"bad", numbers()[5].to(at::kInt).gt(100).to(at::kByte)}});
    for (const auto type : {at::kUInt16, at::kFloat}) {
        const auto scan = write_scan(numbers(type));
        for (const std::string& json :
             {std::string(R"({"data.crop": 8})"), std::string(R"({"data.crop": 8, "data.bin": 2})"),
              std::string(R"({"data.pad": 16})"), std::string(R"({"data.dc": "corner"})"),
              std::string(R"({"data.beamstop": 3, "data.flip_x": true, "data.transpose": true})"),
              R"({"data.dark": ")" + path("dark.npz") + "\"}", R"({"data.bad_pixels": ")" + path("bad.npz") + "\"}",
              std::string(R"({"data.x_bounds": [0, 0.6], "data.flip_y": true})")})
            expect_equal(open(scan, json), open_in_memory(scan, json), json);
    }
}

TEST_F(FrameStoreTest, IsMadeOfEveryFormat)
{
    const std::string examples = PTK_SOURCE_DIR "/examples/data/";
    for (const std::string name : {"siemens64.npz", "siemens.cxi"})
        expect_equal(open(examples + name), open_in_memory(examples + name), name);

    const auto last = write_scan(numbers().to(at::kInt).permute({1, 2, 0}).contiguous());
    expect_equal(open(last), open_in_memory(last), "frames last");

    fs::create_directories(folder / "several");
    write_scan(numbers(at::kByte), "several/a.npz");
    write_scan(numbers(at::kInt).flip(0), "several/b.npz");
    write_scan(numbers(at::kFloat).flip(1), "several/c.npz");
    expect_equal(open(path("several")), open_in_memory(path("several")), "folder");
}

TEST_F(FrameStoreTest, IsMadeOfSlabs)
{
    // More pixels than are worked on at once: 12 frames of 800 x 800; a slab holds 6.
    const auto frames = at::arange(12 * 640000).reshape({12, 800, 800}).remainder(251).to(at::kByte);
    const auto index = at::arange(12, at::kDouble);
    write_npz(path("large.npz"), {{"diff3d", frames}, {"xcoords", index * 3}, {"ycoords", index * 2}});
    const std::string json = R"({"data.crop": 64})";
    std::vector<std::int64_t> steps;
    const Monitor monitor([&](const Progress& progress) { return steps.push_back(progress.step), true; }, nullptr);
    expect_equal(open(path("large.npz"), json, monitor), open_in_memory(path("large.npz"), json), "slabs");
    EXPECT_EQ(steps, (std::vector<std::int64_t>{6, 12}));
}

TEST_F(FrameStoreTest, IsBuiltAnewWhenWhatItIsMadeOfChangesAndOnlyThen)
{
    write_npz(path("dark.npz"), {{"dark", at::ones({10, 10})}});
    const auto dark = R"({"data.dark": ")" + path("dark.npz") + "\"}";
    const auto scan = write_scan(numbers());
    EXPECT_TRUE(builds(scan, "{}", "there is none"));
    EXPECT_FALSE(builds(scan));
    EXPECT_FALSE(builds(scan, R"({"data.x_bounds": [0, 0.5], "data.measurement": "intensity", "seed": 3})"));
    EXPECT_TRUE(builds(scan, R"({"data.crop": 8})", "'crop 8' instead of 'crop 0'"));
    EXPECT_FALSE(builds(scan, R"({"data.crop": 8})"));
    EXPECT_TRUE(builds(scan, R"({"data.crop": 8, "data.remake_store": true})", "data.remake_store"));
    EXPECT_TRUE(builds(scan, R"({"remake_map": true})", "data.remake_store")); // PtychoPINN's name
    EXPECT_TRUE(builds(scan, dark, "dark"));
    EXPECT_FALSE(builds(scan, dark));
    write_npz(path("dark.npz"), {{"dark", at::full({10, 10}, 2)}});
    EXPECT_TRUE(builds(scan, dark, "dark"));
    const auto changed = write_scan(numbers().to(at::kInt).flip(0).to(at::kUInt16));
    EXPECT_TRUE(builds(changed, dark, "scan.npz of "));
    EXPECT_FALSE(builds(changed, dark));
    const auto later = fs::last_write_time(changed) + std::chrono::seconds(5);
    fs::last_write_time(changed, later);
    EXPECT_TRUE(builds(changed, dark, "scan.npz of "));
}

TEST_F(FrameStoreTest, LiesWhereTheOptionSays)
{
    const auto scan = write_scan(numbers());
    fs::create_directories(folder / "stores");
    open(scan, R"({"data.store": "auto"})");
    EXPECT_TRUE(fs::exists(path("scan.npz.ptkframes")));
    const auto in_folder = R"({"data.store": ")" + path("stores") + "\"}";
    open(scan, in_folder);
    fs::create_directories(folder / "other");
    const auto namesake = write_scan(numbers(at::kInt), "other/scan.npz");
    EXPECT_TRUE(builds(namesake, in_folder)); // of its own: the first one's stays
    EXPECT_FALSE(builds(scan, in_folder));
    EXPECT_EQ(store_path("auto", "folder/of/scans/"), "folder/of/scans.ptkframes");
    EXPECT_EQ(store_path("/x/y", "a.npz"), "/x/y");
}

TEST_F(FrameStoreTest, DamagedStoresAreBuiltAnew)
{
    const auto scan = write_scan(numbers());
    open(scan);
    const auto whole = bytes_of(store);
    const auto expected = open_in_memory(scan).frames->gather(at::arange(12));
    const auto rebuilt = [&](const std::string& content, const std::string& what) {
        testing_data::save(store, content);
        EXPECT_TRUE(builds(scan)) << what;
        EXPECT_EQ(bytes_of(store), whole) << what;
        EXPECT_TRUE(open(scan).frames->gather(at::arange(12)).equal(expected)) << what;
    };
    for (const std::size_t length : {std::size_t{8}, std::size_t{40}, std::size_t{127}, std::size_t{128},
                                     std::size_t{200}, std::size_t{4096}, whole.size() - 1})
        rebuilt(whole.substr(0, length), fmt::format("cut to {}", length));
    rebuilt(whole + "x", "too long");
    // Any byte of header and identity but magic and version, which say that it is somebody else's.
    for (std::size_t at = 16; at < 320; at += at < 128 ? 1 : 37) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
        rebuilt(damaged, fmt::format("byte {}", at));
    }
    auto foreign_order = whole;
    std::swap(foreign_order[8], foreign_order[11]);
    std::swap(foreign_order[9], foreign_order[10]);
    rebuilt(foreign_order, "byte order");
    auto old = whole;
    old[12] = 0;
    rebuilt(old, "old version");
}

TEST_F(FrameStoreTest, WhatIsNoStoreOrNewerIsNotTouched)
{
    const auto scan = write_scan(numbers());
    open(scan);
    auto newer = bytes_of(store);
    newer[12] = 2;
    for (const auto& [content, part] : std::vector<std::pair<std::string, std::string>>{
             {"my notes of the beam time", "is no frame store"}, {"", "is no frame store"}, {newer, "version 2"}}) {
        testing_data::save(store, content);
        expect_error(Status::Format, part, [&] { open(scan); });
        expect_error(Status::Format, store, [&] { open(scan, R"({"data.remake_store": true})"); });
        EXPECT_EQ(bytes_of(store), content);
    }
    expect_error(Status::Format, "is no frame store", [&] { open(scan, R"({"data.store": ")" + scan + "\"}"); });
    expect_error(Status::Io, "nowhere", [&] { open(scan, R"({"data.store": ")" + path("nowhere/store") + "\"}"); });
}

TEST_F(FrameStoreTest, FailedAndCancelledBuildsLeaveNothing)
{
    const auto scan = write_scan(numbers());
    const Monitor stop([](const Progress&) { return false; }, nullptr);
    expect_error(Status::Cancelled, "", [&] { open(scan, "{}", stop); });
    EXPECT_THAT(names(), testing::ElementsAre("scan.npz"));
    open(scan);
    const auto before = bytes_of(store);
    expect_error(Status::Cancelled, "", [&] { open(scan, R"({"data.remake_store": true})", stop); });
    EXPECT_EQ(bytes_of(store), before);
    EXPECT_THAT(names(), testing::ElementsAre("frames.store", "scan.npz"));
    fs::remove(store);

    auto broken = numbers(at::kFloat);
    broken[7][2][3] = std::nan("");
    const auto with_nan = write_scan(broken, "nan.npz");
    expect_error(Status::Format, "first in frame 7", [&] { open(with_nan); });
    const auto negative = write_scan(numbers(at::kInt) - 1, "negative.npz");
    expect_error(Status::Format, "negative values", [&] { open(negative); });
    auto damaged = bytes_of(scan);
    damaged[600] = static_cast<char>(damaged[600] ^ 1); // a number of a frame: the archive's checksum tells
    testing_data::save(path("damaged.npz"), damaged);
    expect_error(Status::Format, "checksum", [&] { open_in_memory(path("damaged.npz")); });
    expect_error(Status::Format, "checksum", [&] { open(path("damaged.npz")); });
    EXPECT_THAT(names(), testing::ElementsAre("damaged.npz", "nan.npz", "negative.npz", "scan.npz"));
}

TEST_F(FrameStoreTest, ASourceThatChangesMeanwhileIsAnError)
{
    const auto scan = write_scan(numbers());
    const Monitor monitor(
        [&](const Progress&) {
            fs::last_write_time(scan, fs::last_write_time(scan) + std::chrono::seconds(3));
            return true;
        },
        nullptr);
    expect_error(Status::Io, "changed while", [&] { open(scan, "{}", monitor); });
    EXPECT_FALSE(fs::exists(store));
}

TEST_F(FrameStoreTest, ACutFileIsAnErrorNotASignal)
{
    const auto scan = open(write_scan(numbers()));
    ASSERT_EQ(scan.frames->gather(at::arange(12)).size(0), 12);
    ASSERT_EQ(::truncate(store.c_str(), 4096), 0);
    expect_error(Status::Io, "was cut", [&] { scan.frames->gather(at::arange(12)); });
}

TEST_F(FrameStoreTest, AReplacedStoreStaysAsItIsForThoseWhoUseIt)
{
    const auto path_of_scan = write_scan(numbers());
    const auto scan = open(path_of_scan);
    const auto before = scan.frames->gather(at::arange(12));
    open(path_of_scan, R"({"data.crop": 4})");
    EXPECT_TRUE(scan.frames->gather(at::arange(12)).equal(before));
}

/// 1.5 GiB are gathered; what stays of them in the process does not grow with them.
TEST_F(FrameStoreTest, LittleOfTheMappingStaysInTheProcess)
{
    constexpr std::int64_t n = 6000, side = 256;
    {
        auto file = Hdf5File::create(path("large.h5"));
        file.create_rows("/frames", {n, side, side}, at::kUInt16);
        for (std::int64_t begin = 0; begin < n; begin += 500)
            file.write_rows("/frames", begin, at::zeros({500, side, side}, at::kInt).to(at::kUInt16));
        const auto index = at::arange(n, at::kDouble);
        file.write("/xy", at::stack({index.remainder(80), at::floor(index / 80)}, 1));
        file.close();
    }
    const auto scan = read_scan(
        path("large.h5"),
        settings(R"({"data.frames": "/frames", "data.positions": "/xy", "data.store": ")" + store + "\"}"), log);
    const auto resident = [] {
        std::ifstream stream("/proc/self/statm");
        std::int64_t all = 0, total = 0, shared = 0;
        stream >> all >> total >> shared;
        return shared * ::sysconf(_SC_PAGESIZE) / 1048576;
    };
    const auto before = resident();
    const auto order = at::randperm(n, at::kLong);
    std::int64_t most = 0;
    for (int pass = 0; pass < 2; ++pass)
        for (std::int64_t begin = 0; begin < n; begin += 50) {
            scan.frames->gather(order.slice(0, begin, begin + 50));
            most = std::max(most, resident() - before);
        }
    EXPECT_LT(most, 256 + 150) << "MiB of 750 in the store";
}

TEST_F(FrameStoreTest, IndicesBeyondTheFramesAreErrors)
{
    const auto scan = open(write_scan(numbers()));
    for (const std::int64_t wrong : {-1L, 12L, INT64_MAX})
        expect_error(Status::InvalidArgument, "not one of 12",
                     [&] { scan.frames->gather(at::full({1}, wrong, at::kLong)); });
}

TEST_F(FrameStoreTest, OneOfManyBuildsIt)
{
    const auto scan = write_scan(numbers());
    const auto expected = open_in_memory(scan).frames->gather(at::arange(12));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] { wrong += open(scan).frames->gather(at::arange(12)).equal(expected) ? 0 : 1; });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(
        std::count_if(said.begin(), said.end(),
                      [](const auto& text) { return text.find("the frame store is built") != std::string::npos; }),
        1);
    EXPECT_THAT(names(), testing::ElementsAre("frames.store", "scan.npz"));
}

TEST_F(FrameStoreTest, ALockedStoreIsWaitedForUntilItsBuilderIsGone)
{
    const auto scan = write_scan(numbers());
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const auto child = ::fork();
    if (child == 0) { // another process, which is killed while it builds
        const base::FileLock lock(store, {});
        (void)!::write(pipe[1], "x", 1);
        for (;;)
            ::pause();
    }
    char locked = 0;
    ASSERT_EQ(::read(pipe[0], &locked, 1), 1);
    const auto cancel = std::make_shared<CancelToken>();
    cancel->request();
    expect_error(Status::Cancelled, "", [&] { open(scan, "{}", Monitor({}, cancel)); });
    EXPECT_THAT(said, testing::Contains(HasSubstr("waits for another")));
    std::thread killer([&] { ::kill(child, SIGKILL); });
    EXPECT_EQ(open(scan).frames->size(), 12);
    killer.join();
    ::waitpid(child, nullptr, 0);
    ::close(pipe[0]);
    ::close(pipe[1]);
    EXPECT_THAT(names(), testing::ElementsAre("frames.store", "scan.npz"));
}

TEST_F(FrameStoreTest, ArraysStayInMemory)
{
    const auto scan = scan_from_arrays(numbers(), at::rand({12, 2}, at::kDouble) * 9, {}, {},
                                       settings(R"({"data.store": ")" + store + "\"}"), log);
    EXPECT_FALSE(scan.frames->on_disk());
    EXPECT_THAT(scan.notes, testing::Contains(HasSubstr("data.store is for files")));
}

// ---- read-ahead ----

at::Tensor index(std::int64_t value)
{
    return at::full({1}, value, at::kLong);
}

TEST(ReadAhead, GivesWhatWasExpectedAndWhatWasNot)
{
    const auto here = std::this_thread::get_id();
    std::atomic<int> elsewhere = 0;
    ReadAhead<at::Tensor> ahead([&](const at::Tensor& indices) {
        elsewhere += std::this_thread::get_id() != here ? 1 : 0;
        return indices * 10;
    });
    EXPECT_EQ(ahead.take(index(1)).item<int>(), 10);
    EXPECT_EQ(elsewhere, 0);
    ahead.expect(index(2));
    EXPECT_EQ(ahead.take(index(3)).item<int>(), 30); // another in between
    EXPECT_EQ(ahead.take(index(2)).item<int>(), 20);
    EXPECT_EQ(elsewhere, 1);
    ahead.expect(index(4));
    ahead.expect(index(5)); // 4 is not wanted any more
    EXPECT_EQ(ahead.take(index(5)).item<int>(), 50);
    EXPECT_EQ(ahead.take(index(4)).item<int>(), 40);
    EXPECT_EQ(ahead.take(index(5)).item<int>(), 50); // a second time, read again
    ahead.expect(index(6));                          // and never taken
}

TEST(ReadAhead, ErrorsOfTheSourceArriveWhereTheFramesAreTaken)
{
    std::atomic<bool> broken = true;
    ReadAhead<at::Tensor> ahead([&](const at::Tensor& indices) {
        require(!broken, Status::Io, "the disk is gone");
        return indices;
    });
    ahead.expect(index(1));
    expect_error(Status::Io, "the disk is gone", [&] { ahead.take(index(1)); });
    ahead.expect(index(2)); // nobody takes this
    ahead.expect(index(3));
    expect_error(Status::Io, "the disk is gone", [&] { ahead.take(index(3)); });
    broken = false;
    EXPECT_EQ(ahead.take(index(3)).item<int>(), 3);
}

} // namespace
} // namespace ptk::data
