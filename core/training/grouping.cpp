#include "training/grouping.h"

#include "base/random.h"
#include "data/groups.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numeric>
#include <utility>

namespace ptk::training {

namespace {

constexpr std::int64_t default_tile = 16;

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
    if (name == "tile")
        return Grouping::Kind::Tile;
    if (name == "nearest")
        return Grouping::Kind::Nearest;
    if (name == "single")
        return Grouping::Kind::Single;
    if (!generator.grouped())
        return Grouping::Kind::Tile;
    return generator.channels() > 1 ? Grouping::Kind::Nearest : Grouping::Kind::Single;
}

at::Tensor nearest_groups(const at::Tensor& positions, std::int64_t size, const config::Settings& settings)
{
    const auto neighbours = settings.integer("scan.neighbours"), samples = settings.integer("scan.samples");
    const auto seed = seed_of(settings);
    if (settings.text("compat") == "ptychopinn")
        return data::nearest_groups_like_numpy(positions, size, neighbours, samples, static_cast<std::uint32_t>(seed));
    auto random = base::random_engine(seed, "grouping");
    return data::nearest_groups(positions, size, neighbours, samples, random);
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
    if (kind == Grouping::Kind::Single)
        return {kind, 1};
    if (given)
        return {kind, asked};
    return {kind, kind == Grouping::Kind::Tile && !generator.grouped() ? default_tile : channels};
}

at::Tensor training_groups(const data::Scan& scan, const FrameSplit& split, const Grouping& grouping,
                           const config::Settings& settings)
{
    const auto count = split.training.size(0), held = split.validation.size(0);
    require(count >= grouping.size, Status::Shape,
            "{}: {} frames for training ({} more are kept for validation) are fewer than a group of {} "
            "(scan.group_size); lower it or training.validation_fraction",
            scan.source, count, held, grouping.size);
    const auto positions = scan.positions.index_select(0, split.training);
    at::Tensor groups;
    switch (grouping.kind) {
    case Grouping::Kind::Single:
        groups = data::single_groups(positions);
        break;
    case Grouping::Kind::Tile:
        groups = data::tile_groups(positions, grouping.size);
        break;
    case Grouping::Kind::Nearest:
        groups = nearest_groups(positions, grouping.size, settings);
        break;
    }
    return split.training.index_select(0, groups.reshape({-1})).view(groups.sizes());
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
    return data::tile_groups(scan.positions, group_size).index_select(0, frames);
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
