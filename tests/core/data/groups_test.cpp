#include "base/random.h"
#include "core/golden.h"
#include "data/groups.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

namespace ptk::data {
namespace {

using testing::HasSubstr;

at::Tensor uniform_positions(std::int64_t count, std::uint64_t seed, double size = 100)
{
    return at::rand({count, 2}, base::torch_generator(seed, "groups test"), at::kDouble) * size;
}

/// All pairs, sorted by (squared distance, index): what nearest_neighbours() has to find.
at::Tensor by_all_pairs(const at::Tensor& positions, std::int64_t k)
{
    const auto count = positions.size(0);
    const auto* xy = positions.const_data_ptr<double>();
    auto result = at::empty({count, k}, at::kLong);
    std::vector<std::pair<double, std::int64_t>> others(count);
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < count; ++j)
            others[j] = {std::pow(xy[2 * i] - xy[2 * j], 2) + std::pow(xy[2 * i + 1] - xy[2 * j + 1], 2), j};
        std::sort(others.begin(), others.end());
        for (std::int64_t j = 0; j < k; ++j)
            result[i][j] = others[j].second;
    }
    return result;
}

/// A grid has ties at every distance.
at::Tensor grid(std::int64_t rows, std::int64_t columns)
{
    const auto y = at::arange(rows, at::kDouble).unsqueeze(1).expand({rows, columns});
    const auto x = at::arange(columns, at::kDouble).unsqueeze(0).expand({rows, columns});
    return at::stack({x, y}, 2).reshape({-1, 2});
}

at::Tensor bounded_positions(const golden::Case& fixture)
{
    return at::stack({fixture.at("in/x"), fixture.at("in/y")}, 1).index_select(0, fixture.at("in/valid"));
}

TEST(Neighbours, EqualAllPairsOnEveryKindOfScan)
{
    const auto line = at::stack({at::arange(90, at::kDouble), at::full({90}, 3.5, at::kDouble)}, 1);
    const auto clusters = uniform_positions(300, 1, 1e-3) +
                          at::randint(0, 4, {300, 1}, base::torch_generator(2, "clusters"), at::kDouble) * 1e4;
    const auto outlier = at::cat({uniform_positions(200, 3), at::full({1, 2}, 1e9, at::kDouble)});
    const auto repeated = uniform_positions(40, 4).repeat({6, 1});
    const auto one_place = at::full({70, 2}, 7.25, at::kDouble);
    const std::vector<std::pair<std::string, at::Tensor>> scans = {{"uniform", uniform_positions(400, 5)},
                                                                   {"grid", grid(17, 19)},
                                                                   {"line", line},
                                                                   {"clusters", clusters},
                                                                   {"outlier", outlier},
                                                                   {"repeated", repeated},
                                                                   {"one place", one_place}};
    for (const auto& [name, positions] : scans)
        for (const std::int64_t k : {1, 2, 7, 16, 64})
            EXPECT_TRUE(at::equal(nearest_neighbours(positions, k), by_all_pairs(positions, k)))
                << name << ", k = " << k;
    EXPECT_TRUE(at::equal(nearest_neighbours(line, 90), by_all_pairs(line, 90))) << "all of them";
}

TEST(Neighbours, TooFewFramesIsAnErrorWithBothNumbers)
{
    try {
        nearest_neighbours(uniform_positions(5, 1), 6);
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::Shape);
        EXPECT_THAT(error.message(), HasSubstr("5 frames"));
        EXPECT_THAT(error.message(), HasSubstr("6"));
    }
    EXPECT_THROW(nearest_neighbours(at::zeros({5, 3}, at::kDouble), 2), Error);
    EXPECT_THROW(tile_groups(at::zeros({0, 2}, at::kDouble), 1), Error);
}

TEST(Neighbours, DoNotDependOnTheNumberOfThreads)
{
    const auto positions = uniform_positions(5000, 9);
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const auto alone = nearest_neighbours(positions, 8);
    at::set_num_threads(4);
    const auto together = nearest_neighbours(positions, 8);
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(alone, together));
}

TEST(Groups, ATileIsTheFrameAndItsNearestEvenAmongDuplicates)
{
    const auto places = uniform_positions(10, 3);
    const auto groups = tile_groups(places.repeat({8, 1}), 5); // eight frames at every place, groups of five
    EXPECT_TRUE(at::equal(groups.select(1, 0), at::arange(80)));
    EXPECT_TRUE(at::equal(groups.remainder(10), at::arange(80).remainder(10).unsqueeze(1).expand({80, 5})))
        << "all members are at the frame's place";
    for (std::int64_t i = 0; i < 80; ++i) {
        const auto* row = groups.const_data_ptr<std::int64_t>() + 5 * i;
        EXPECT_EQ(std::set<std::int64_t>(row, row + 5).size(), 5u) << "row " << i;
    }
    const auto spread = uniform_positions(60, 4);
    EXPECT_TRUE(at::equal(tile_groups(spread, 6), by_all_pairs(spread, 6)));
}

/// Our draws with a seed.
struct Drawn {
    explicit Drawn(std::uint64_t seed) : engine(seed), choices(engine) {}
    std::mt19937_64 engine;
    base::EngineChoices choices;
};

std::vector<std::int64_t> row_of(const at::Tensor& groups, std::int64_t row)
{
    const auto values = groups[row].contiguous();
    return {values.const_data_ptr<std::int64_t>(), values.const_data_ptr<std::int64_t>() + values.numel()};
}

std::set<std::int64_t> members_of(const at::Tensor& groups, std::int64_t row)
{
    const auto values = row_of(groups, row);
    return {values.begin(), values.end()};
}

double distance(const at::Tensor& positions, std::int64_t a, std::int64_t b)
{
    return (positions[a] - positions[b]).square().sum().sqrt().item<double>();
}

std::pair<Status, std::string> error_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

TEST(Groups, DrawsComeFromTheFrameAndItsNearestWithoutRepetition)
{
    const auto positions = uniform_positions(50, 6);
    const auto rows = by_all_pairs(positions, 7);
    Drawn random(3), again(3);
    const auto groups = nearest_groups(positions, 4, 6, 3, random.choices);
    ASSERT_EQ(groups.sizes(), at::IntArrayRef({150, 4}));
    for (std::int64_t i = 0; i < 150; ++i) {
        for (const auto member : row_of(groups, i))
            EXPECT_TRUE(rows[i / 3].eq(member).any().item<bool>()) << "row " << i;
        EXPECT_EQ(members_of(groups, i).size(), 4u) << "row " << i;
    }
    EXPECT_TRUE(at::equal(groups, nearest_groups(positions, 4, 6, 3, again.choices)));
}

TEST(Groups, EveryNeighbourIsDrawnEquallyOften)
{
    // Each place of a row gets each of 5 candidates with probability 1/5: 4000 draws, standard deviation 25.
    const auto positions = uniform_positions(5, 7);
    Drawn random(11);
    const auto groups = nearest_groups(positions, 2, 4, 800, random.choices);
    for (std::int64_t place = 0; place < 2; ++place) {
        const auto counts = at::bincount(groups.select(1, place), {}, 5);
        EXPECT_LT((counts - 800).abs().max().item<std::int64_t>(), 125) << counts; // five standard deviations
    }
}

TEST(Groups, MoreThanTheNeighboursCannotBeDrawn)
{
    Drawn random(1);
    const auto [status, message] = error_of([&] { nearest_groups(uniform_positions(50, 1), 8, 6, 1, random.choices); });
    EXPECT_EQ(status, Status::InvalidConfig);
    EXPECT_THAT(message, HasSubstr("scan.group_size = 8"));
    EXPECT_THROW(nearest_groups(uniform_positions(5, 1), 4, 6, 1, random.choices), Error);
}

// ---- the reference, draw for draw ----

/// Indices into the whole scan as the fixture has them.
void expect_groups(const golden::Case& fixture, const at::Tensor& groups, const std::string& key = "out/nn_indices")
{
    EXPECT_TRUE(at::equal(groups, fixture.at(key))) << fixture.file << " " << key;
}

void expect_next_draws(const golden::Case& fixture, base::NumpyRandom& random)
{
    const auto next = fixture.at("out/rng_next_uniform");
    for (std::int64_t i = 0; i < next.numel(); ++i)
        EXPECT_EQ(random.uniform(), next[i].item<double>()) << fixture.file << ": the generator stands elsewhere";
}

base::NumpyRandom seeded(const golden::Case& fixture)
{
    return base::NumpyRandom(static_cast<std::uint32_t>(fixture.at("in/seed").item<std::int64_t>()));
}

at::Tensor all_positions(const golden::Case& fixture)
{
    return at::stack({fixture.at("in/x"), fixture.at("in/y")}, 1);
}

at::Tensor in_the_whole_scan(const golden::Case& fixture, const at::Tensor& bounded)
{
    return fixture.at("in/valid").index_select(0, bounded.reshape(-1)).view_as(bounded);
}

TEST(Groups, EqualPtychoPinnsDrawForDraw)
{
    struct Fixture {
        const char* file;
        std::int64_t group_size, neighbours, samples;
    };
    for (const auto& [file, group_size, neighbours, samples] :
         {Fixture{"group_c1.npz", 1, 6, 3}, Fixture{"group_nearest_c4.npz", 4, 6, 2},
          Fixture{"group_nearest_c9.npz", 9, 12, 2}}) {
        const auto fixture = golden::load(file);
        const auto positions = bounded_positions(fixture);
        if (fixture.has("out/neighbours_bounded"))
            expect_groups(fixture, nearest_neighbours(positions, neighbours + 1), "out/neighbours_bounded");

        auto random = seeded(fixture);
        base::NumpyChoices choices(random);
        const auto groups = nearest_groups(positions, group_size, neighbours, samples, choices);
        expect_groups(fixture, in_the_whole_scan(fixture, groups));
        expect_next_draws(fixture, random);

        const auto coordinates = relative_positions(positions, groups);
        golden::expect_close(coordinates.centre.unsqueeze(1), fixture.at("out/center"), 1e-12, file);
        golden::expect_close(coordinates.relative.unsqueeze(2), fixture.at("out/relative"), 1e-12, file);
    }
}

TEST(DistanceGroups, EqualPtychoPinnsDrawForDraw)
{
    for (const auto& [file, smallest] : {std::pair{"group_minDist_c4.npz", 0.0}, {"group_minDist_gap_c4.npz", 0.9}}) {
        const auto fixture = golden::load(file);
        auto random = seeded(fixture);
        base::NumpyChoices choices(random);
        const auto groups = distance_groups(
            bounded_positions(fixture), {.samples = 2, .smallest = smallest, .largest = 3}, choices, Rules::PtychoPinn);
        expect_groups(fixture, in_the_whole_scan(fixture, groups));
        expect_next_draws(fixture, random);
    }
}

TEST(DistanceGroups, TakeTheReferencesTableOfASparseScan)
{
    // Five of a list of five are the list: every neighbour twice, the point too; -1 is the last frame.
    const auto fixture = golden::load("group_misc.npz");
    const auto positions = at::stack({fixture.at("sparse/x"), fixture.at("sparse/y")}, 1).to(at::kDouble);
    base::NumpyRandom random(1);
    base::NumpyChoices choices(random);
    const auto groups = distance_groups(positions, {.size = 5, .neighbours = 5, .smallest = 0, .largest = 3}, choices,
                                        Rules::PtychoPinn);
    const auto table = fixture.at("sparse/neighbours");
    EXPECT_TRUE(at::equal(std::get<0>(groups.sort(1)), std::get<0>(table.masked_fill(table < 0, 5).sort(1))));
}

TEST(QuadrantGroups, EqualPtychoPinnsDrawForDraw)
{
    struct Fixture {
        const char* file;
        QuadrantGroups options;
    };
    for (const auto& [file, options] :
         {Fixture{"group_4quadrant_c4.npz", {.neighbours = 30, .samples = 2, .largest = 3}},
          Fixture{"group_4quadrant_rect_c4.npz",
                  {.neighbours = 40, .samples = 2, .largest = 6, .rectangular = true}}}) {
        const auto fixture = golden::load(file);
        auto random = seeded(fixture);
        base::NumpyChoices choices(random);
        expect_groups(fixture, quadrant_groups(all_positions(fixture), fixture.at("in/valid"), options, choices,
                                               Rules::PtychoPinn));
        expect_next_draws(fixture, random);
    }
}

TEST(CountedGroups, EqualPtychoPinnsDrawForDraw)
{
    const auto fixture = golden::load("group_container.npz");
    const auto positions = all_positions(fixture);
    struct Variant {
        const char* name;
        CountedGroups options;
    };
    for (const auto& [name, options] :
         {Variant{"c4_random", {.size = 4, .neighbours = 6, .groups = 20}},
          Variant{"c1_random", {.size = 1, .neighbours = 4, .groups = 15}},
          Variant{"c4_sequential", {.size = 4, .neighbours = 5, .groups = 12, .sequential = true}},
          Variant{"c4_oversample", {.size = 4, .neighbours = 6, .groups = 130, .oversampling = true, .pool = 6}}}) {
        auto random = options.sequential ? base::NumpyRandom(0) : seeded(fixture);
        base::NumpyChoices choices(random);
        const auto groups = counted_groups(positions, options, choices, Rules::PtychoPinn);
        const std::string prefix = name;
        expect_groups(fixture, groups, prefix + "/nn_indices");
        const auto coordinates = relative_positions(positions, groups);
        golden::expect_close(coordinates.relative.transpose(1, 2).unsqueeze(1), fixture.at(prefix + "/coords_relative"),
                             1e-12, prefix);
    }
}

// ---- our rules ----

TEST(DistanceGroups, HoldTheFrameAndOthersInsideTheWindow)
{
    const auto positions = uniform_positions(300, 12); // 300 in 100 x 100 pixels
    const auto all = by_all_pairs(positions, 300);
    const std::int64_t samples = 3;
    Drawn random(5);
    const auto groups =
        distance_groups(positions, {.size = 4, .neighbours = 6, .samples = samples, .smallest = 4, .largest = 9},
                        random.choices, Rules::Ours);
    std::int64_t row = 0;
    for (std::int64_t i = 0; i < 300; ++i) {
        std::vector<std::int64_t> inside;
        for (const auto other : row_of(all, i))
            if (const double d = distance(positions, i, other); other != i && d >= 4 && d <= 9 && inside.size() < 6)
                inside.push_back(other);
        if (inside.size() < 3)
            continue; // makes no group
        for (std::int64_t sample = 0; sample < samples; ++sample, ++row) {
            ASSERT_LT(row, groups.size(0));
            const auto members = row_of(groups, row);
            EXPECT_EQ(members[0], i);
            for (std::size_t k = 1; k < members.size(); ++k)
                EXPECT_EQ(std::count(inside.begin(), inside.end(), members[k]), 1) << "frame " << i;
            EXPECT_EQ(members_of(groups, row).size(), 4u) << "frame " << i;
        }
    }
    EXPECT_EQ(row, groups.size(0));
    EXPECT_LT(row, 300 * samples) << "the window leaves no frame out; the test does not see it";
}

TEST(QuadrantGroups, HoldOneFrameOfEachQuadrant)
{
    const auto positions = uniform_positions(200, 13);
    Drawn random(6);
    const auto centres = at::arange(10, 200, at::kLong);
    const auto groups =
        quadrant_groups(positions, centres, {.neighbours = 12, .samples = 2, .smallest = 1, .largest = 15},
                        random.choices, Rules::Ours);
    const auto all = by_all_pairs(positions, 200);
    std::int64_t row = 0, stand_ins = 0;
    for (std::int64_t i = 10; i < 200; ++i) {
        std::vector<std::set<std::int64_t>> quadrants(4);
        std::int64_t near = 0;
        for (const auto other : row_of(all, i)) {
            const double d = distance(positions, i, other);
            if (other == i || d < 1 || d >= 15 || ++near > 12)
                continue;
            const bool right = positions[other][0].item<double>() > positions[i][0].item<double>();
            const bool upper = positions[other][1].item<double>() > positions[i][1].item<double>();
            quadrants[(upper ? 0 : 2) + (right ? 1 : 0)].insert(other);
        }
        const auto empty = std::count_if(quadrants.begin(), quadrants.end(), [](const auto& q) { return q.empty(); });
        if (empty > 1)
            continue;
        for (std::int64_t sample = 0; sample < 2; ++sample, ++row) {
            ASSERT_LT(row, groups.size(0));
            const auto members = row_of(groups, row);
            std::int64_t itself = 0;
            for (std::size_t q = 0; q < 4; ++q) {
                EXPECT_TRUE(members[q] == i || quadrants[q].contains(members[q]))
                    << "frame " << i << ", quadrant " << q;
                itself += members[q] == i ? 1 : 0;
            }
            EXPECT_LE(itself, 1) << "frame " << i;
            stand_ins += itself;
        }
    }
    EXPECT_EQ(row, groups.size(0));
    EXPECT_GT(stand_ins, 0);
}

TEST(QuadrantGroups, OfARasterTakeTheFramesOwnLine)
{
    // Lines 3 pixels apart: upper quadrants can only be the own line, lower ones only lines below.
    const auto positions = grid(6, 8) * 3.0;
    Drawn random(2);
    const auto groups = quadrant_groups(
        positions, at::arange(48), {.neighbours = 24, .largest = 7, .rectangular = true}, random.choices, Rules::Ours);
    const auto y = positions.select(1, 1).contiguous();
    for (std::int64_t row = 0; row < groups.size(0); ++row) {
        const auto heights = y.index_select(0, groups[row]);
        const double line = std::max(heights[0].item<double>(), heights[1].item<double>());
        EXPECT_EQ(heights[0].item<double>(), line) << row;
        EXPECT_EQ(heights[1].item<double>(), line) << row;
        EXPECT_LE(heights[2].item<double>(), line);
        EXPECT_LT(std::min(heights[2].item<double>(), heights[3].item<double>()), line) << row;
    }
}

TEST(CountedGroups, AreDrawnAmongTheNearestOthers)
{
    const auto positions = uniform_positions(60, 14);
    const auto all = by_all_pairs(positions, 7);
    Drawn random(7);
    const auto sequential = counted_groups(positions, {.size = 3, .neighbours = 6, .groups = 20, .sequential = true},
                                           random.choices, Rules::Ours);
    ASSERT_EQ(sequential.sizes(), at::IntArrayRef({20, 3}));
    for (std::int64_t i = 0; i < 20; ++i) {
        const auto near = members_of(all, i);
        for (const auto member : row_of(sequential, i))
            EXPECT_TRUE(member != i && near.contains(member)) << "frame " << i;
        EXPECT_EQ(members_of(sequential, i).size(), 3u);
    }
    const auto few = counted_groups(positions, {.size = 1, .groups = 25}, random.choices, Rules::Ours);
    EXPECT_EQ(std::get<0>(at::_unique(few)).numel(), 25) << "different frames";
    const auto each = counted_groups(positions, {.size = 3, .neighbours = 6}, random.choices, Rules::Ours);
    EXPECT_EQ(each.size(0), 60);
}

TEST(CountedGroups, OversampledAreDifferentAroundEachFrame)
{
    const auto positions = uniform_positions(40, 15);
    const auto all = by_all_pairs(positions, 7);
    for (const std::int64_t wanted : {41, 100, 40 * 20}) { // 20 = sets of 3 out of 6: all of them
        Drawn random(8);
        const auto groups =
            counted_groups(positions, {.size = 3, .neighbours = 4, .groups = wanted, .oversampling = true, .pool = 6},
                           random.choices, Rules::Ours);
        ASSERT_EQ(groups.size(0), wanted);
        std::map<std::set<std::int64_t>, int> times;
        for (std::int64_t row = 0; row < wanted; ++row) {
            const auto members = members_of(groups, row);
            EXPECT_EQ(members.size(), 3u);
            ++times[members];
        }
        // No set comes more often than there are frames that have all its members among their six nearest.
        for (const auto& [members, count] : times) {
            int frames = 0;
            for (std::int64_t i = 0; i < 40; ++i) {
                auto near = members_of(all, i);
                near.erase(i);
                frames += std::includes(near.begin(), near.end(), members.begin(), members.end()) ? 1 : 0;
            }
            EXPECT_LE(count, frames);
            if (wanted == 800)
                EXPECT_EQ(count, frames) << "all sets were asked for";
        }
    }
}

TEST(CountedGroups, SayWhatDoesNotFit)
{
    Drawn random(1);
    const auto message = [&](const CountedGroups& options, Status status) {
        const auto [found, text] =
            error_of([&] { counted_groups(uniform_positions(10, 1), options, random.choices, Rules::Ours); });
        EXPECT_EQ(found, status) << text;
        return text;
    };
    EXPECT_THAT(message({.size = 4, .neighbours = 6, .groups = 11}, Status::InvalidConfig),
                HasSubstr("scan.oversampling"));
    EXPECT_THAT(message({.size = 4, .neighbours = 3}, Status::InvalidConfig), HasSubstr("scan.neighbours = 3"));
    EXPECT_THAT(message({.size = 11, .neighbours = 20}, Status::Shape), HasSubstr("10 frames"));
    EXPECT_THAT(message({.size = 2, .neighbours = 3, .groups = 31, .oversampling = true}, Status::InvalidConfig),
                HasSubstr("only 3 different"));
}

// ---- degenerate scans ----

TEST(Groups, OfEveryStrangeScanAreGroupsOrAnError)
{
    const auto line = at::stack({at::arange(40, at::kDouble), at::full({40}, 3.5, at::kDouble)}, 1);
    const auto clusters = uniform_positions(40, 1, 1e-3) +
                          at::randint(0, 4, {40, 1}, base::torch_generator(2, "clusters"), at::kDouble) * 1e4;
    const std::vector<std::pair<std::string, at::Tensor>> scans = {
        {"line", line},
        {"clusters", clusters},
        {"every place four times", uniform_positions(10, 4).repeat({4, 1})},
        {"one place", at::full({40, 2}, 7.25, at::kDouble)},
        {"four frames", uniform_positions(4, 5)},
        {"one frame", uniform_positions(1, 5)}};
    std::int64_t made = 0;
    for (const auto& [name, positions] : scans)
        for (const auto rules : {Rules::Ours, Rules::PtychoPinn}) {
            const auto count = positions.size(0);
            Drawn random(3);
            auto& choices = random.choices;
            const std::vector<std::function<at::Tensor()>> kinds = {
                [&] { return distance_groups(positions, {}, choices, rules); },
                [&] { return distance_groups(positions, {.smallest = 0.5, .largest = 2.5}, choices, rules); },
                [&] { return quadrant_groups(positions, at::arange(count), {}, choices, rules); },
                [&] { return counted_groups(positions, {.neighbours = 6}, choices, rules); },
                [&] {
                    return counted_groups(positions, {.neighbours = 6, .groups = 2 * count, .oversampling = true},
                                          choices, rules);
                }};
            for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
                at::Tensor groups;
                const auto [status, message] = error_of([&] { groups = kinds[kind](); });
                if (status != Status::Ok) {
                    EXPECT_TRUE(status == Status::Shape || status == Status::InvalidConfig) << name << ": " << message;
                    continue;
                }
                ++made;
                EXPECT_EQ(groups.size(1), 4) << name;
                EXPECT_GE(groups.min().item<std::int64_t>(), 0) << name << ", kind " << kind;
                EXPECT_LT(groups.max().item<std::int64_t>(), count) << name << ", kind " << kind;
                if (rules == Rules::Ours && kind != 2)
                    for (std::int64_t row = 0; row < groups.size(0); ++row)
                        EXPECT_EQ(members_of(groups, row).size(), 4u) << name << ", kind " << kind;
            }
        }
    EXPECT_GT(made, 25);
    Drawn random(3);
    const auto [status, message] =
        error_of([&] { quadrant_groups(line, at::arange(40), {}, random.choices, Rules::Ours); });
    EXPECT_EQ(status, Status::Shape);
    EXPECT_THAT(message, HasSubstr("none of 40 frames has neighbours in three quadrants"));
}

TEST(Neighbours, WithinAWindowEqualAllPairs)
{
    for (const auto& positions : {uniform_positions(250, 21), grid(15, 16), uniform_positions(30, 22).repeat({5, 1})}) {
        const auto count = positions.size(0);
        const auto all = by_all_pairs(positions, count);
        const auto centres = at::arange(3, count, 2);
        for (const auto& window : {Window{.smallest = 0, .largest = 5, .itself = false},
                                   Window{.smallest = 2, .largest = 8}, Window{.smallest = 3, .itself = false}}) {
            const auto found = neighbours_within(positions, centres, 9, window);
            for (std::int64_t row = 0; row < centres.numel(); ++row) {
                const auto self = centres[row].item<std::int64_t>();
                std::vector<std::int64_t> expected;
                for (const auto other : row_of(all, self)) {
                    const double d = distance(positions, self, other);
                    if (d >= window.smallest && d <= window.largest && (window.itself || other != self))
                        expected.push_back(other);
                }
                expected.resize(9, -1);
                ASSERT_EQ(row_of(found, row), expected) << "point " << self;
            }
        }
    }
    EXPECT_THROW(neighbours_within(grid(2, 2), at::tensor({4}, at::kLong), 1, {}), Error);
    EXPECT_THROW(neighbours_within(grid(2, 2), {}, 1, {.smallest = 2, .largest = 1}), Error);
}

TEST(Groups, RelativePositionsHaveThePtychoPinnSign)
{
    const auto fixture = golden::load("group_misc.npz");
    const auto coords = fixture.at("relative/coords");
    const auto groups = at::arange(coords.size(0) * coords.size(1)).view({coords.size(0), coords.size(1)});
    const auto found = relative_positions(coords.reshape({-1, 2}).to(at::kDouble), groups);
    golden::expect_close(found.centre.unsqueeze(1), fixture.at("relative/center").to(at::kDouble), 1e-6, "centre");
    golden::expect_close(found.relative.unsqueeze(2), fixture.at("relative/minus").to(at::kDouble), 1e-6,
                         "centre - position");
}

} // namespace
} // namespace ptk::data
