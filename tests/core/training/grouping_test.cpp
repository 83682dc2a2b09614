#include "config/schema.h"
#include "core/golden.h"
#include "core/training/training_testing.h"
#include "training/grouping.h"

#include <set>

namespace ptk::training {
namespace {

config::Settings settings_of(const std::string& json)
{
    return config::Settings(config::library_schema(), config::Config::from_json(json));
}

std::set<std::int64_t> as_set(const at::Tensor& indices)
{
    const auto flat = indices.reshape({-1}).contiguous();
    return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

/// A generator of groups, or of single frames.
class Shape : public generators::Generator {
public:
    explicit Shape(std::int64_t channels, bool grouped) : channels_(channels), grouped_(grouped) {}
    at::Tensor forward(const generators::Input& input) override { return input.amplitude; }
    bool grouped() const override { return grouped_; }
    bool needs_probe() const override { return false; }
    std::int64_t channels() const override { return channels_; }

private:
    std::int64_t channels_;
    bool grouped_;
};

TEST(FrameSplit, IsRandomButTheSameForASeed)
{
    const auto split = split_frames(100, 0.1, 3), again = split_frames(100, 0.1, 3), other = split_frames(100, 0.1, 4);
    EXPECT_EQ(split.validation.size(0), 10);
    auto all = as_set(split.training);
    all.merge(as_set(split.validation));
    EXPECT_EQ(all.size(), 100u);
    EXPECT_TRUE(at::equal(split.validation, again.validation));
    EXPECT_FALSE(at::equal(split.validation, other.validation));
    EXPECT_EQ(split_frames(1, 0.9, 0).training.size(0), 1);
    EXPECT_EQ(split_frames(50, 0, 0).validation.size(0), 0);
}

class EachGrouping : public ::testing::TestWithParam<std::string> {};

TEST_P(EachGrouping, TakesNoValidationFrameIntoTraining)
{
    const auto simulated = testing::simulate(6, 5);
    const auto settings = settings_of(R"({"scan.group_size": )" + std::string(GetParam() == "single" ? "1" : "4") +
                                      R"(, "scan.grouping": ")" + GetParam() + "\"}");
    const auto split = split_frames(30, 0.2, 0);
    const auto grouping = resolve_grouping(settings, Shape(1, false));
    const auto groups = training_groups(simulated.scan, split, grouping, settings);
    EXPECT_EQ(groups.size(1), grouping.size);
    EXPECT_EQ(as_set(groups), as_set(split.training)) << "every training frame is in a group, and no other";
}

INSTANTIATE_TEST_SUITE_P(Grouping, EachGrouping, ::testing::Values("tile", "nearest", "single"),
                         [](const auto& info) { return info.param; });

TEST(Grouping, OfOtherKindsTakesNoValidationFrameIntoTraining)
{
    const auto simulated = testing::simulate(6, 5);
    const auto split = split_frames(30, 0.2, 0);
    const auto training = as_set(split.training);
    for (const auto* options :
         {R"({"neighbor_function": "min_dist", "max_neighbor_distance": 6, "n_subsample": 2})",
          R"({"scan.grouping": "4_quadrant", "K_quadrant": 20})",
          R"({"scan.grouping": "4_quadrant", "scan_pattern": "rectangular", "scan.max_distance": 8})",
          R"({"scan.grouping": "raw_data", "n_groups": 12, "sequential_sampling": true})",
          R"({"scan.grouping": "raw_data", "n_groups": 70, "enable_oversampling": true, "neighbor_pool_size": 7})"}) {
        const auto settings = settings_of(options);
        const auto grouping = resolve_grouping(settings, Shape(1, false));
        EXPECT_EQ(grouping.size, 4) << options;
        const auto groups = training_groups(simulated.scan, split, grouping, settings);
        EXPECT_EQ(groups.size(1), 4);
        for (const auto frame : as_set(groups))
            EXPECT_TRUE(training.contains(frame)) << options;
        EXPECT_TRUE(at::equal(groups, training_groups(simulated.scan, split, grouping, settings)))
            << "a seed, a result";
        if (settings.has("scan.groups"))
            EXPECT_EQ(groups.size(0), settings.integer("scan.groups"));
    }
}

/// With compat = "ptychopinn" and its options by its names.
TEST(Grouping, EqualsPtychoPinnsDrawForDraw)
{
    struct Fixture {
        const char* file;
        const char* key;
        std::string options;
        bool bounded;
    };
    for (
        const auto& [file, key, options, bounded] :
        {Fixture{"group_nearest_c4.npz", "out/nn_indices",
                 R"("neighbor_function": "nearest", "K": 6, "n_subsample": 2)", true},
         Fixture{"group_minDist_c4.npz", "out/nn_indices", R"("neighbor_function": "min_dist", "n_subsample": 2)",
                 true},
         Fixture{"group_minDist_gap_c4.npz", "out/nn_indices",
                 R"("neighbor_function": "min_dist", "n_subsample": 2, "min_neighbor_distance": 0.9)", true},
         Fixture{"group_container.npz", "c4_random/nn_indices",
                 R"("neighbor_function": "raw_data", "nsamples": 20, "neighbor_count": 6)", false},
         Fixture{"group_container.npz", "c4_sequential/nn_indices",
                 R"("neighbor_function": "raw_data", "nsamples": 12, "K": 5, "sequential_sampling": true)", false},
         Fixture{
             "group_container.npz", "c4_oversample/nn_indices",
             R"("neighbor_function": "raw_data", "nsamples": 130, "enable_oversampling": true, "neighbor_pool_size": 6)",
             false}}) {
        const auto fixture = golden::load(file);
        data::Scan scan;
        scan.source = file;
        scan.positions = at::stack({fixture.at("in/x"), fixture.at("in/y")}, 1);
        if (bounded)
            scan.positions = scan.positions.index_select(0, fixture.at("in/valid"));
        const auto settings =
            settings_of(R"({"compat": "ptychopinn", "subsample_seed": )" +
                        std::to_string(fixture.at("in/seed").item<std::int64_t>()) + ", " + options + "}");
        auto groups = training_groups(scan, split_frames(scan.positions.size(0), 0, 0),
                                      resolve_grouping(settings, Shape(4, true)), settings);
        if (bounded)
            groups = fixture.at("in/valid").index_select(0, groups.reshape(-1)).view_as(groups);
        EXPECT_TRUE(at::equal(groups, fixture.at(key))) << file << " " << key;
    }
}

TEST(Grouping, OfQuadrantsIsOfFour)
{
    const auto [status, message] = testing::error_of([] {
        resolve_grouping(settings_of(R"({"scan.grouping": "4_quadrant", "scan.group_size": 9})"), Shape(9, true));
    });
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message, ::testing::HasSubstr("of 9 are asked for"));
}

TEST(Grouping, ValidationFramesComeFirstInTheirGroups)
{
    const auto simulated = testing::simulate(6, 5);
    const auto split = split_frames(30, 0.3, 0);
    const auto groups = validation_groups(simulated.scan, split, 4, 64);
    EXPECT_TRUE(at::equal(groups.select(1, 0), split.validation));
    EXPECT_FALSE(as_set(groups) == as_set(split.validation)) << "the others are of the whole scan";
    EXPECT_EQ(validation_groups(simulated.scan, split, 4, 5).size(0), 5);
    EXPECT_EQ(validation_groups(simulated.scan, split_frames(30, 0, 0), 4, 5).size(0), 0);
}

TEST(Grouping, AutoIsWhatTheGeneratorIsMadeFor)
{
    const auto automatic = [](const std::string& json, const Shape& generator) {
        return resolve_grouping(settings_of(json), generator);
    };
    EXPECT_EQ(automatic("{}", Shape(1, false)).size, 16);
    EXPECT_EQ(automatic("{}", Shape(1, false)).kind, Grouping::Kind::Tile);
    EXPECT_EQ(automatic("{}", Shape(4, true)).size, 4);
    EXPECT_EQ(automatic("{}", Shape(4, true)).kind, Grouping::Kind::Nearest);
    EXPECT_EQ(automatic(R"({"scan.grouping": "tile"})", Shape(4, true)).size, 4);
    EXPECT_EQ(automatic(R"({"scan.group_size": 7})", Shape(1, false)).size, 7);
    EXPECT_EQ(testing::error_of([&] { automatic(R"({"scan.group_size": 7})", Shape(4, true)); }).first,
              Status::InvalidConfig);
    EXPECT_EQ(testing::error_of([&] { automatic(R"({"scan.grouping": "single"})", Shape(4, true)); }).first,
              Status::InvalidConfig);
}

TEST(Grouping, TooFewFramesAreCounted)
{
    const auto simulated = testing::simulate(4, 4);
    const auto settings = settings_of("{}");
    const auto [status, message] = testing::error_of([&] {
        training_groups(simulated.scan, split_frames(16, 0.1, 0), {Grouping::Kind::Tile, 16}, settings);
    });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message,
                ::testing::HasSubstr(
                    "simulated: 14 frames for training (2 more are kept for validation) are fewer than a group of 16"));
}

TEST(GroupOrder, TakesEachGroupOnceBeforeAnyAgain)
{
    GroupOrder order(10, 5);
    const auto first = order.take(0, 10), second = order.take(10, 10);
    EXPECT_EQ(as_set(first).size(), 10u);
    EXPECT_EQ(as_set(second).size(), 10u);
    EXPECT_FALSE(at::equal(first, second));
    EXPECT_FALSE(at::equal(first, at::arange(10)));
    GroupOrder fresh(10, 5);
    EXPECT_TRUE(at::equal(fresh.take(7, 6), at::cat({first.narrow(0, 7, 3), second.narrow(0, 0, 3)})))
        << "the place decides, not what was taken before";
}

} // namespace
} // namespace ptk::training
