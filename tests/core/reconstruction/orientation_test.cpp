// The trial that tells how frames lie to their positions, on a simulated and on the real scan.
#include "core/data/data_testing.h"
#include "data/readers.h"
#include "paths.h"
#include "reconstruction/orientation.h"
#include "simulation/simulate.h"

#include <nlohmann/json.hpp>

namespace ptk::reconstruction {
namespace {

using testing::HasSubstr;
using testing_data::settings;

std::vector<Orientation> all_eight()
{
    std::vector<Orientation> all;
    for (int bits = 0; bits < 8; ++bits)
        all.push_back({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
    return all;
}

std::string options_of(const Orientation& orientation)
{
    return nlohmann::json{{"data.flip_x", orientation.flip_x},
                          {"data.flip_y", orientation.flip_y},
                          {"data.transpose", orientation.transpose}}
        .dump();
}

TEST(Orientation, StepsAddUpAsTheFramesDo)
{
    const auto frame = at::arange(12).reshape({1, 3, 4});
    const auto turned = [](const at::Tensor& image, const Orientation& o) {
        auto out = image;
        if (o.flip_x)
            out = out.flip({2});
        if (o.flip_y)
            out = out.flip({1});
        return o.transpose ? out.transpose(1, 2) : out;
    };
    for (const auto& first : all_eight())
        for (const auto& second : all_eight())
            EXPECT_TRUE(turned(turned(frame, first), second).equal(turned(frame, combined(first, second))));
}

/// Whatever was done to the frames, what is suggested undoes it.
TEST(Orientation, EveryWrongOneOfTheRealScanIsFound)
{
    Log log;
    for (const auto& given : all_eight()) {
        const auto chosen = settings(options_of(given));
        const auto scan = data::read_scan(PTK_SCAN, chosen, log);
        const auto trial = try_orientations(scan, chosen, Monitor());
        ASSERT_TRUE(trial.has_value());
        EXPECT_EQ(combined(given, trial->best), Orientation{}) << options_of(given);
        EXPECT_EQ(trial->clear, given != Orientation{})
            << options_of(given) << ": " << trial->error_now << " and " << trial->error_best;
        EXPECT_EQ(orientation_advice(scan, chosen, Monitor()).has_value(), given != Orientation{});
    }
}

TEST(Orientation, OfASimulatedScanIsFoundThroughItsPositionsToo)
{
    Log log;
    const auto chosen = settings(R"({"simulation.frames": 144, "simulation.size": 32, "simulation.photons": [1e5, 1e5],
        "simulation.probe": "zernike", "simulation.step": 3})");
    const auto scan = simulation::simulate(chosen, log, Monitor());
    EXPECT_FALSE(orientation_advice(scan, chosen, Monitor()).has_value());
    auto exchanged = scan;
    exchanged.positions = scan.positions.flip({1}).contiguous();
    const auto advice = orientation_advice(exchanged, chosen, Monitor());
    ASSERT_TRUE(advice.has_value());
    EXPECT_THAT(*advice, HasSubstr("data.transpose=true"));
    EXPECT_THAT(*advice, HasSubstr("y for x"));
    auto mirrored = scan;
    mirrored.positions =
        scan.positions.mul(at::tensor({-1.0, 1.0}, at::kDouble)) + at::tensor({500.0, 0.0}, at::kDouble);
    const auto other = orientation_advice(mirrored, chosen, Monitor());
    ASSERT_TRUE(other.has_value());
    EXPECT_THAT(*other, HasSubstr("data.flip_x=true"));
    EXPECT_FALSE(orientation_advice(mirrored, settings(R"({"data.check_orientation": false})"), Monitor()).has_value());
}

TEST(Orientation, NothingIsSaidOfScansThatDoNotTell)
{
    Log log;
    const auto chosen = settings(R"({"simulation.frames": 20, "simulation.size": 32})");
    const auto few = simulation::simulate(chosen, log, Monitor());
    EXPECT_FALSE(try_orientations(few, chosen, Monitor()).has_value());
    auto noise = simulation::simulate(settings(R"({"simulation.frames": 64, "simulation.size": 32})"), log, Monitor());
    noise.frames = data::frames_in_memory(at::floor(at::rand({64, 32, 32}) * 100));
    EXPECT_FALSE(orientation_advice(noise, chosen, Monitor()).has_value());
    noise.probe = at::Tensor();
    EXPECT_FALSE(try_orientations(noise, chosen, Monitor()).has_value());
}

} // namespace
} // namespace ptk::reconstruction
