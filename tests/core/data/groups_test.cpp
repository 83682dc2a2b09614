#include "base/random.h"
#include "core/golden.h"
#include "data/groups.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

TEST(Groups, DrawsComeFromTheFrameAndItsNearestWithoutRepetition)
{
    const auto positions = uniform_positions(50, 6);
    const auto rows = by_all_pairs(positions, 7);
    std::mt19937_64 random(3);
    const auto groups = nearest_groups(positions, 4, 6, 3, random);
    ASSERT_EQ(groups.sizes(), at::IntArrayRef({150, 4}));
    for (std::int64_t i = 0; i < 150; ++i) {
        std::set<std::int64_t> members;
        for (std::int64_t j = 0; j < 4; ++j) {
            const auto member = groups[i][j].item<std::int64_t>();
            EXPECT_TRUE(rows[i / 3].eq(member).any().item<bool>()) << "row " << i;
            members.insert(member);
        }
        EXPECT_EQ(members.size(), 4u) << "row " << i;
    }
    std::mt19937_64 again(3);
    EXPECT_TRUE(at::equal(groups, nearest_groups(positions, 4, 6, 3, again)));
}

TEST(Groups, EveryNeighbourIsDrawnEquallyOften)
{
    // Each place of a row gets each of 5 candidates with probability 1/5: 4000 draws, standard deviation 25.
    const auto positions = uniform_positions(5, 7);
    std::mt19937_64 random(11);
    const auto groups = nearest_groups(positions, 2, 4, 800, random);
    for (std::int64_t place = 0; place < 2; ++place) {
        const auto counts = at::bincount(groups.select(1, place), {}, 5);
        EXPECT_LT((counts - 800).abs().max().item<std::int64_t>(), 125) << counts; // five standard deviations
    }
}

TEST(Groups, MoreThanTheNeighboursCannotBeDrawn)
{
    std::mt19937_64 random(1);
    try {
        nearest_groups(uniform_positions(50, 1), 8, 6, 1, random);
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::InvalidConfig);
        EXPECT_THAT(error.message(), HasSubstr("scan.group_size = 8"));
    }
    EXPECT_THROW(nearest_groups(uniform_positions(5, 1), 4, 6, 1, random), Error);
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
        const auto valid = fixture.at("in/valid");
        if (fixture.has("out/neighbours_bounded")) {
            EXPECT_TRUE(at::equal(nearest_neighbours(positions, neighbours + 1), fixture.at("out/neighbours_bounded")))
                << file;
        }

        base::NumpyRandom random(static_cast<std::uint32_t>(fixture.at("in/seed").item<std::int64_t>()));
        const auto groups = nearest_groups_like_numpy(positions, group_size, neighbours, samples, random);
        EXPECT_TRUE(at::equal(valid.index_select(0, groups.reshape(-1)).view_as(groups), fixture.at("out/nn_indices")))
            << file;
        const auto next = fixture.at("out/rng_next_uniform");
        for (std::int64_t i = 0; i < next.numel(); ++i)
            EXPECT_EQ(random.uniform(), next[i].item<double>()) << file << ": the generator stands elsewhere";

        const auto coordinates = relative_positions(positions, groups);
        golden::expect_close(coordinates.centre.unsqueeze(1), fixture.at("out/center"), 1e-12, file);
        golden::expect_close(coordinates.relative.unsqueeze(2), fixture.at("out/relative"), 1e-12, file);
    }
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

TEST(Groups, ParsevalScaleEqualsPtychoPinns)
{
    const auto fixture = golden::load("phys_scale_constants.npz");
    const auto power = [](const at::Tensor& x) {
        return x.to(at::kDouble).square().sum(at::IntArrayRef({-2, -1})).mean().item<double>();
    };
    const auto x = fixture.at("X");
    EXPECT_NEAR(parseval_scale(power(x), 20, false), fixture.at("rms/Batch_Parseval").item<double>(), 1e-5 * 1.43);
    for (std::int64_t group = 0; group < x.size(0); ++group)
        EXPECT_NEAR(parseval_scale(power(x[group]), 20, false), fixture.at("rms/Group_Parseval")[group].item<double>(),
                    1e-5 * 1.43);
    // The count-intensity contract uses (N/2)^2, over intensities.
    EXPECT_NEAR(parseval_scale(power(fixture.at("counts")), 20, true), fixture.at("ci/rms_input_scale").item<double>(),
                1e-5 * 0.018);
    for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL})
        EXPECT_THROW(parseval_scale(bad, 20, false), Error);
}

} // namespace
} // namespace ptk::data
