#include "training/grouping.h"

#include "base/random.h"
#include "data/experiments.h"
#include "data/groups.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace ptk::training {

namespace {

constexpr std::int64_t default_tile = 16;
constexpr std::int64_t quadrants = 4;
constexpr double reference_largest_distance = 3; ///< pixels

std::vector<std::int64_t> shuffled(std::int64_t count, std::mt19937_64 random)
{
    std::vector<std::int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[base::uniform_below(random, i)]);
    return order;
}

at::Tensor sorted_indices(std::vector<std::int64_t>::iterator begin, std::vector<std::int64_t>::iterator end)
{
    std::sort(begin, end);
    return at::tensor(at::ArrayRef<std::int64_t>(&*begin, end - begin), at::kLong);
}

std::uint64_t seed_of(const config::Settings& settings)
{
    return static_cast<std::uint64_t>(settings.integer("seed"));
}

Grouping::Kind kind_of(const std::string& name, const generators::Generator& generator)
{
    using Kind = Grouping::Kind;
    static const std::map<std::string, Kind> named{{"tile", Kind::Tile},           {"nearest", Kind::Nearest},
                                                   {"single", Kind::Single},       {"min_dist", Kind::MinDistance},
                                                   {"4_quadrant", Kind::Quadrant}, {"raw_data", Kind::RawData}};
    if (const auto found = named.find(name); found != named.end())
        return found->second;
    if (!generator.grouped())
        return Kind::Tile;
    return generator.channels() > 1 ? Kind::Nearest : Kind::Single;
}

/// Frames in a group when the options do not say.
std::int64_t usual_size(Grouping::Kind kind, const generators::Generator& generator)
{
    if (generator.grouped() || kind == Grouping::Kind::Nearest)
        return generator.channels();
    if (kind == Grouping::Kind::Tile)
        return default_tile;
    return kind == Grouping::Kind::Single ? 1 : quadrants;
}

double largest_distance(const config::Settings& settings, data::Rules rules)
{
    if (settings.has("scan.max_distance"))
        return settings.number("scan.max_distance");
    return rules == data::Rules::Ours ? std::numeric_limits<double>::infinity() : reference_largest_distance;
}

at::Tensor min_distance_groups(const at::Tensor& positions, std::int64_t size, const config::Settings& settings,
                               base::Choices& choices, data::Rules rules)
{
    return data::distance_groups(positions,
                                 {.size = size,
                                  .neighbours = settings.integer("scan.neighbours"),
                                  .samples = settings.integer("scan.samples"),
                                  .smallest = settings.number("scan.min_distance"),
                                  .largest = largest_distance(settings, rules)},
                                 choices, rules);
}

at::Tensor quadrant_groups(const at::Tensor& positions, const config::Settings& settings, base::Choices& choices,
                           data::Rules rules)
{
    return data::quadrant_groups(positions, at::arange(positions.size(0), at::kLong),
                                 {.neighbours = settings.integer("scan.quadrant_neighbours"),
                                  .samples = settings.integer("scan.samples"),
                                  .smallest = settings.number("scan.min_distance"),
                                  .largest = largest_distance(settings, rules),
                                  .rectangular = settings.text("scan.pattern") == "rectangular"},
                                 choices, rules);
}

at::Tensor counted_groups(const at::Tensor& positions, std::int64_t size, const config::Settings& settings,
                          base::Choices& choices, data::Rules rules)
{
    return data::counted_groups(positions,
                                {.size = size,
                                 .neighbours = settings.integer("scan.neighbours"),
                                 .groups = settings.has("scan.groups") ? settings.integer("scan.groups") : 0,
                                 .sequential = settings.flag("scan.sequential"),
                                 .oversampling = settings.flag("scan.oversampling"),
                                 .pool = settings.has("scan.pool") ? settings.integer("scan.pool") : 0},
                                choices, rules);
}

/// Rows of indices into @p positions.
at::Tensor groups_of(const at::Tensor& positions, const Grouping& grouping, const config::Settings& settings,
                     base::Choices& choices, data::Rules rules)
{
    switch (grouping.kind) {
    case Grouping::Kind::Single:
        return data::single_groups(positions);
    case Grouping::Kind::Tile:
        return data::tile_groups(positions, grouping.size);
    case Grouping::Kind::Nearest:
        return data::nearest_groups(positions, grouping.size, settings.integer("scan.neighbours"),
                                    settings.integer("scan.samples"), choices);
    case Grouping::Kind::MinDistance:
        return min_distance_groups(positions, grouping.size, settings, choices, rules);
    case Grouping::Kind::Quadrant:
        return quadrant_groups(positions, settings, choices, rules);
    case Grouping::Kind::RawData:
        return counted_groups(positions, grouping.size, settings, choices, rules);
    }
    fail(Status::Internal, "a kind of grouping without groups");
}

at::Tensor groups_of(const at::Tensor& positions, const Grouping& grouping, const config::Settings& settings)
{
    const auto seed = seed_of(settings);
    if (settings.text("compat") == "ptychopinn") {
        // The reference draws a sequential set with the seed 0.
        const bool sequential = grouping.kind == Grouping::Kind::RawData && settings.flag("scan.sequential");
        base::NumpyRandom random(sequential ? 0 : static_cast<std::uint32_t>(seed));
        base::NumpyChoices choices(random);
        return groups_of(positions, grouping, settings, choices, data::Rules::PtychoPinn);
    }
    auto engine = base::random_engine(seed, "grouping");
    base::EngineChoices choices(engine);
    return groups_of(positions, grouping, settings, choices, data::Rules::Ours);
}

/// Those of the frames that are of one experiment.
at::Tensor of_experiment(const data::Scan& scan, const at::Tensor& frames, std::int64_t number)
{
    if (scan.experiments.empty())
        return frames;
    return frames.masked_select(data::experiments_of(scan, frames).eq(number));
}

const std::string& source_of(const data::Scan& scan, std::int64_t number)
{
    return scan.experiments.empty() ? scan.source : scan.experiments[static_cast<std::size_t>(number)].source;
}

/// Each frame with its nearest of the same experiment, (n, G).
at::Tensor tiles_of(const data::Scan& scan, std::int64_t group_size)
{
    if (scan.experiments.empty())
        return data::tile_groups(scan.positions, group_size);
    auto tiles = at::empty({scan.size(), group_size}, at::kLong);
    for (std::int64_t number = 0; number < data::experiment_count(scan); ++number) {
        const auto frames = data::frames_of_experiment(scan, number);
        const auto groups = data::tile_groups(scan.positions.index_select(0, frames), group_size);
        tiles.index_copy_(0, frames, frames.index_select(0, groups.reshape({-1})).view(groups.sizes()));
    }
    return tiles;
}

} // namespace

FrameSplit split_frames(std::int64_t frames, double fraction, std::uint64_t seed)
{
    auto order = shuffled(frames, base::random_engine(seed, "validation"));
    const auto wanted = std::llround(fraction * static_cast<double>(frames));
    const auto held = std::clamp<std::int64_t>(wanted, 0, frames - 1);
    return {sorted_indices(order.begin() + held, order.end()), sorted_indices(order.begin(), order.begin() + held)};
}

Grouping resolve_grouping(const config::Settings& settings, const generators::Generator& generator)
{
    const auto kind = kind_of(settings.text("scan.grouping"), generator);
    const bool given = settings.has("scan.group_size");
    const auto asked = given ? settings.integer("scan.group_size") : 0;
    const auto channels = generator.channels();
    require(!generator.grouped() || !given || asked == channels, Status::InvalidConfig,
            "scan.group_size is {}, but the generator was made for groups of {}", asked, channels);
    require(kind != Grouping::Kind::Single || (channels == 1 && asked <= 1), Status::InvalidConfig,
            "scan.grouping is 'single', but groups of {} are asked for", std::max(asked, channels));
    const auto size = kind == Grouping::Kind::Single ? 1 : given ? asked : usual_size(kind, generator);
    require(kind != Grouping::Kind::Quadrant || size == quadrants, Status::InvalidConfig,
            "scan.grouping is '4_quadrant', whose groups are of 4 frames, but groups of {} are asked for", size);
    return {kind, size};
}

at::Tensor training_groups(const data::Scan& scan, const FrameSplit& split, const Grouping& grouping,
                           const config::Settings& settings)
{
    std::vector<at::Tensor> all;
    for (std::int64_t number = 0; number < data::experiment_count(scan); ++number) {
        const auto frames = of_experiment(scan, split.training, number);
        const auto count = frames.size(0);
        require(count >= grouping.size, Status::Shape,
                "{}: {} frames for training ({} more are kept for validation) are fewer than a group of {} "
                "(scan.group_size); lower it or training.validation_fraction",
                source_of(scan, number), count, of_experiment(scan, split.validation, number).size(0), grouping.size);
        const auto groups = groups_of(scan.positions.index_select(0, frames), grouping, settings);
        all.push_back(frames.index_select(0, groups.reshape({-1})).view(groups.sizes()));
    }
    return all.size() == 1 ? all.front() : at::cat(all);
}

at::Tensor validation_groups(const data::Scan& scan, const FrameSplit& split, std::int64_t group_size,
                             std::int64_t limit)
{
    const auto held = split.validation.size(0);
    if (held == 0)
        return at::empty({0, group_size}, at::kLong);
    auto frames = split.validation;
    if (held > limit)
        frames = frames.index_select(0, at::linspace(0, held - 1, limit, at::kDouble).round().to(at::kLong));
    return tiles_of(scan, group_size).index_select(0, frames);
}

at::Tensor GroupOrder::take(std::int64_t first, std::int64_t count)
{
    auto indices = at::empty({count}, at::kLong);
    auto* out = indices.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = cycle((first + i) / groups_)[(first + i) % groups_];
    return indices;
}

const std::vector<std::int64_t>& GroupOrder::cycle(std::int64_t number)
{
    if (number != current_) {
        const auto seed = base::stream_seed(seed_, "shuffling");
        order_ = shuffled(groups_, base::random_engine(seed, std::to_string(number)));
        current_ = number;
    }
    return order_;
}

} // namespace ptk::training
