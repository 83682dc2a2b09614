#include "data/groups.h"

#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <vector>

namespace ptk::data {

namespace {

using Row = std::vector<std::int64_t>;

std::int64_t count_of(const at::Tensor& positions)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(1) == 2, Status::Shape,
            "positions: expected shape (n, 2)");
    require(positions.size(0) > 0, Status::Shape, "positions: there is none");
    return positions.size(0);
}

/// Puts the frame itself first: among many frames at one place it may stand later, or be cut off by others of a smaller
/// index.
void put_first(std::int64_t* row, std::int64_t count, std::int64_t self)
{
    std::int64_t* place = std::find(row, row + count, self);
    if (place == row + count)
        --place;
    std::copy_backward(row, place, place + 1);
    row[0] = self;
}

void check_counts(std::int64_t group_size, std::int64_t neighbours, std::int64_t samples)
{
    require(group_size >= 1 && neighbours >= 0 && samples >= 1, Status::InvalidConfig,
            "scan.group_size = {}, scan.neighbours = {} and scan.samples = {}: expected at least 1, 0 and 1",
            group_size, neighbours, samples);
}

void check_window(double smallest, double largest)
{
    require(smallest >= 0 && smallest <= largest, Status::InvalidConfig,
            "scan.min_distance = {} and scan.max_distance = {}: expected 0 <= min <= max", smallest, largest);
}

/// A group of one is the frame itself, as often as asked; no draw is made.
at::Tensor repeated(const at::Tensor& positions, std::int64_t samples)
{
    require(samples >= 1, Status::InvalidConfig, "scan.samples = {}: expected at least 1", samples);
    return single_groups(positions).repeat_interleave(samples, 0);
}

/// C of each row, without repetition, @p samples times. @param rows (n, K)
at::Tensor drawn(const at::Tensor& rows, std::int64_t group_size, std::int64_t samples, base::Choices& choices)
{
    const auto width = rows.size(1);
    auto groups = at::empty({rows.size(0) * samples, group_size}, at::kLong);
    const auto* row = rows.const_data_ptr<std::int64_t>();
    auto* out = groups.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < groups.size(0); ++i, out += group_size) {
        choices.pick(width, group_size, out);
        std::transform(out, out + group_size, out,
                       [&](std::int64_t place) { return row[i / samples * width + place]; });
    }
    return groups;
}

/// Groups of which nobody knows before how many there will be.
at::Tensor as_tensor(const Row& members, std::int64_t group_size)
{
    return at::tensor(at::ArrayRef<std::int64_t>(members), at::kLong).view({-1, group_size});
}

at::Tensor our_distance_groups(const at::Tensor& positions, const DistanceGroups& options, base::Choices& choices)
{
    const auto others = options.size - 1;
    const auto rows = neighbours_within(positions, {}, options.neighbours, {options.smallest, options.largest, false});
    const auto* row = rows.const_data_ptr<std::int64_t>();
    Row members, picked(static_cast<std::size_t>(others));
    members.reserve(static_cast<std::size_t>(rows.size(0) * options.size));
    for (std::int64_t i = 0; i < rows.size(0); ++i, row += options.neighbours) {
        const auto found = std::find(row, row + options.neighbours, -1) - row;
        for (std::int64_t sample = 0; found >= others && sample < options.samples; ++sample) {
            choices.pick(found, others, picked.data());
            members.push_back(i);
            std::transform(picked.begin(), picked.end(), std::back_inserter(members),
                           [row](std::int64_t place) { return row[place]; });
        }
    }
    require(!members.empty(), Status::Shape,
            "none of {} frames has {} others at {} to {} pixels from it; change scan.min_distance or "
            "scan.max_distance",
            rows.size(0), others, options.smallest, options.largest);
    return as_tensor(members, options.size);
}

/// The reference's table: (n, K), each neighbour twice, cut at K; the padding -1 indexes the last frame.
at::Tensor doubled_neighbours(const at::Tensor& positions, const DistanceGroups& options)
{
    const auto last = positions.size(0) - 1;
    const auto found =
        neighbours_within(positions, {}, (options.neighbours + 1) / 2, {options.smallest, options.largest, true});
    const auto twice = found.repeat_interleave(2, 1).narrow(1, 0, options.neighbours);
    return twice.masked_fill(twice < 0, last).contiguous();
}

} // namespace

at::Tensor single_groups(const at::Tensor& positions)
{
    return at::arange(count_of(positions), at::kLong).unsqueeze(1);
}

at::Tensor tile_groups(const at::Tensor& positions, std::int64_t group_size)
{
    auto groups = nearest_neighbours(positions, group_size);
    auto* row = groups.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < groups.size(0); ++i)
        put_first(row + i * group_size, group_size, i);
    return groups;
}

at::Tensor nearest_groups(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                          std::int64_t samples, base::Choices& choices)
{
    if (group_size == 1)
        return repeated(positions, samples);
    check_counts(group_size, neighbours, samples);
    require(group_size <= neighbours + 1, Status::InvalidConfig,
            "scan.group_size = {}: a group is drawn from a frame and its scan.neighbours = {} nearest, which are {}",
            group_size, neighbours, neighbours + 1);
    return drawn(tile_groups(positions, neighbours + 1), group_size, samples, choices);
}

at::Tensor distance_groups(const at::Tensor& positions, const DistanceGroups& options, base::Choices& choices,
                           Rules rules)
{
    if (options.size == 1)
        return repeated(positions, options.samples);
    check_counts(options.size, options.neighbours, options.samples);
    check_window(options.smallest, options.largest);
    count_of(positions);
    const bool ours = rules == Rules::Ours;
    const auto needed = ours ? options.size - 1 : options.size;
    require(needed <= options.neighbours, Status::InvalidConfig,
            "scan.group_size = {}: {} members are drawn from scan.neighbours = {}", options.size, needed,
            options.neighbours);
    if (ours)
        return our_distance_groups(positions, options, choices);
    return drawn(doubled_neighbours(positions, options), options.size, options.samples, choices);
}

RelativePositions relative_positions(const at::Tensor& positions, const at::Tensor& groups)
{
    count_of(positions);
    const auto points = positions.to(at::kCPU, at::kDouble);
    require(groups.defined() && groups.dim() == 2 && groups.size(1) > 0 && groups.scalar_type() == at::kLong,
            Status::Shape, "groups: expected int64 of shape (groups, G)");
    const auto members = points.index_select(0, groups.reshape(-1)).view({groups.size(0), groups.size(1), 2});
    auto centre = members.mean(1, true);
    auto relative = centre - members;
    return {std::move(centre), std::move(relative)};
}

} // namespace ptk::data
