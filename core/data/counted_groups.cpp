#include "base/error.h"
#include "data/groups.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

namespace ptk::data {

namespace {

using Row = std::vector<std::int64_t>;

/// Binomial coefficient, no more than @p limit.
std::int64_t combinations(std::int64_t n, std::int64_t k, std::int64_t limit)
{
    double count = 1;
    for (std::int64_t i = 0; i < k; ++i)
        count = count * static_cast<double>(n - i) / static_cast<double>(i + 1);
    return count < static_cast<double>(limit) ? static_cast<std::int64_t>(count + 0.5) : limit;
}

/// To the next set of k ascending places below n, in lexicographic order. False after the last.
bool next_set(Row& places, std::int64_t n)
{
    const auto k = static_cast<std::int64_t>(places.size());
    auto i = k - 1;
    while (i >= 0 && places[i] == n - k + i)
        --i;
    if (i < 0)
        return false;
    for (auto value = ++places[i]; ++i < k;)
        places[i] = ++value;
    return true;
}

Row first_set(std::int64_t k)
{
    Row places(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < k; ++i)
        places[i] = i;
    return places;
}

void append(Row& members, const Row& places, const std::int64_t* row)
{
    for (const auto place : places)
        members.push_back(row[place]);
}

Row picked(base::Choices& choices, std::int64_t count, std::int64_t size)
{
    Row chosen(static_cast<std::size_t>(size));
    choices.pick(count, size, chosen.data());
    return chosen;
}

at::Tensor as_tensor(const Row& values)
{
    return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong);
}

/// What groups of one frame are drawn from: its K nearest others, after it where these are too few. Both rules agree
/// but for frames at one place, of which the reference drops the one that its tree lists first.
Row candidates(const std::int64_t* row, std::int64_t width, std::int64_t self, std::int64_t group_size)
{
    Row found(row, std::find(row, row + width, -1));
    if (static_cast<std::int64_t>(found.size()) < group_size)
        found.insert(found.begin(), self);
    return found;
}

/// min(groups, n) frames.
Row chosen_frames(std::int64_t count, const CountedGroups& options, base::Choices& choices)
{
    if (options.sequential || options.groups >= count)
        return first_set(std::min(options.groups, count));
    return picked(choices, count, options.groups);
}

at::Tensor one_of_each(const at::Tensor& positions, const CountedGroups& options, base::Choices& choices)
{
    const auto frames = chosen_frames(positions.size(0), options, choices);
    if (options.size == 1)
        return as_tensor(frames).unsqueeze(1);
    const auto near = neighbours_within(positions, as_tensor(frames), options.neighbours, {.itself = false});
    const auto* row = near.const_data_ptr<std::int64_t>();
    auto groups = at::empty({near.size(0), options.size}, at::kLong);
    auto* out = groups.mutable_data_ptr<std::int64_t>();
    for (const auto frame : frames) {
        const auto from = candidates(row, options.neighbours, frame, options.size);
        choices.pick(static_cast<std::int64_t>(from.size()), options.size, out);
        std::transform(out, out + options.size, out, [&](std::int64_t place) { return from[place]; });
        row += options.neighbours;
        out += options.size;
    }
    return groups;
}

/// @p wanted different sets of C of @p from, in the order of @p from.
void append_different(Row& members, const Row& from, std::int64_t group_size, std::int64_t wanted,
                      base::Choices& choices)
{
    const auto count = static_cast<std::int64_t>(from.size());
    const auto sets = combinations(count, group_size, std::numeric_limits<std::int64_t>::max());
    require(wanted <= sets, Status::InvalidConfig,
            "scan.groups: {} groups around a frame are asked for, but {} neighbours make only {} different ones; raise "
            "scan.pool",
            wanted, count, sets);
    if (sets <= 4 * wanted) { // list them all; else draws are rarely repeated
        Row listed;
        auto places = first_set(group_size);
        do
            append(listed, places, from.data());
        while (next_set(places, count));
        for (const auto set : picked(choices, sets, wanted))
            members.insert(members.end(), listed.begin() + set * group_size, listed.begin() + (set + 1) * group_size);
        return;
    }
    std::set<Row> drawn;
    while (static_cast<std::int64_t>(drawn.size()) < wanted) {
        auto places = picked(choices, count, group_size);
        std::sort(places.begin(), places.end());
        if (drawn.insert(places).second)
            append(members, places, from.data());
    }
}

at::Tensor our_oversampling(const at::Tensor& positions, const CountedGroups& options, std::int64_t pool,
                            base::Choices& choices)
{
    const auto count = positions.size(0);
    const auto frames = picked(choices, count, count);
    const auto near = neighbours_within(positions, as_tensor(frames), pool, {.itself = false});
    const auto* row = near.const_data_ptr<std::int64_t>();
    Row members;
    members.reserve(static_cast<std::size_t>(options.groups * options.size));
    for (std::int64_t i = 0; i < count; ++i, row += pool) {
        const auto wanted = options.groups / count + (i < options.groups % count ? 1 : 0);
        append_different(members, candidates(row, pool, frames[i], options.size), options.size, wanted, choices);
    }
    return as_tensor(members).view({-1, options.size});
}

at::Tensor listed_oversampling(const at::Tensor& positions, const CountedGroups& options, std::int64_t pool,
                               base::Choices& choices)
{
    const auto count = positions.size(0);
    const auto limit = 2 * options.groups;
    const auto sets = combinations(pool, options.size, limit);
    const auto frames = picked(choices, count, std::min(2 * ((options.groups + sets - 1) / sets), count));
    const auto near = neighbours_within(positions, as_tensor(frames), pool, {.itself = false});
    const auto* row = near.const_data_ptr<std::int64_t>();
    Row listed;
    const auto full = [&] { return static_cast<std::int64_t>(listed.size()) >= limit * options.size; };
    for (std::size_t i = 0; i < frames.size() && !full(); ++i, row += pool) {
        const auto from = candidates(row, pool, frames[i], options.size);
        auto places = first_set(options.size);
        do
            append(listed, places, from.data());
        while (!full() && next_set(places, static_cast<std::int64_t>(from.size())));
    }
    const auto found = static_cast<std::int64_t>(listed.size()) / options.size;
    Row chosen;
    if (found >= options.groups)
        chosen = picked(choices, found, options.groups);
    else
        for (std::int64_t i = 0; i < options.groups; ++i)
            chosen.push_back(choices.below(found));
    return as_tensor(listed).view({-1, options.size}).index_select(0, as_tensor(chosen));
}

} // namespace

at::Tensor counted_groups(const at::Tensor& positions, const CountedGroups& given, base::Choices& choices, Rules rules)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(1) == 2 && positions.size(0) > 0,
            Status::Shape, "positions: expected shape (n, 2), n > 0");
    const auto count = positions.size(0);
    auto options = given;
    if (options.groups == 0)
        options.groups = count;
    const bool more = options.groups > count && options.size > 1;
    const auto pool = more && options.pool > 0 ? options.pool : options.neighbours;
    require(options.size >= 1 && options.groups >= 1, Status::InvalidConfig,
            "scan.group_size = {} and scan.groups = {}: expected at least 1", options.size, options.groups);
    require(options.size <= count, Status::Shape, "{} frames are fewer than a group of {} (scan.group_size)", count,
            options.size);
    require(options.size == 1 || options.size <= pool, Status::InvalidConfig,
            "scan.group_size = {}: members are drawn from {} = {} others", options.size,
            more && options.pool > 0 ? "scan.pool" : "scan.neighbours", pool);
    require(!more || options.oversampling, Status::InvalidConfig,
            "scan.groups = {}, but there are {} frames; more groups than frames need scan.oversampling = true",
            options.groups, count);
    if (!more)
        return one_of_each(positions, options, choices);
    return rules == Rules::Ours ? our_oversampling(positions, options, pool, choices)
                                : listed_oversampling(positions, options, pool, choices);
}

} // namespace ptk::data
