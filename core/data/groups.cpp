#include "data/groups.h"

#include "base/error.h"
#include "base/numpy_random.h"
#include "base/random.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <nanoflann.hpp>

#include <cmath>
#include <limits>

namespace ptk::data {

namespace {

constexpr std::int64_t queries_per_task = 256;

/// (n, 2) float64, contiguous, on the CPU.
at::Tensor checked(const at::Tensor& positions)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(1) == 2, Status::Shape,
            "positions: expected shape (n, 2)");
    require(positions.size(0) > 0, Status::Shape, "positions: there is none");
    return positions.to(at::kCPU, at::kDouble).contiguous();
}

/// The points as nanoflann wants to see them.
struct Points {
    const double* xy;
    std::size_t count;

    std::size_t kdtree_get_point_count() const { return count; }
    double kdtree_get_pt(std::size_t index, std::size_t axis) const { return xy[2 * index + axis]; }
    template <class Box> bool kdtree_get_bbox(Box&) const { return false; }
};

using Tree = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Points>, Points, 2, std::int64_t>;

struct Neighbour {
    double distance; ///< squared
    std::int64_t index;

    bool operator<(const Neighbour& other) const
    {
        return distance < other.distance || (distance == other.distance && index < other.index);
    }
};

/// The k best of what a search of the tree offers, by (distance, index). The tree asks worstDist() which boxes and
/// points are worth a look; a little more than the k-th distance lets ties through, which nanoflann's own result sets
/// cut off in the order of the tree.
class Nearest {
public:
    using DistanceType = double;

    explicit Nearest(std::size_t k) : k_(k) { best_.reserve(k); }

    void clear() { best_.clear(); }
    bool full() const { return best_.size() == k_; }
    const std::vector<Neighbour>& sorted() const { return best_; }

    double worstDist() const
    {
        if (!full())
            return std::numeric_limits<double>::max();
        return best_.back().distance * (1 + 1e-10) + std::numeric_limits<double>::min();
    }

    bool addPoint(double distance, std::int64_t index)
    {
        const Neighbour found{distance, index};
        if (full()) {
            if (!(found < best_.back()))
                return true;
            best_.pop_back();
        }
        best_.insert(std::upper_bound(best_.begin(), best_.end(), found), found);
        return true;
    }

private:
    std::size_t k_;
    std::vector<Neighbour> best_;
};

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

/// Rows of candidates for 'nearest': each frame and its K nearest others.
at::Tensor candidates(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                      std::int64_t samples)
{
    require(group_size >= 1 && neighbours >= 0 && samples >= 1, Status::InvalidConfig,
            "scan.group_size = {}, scan.neighbours = {} and scan.samples = {}: expected at least 1, 0 and 1",
            group_size, neighbours, samples);
    require(group_size <= neighbours + 1, Status::InvalidConfig,
            "scan.group_size = {}: a group is drawn from a frame and its scan.neighbours = {} nearest, which are {}",
            group_size, neighbours, neighbours + 1);
    return tile_groups(positions, neighbours + 1);
}

/// Each row @p samples times, one after the other, through @p draw(candidates of the row, out).
template <class Draw>
at::Tensor drawn(const at::Tensor& rows, std::int64_t group_size, std::int64_t samples, const Draw& draw)
{
    const auto count = rows.size(0);
    const auto width = rows.size(1);
    auto groups = at::empty({count * samples, group_size}, at::kLong);
    const auto* row = rows.const_data_ptr<std::int64_t>();
    auto* out = groups.mutable_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count * samples; ++i)
        draw(row + i / samples * width, out + i * group_size);
    return groups;
}

/// A group of one is the frame itself, as often as asked; no draw is made (PtychoPINN for C = 1).
at::Tensor repeated(const at::Tensor& positions, std::int64_t samples)
{
    require(samples >= 1, Status::InvalidConfig, "scan.samples = {}: expected at least 1", samples);
    return single_groups(positions).repeat_interleave(samples, 0);
}

} // namespace

at::Tensor single_groups(const at::Tensor& positions)
{
    return at::arange(checked(positions).size(0), at::kLong).unsqueeze(1);
}

at::Tensor nearest_neighbours(const at::Tensor& positions, std::int64_t k)
{
    const auto points = checked(positions);
    const auto count = points.size(0);
    require(k >= 1, Status::InvalidArgument, "nearest neighbours: {} asked for, expected at least 1", k);
    require(k <= count, Status::Shape, "the scan has {} frames, but each needs {} nearest ones, itself included", count,
            k);
    require(count <= std::numeric_limits<std::int64_t>::max() / 8 / k, Status::Shape,
            "{} neighbours of {} frames are too many", k, count);

    const Points cloud{points.const_data_ptr<double>(), static_cast<std::size_t>(count)};
    const Tree tree(2, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(12));
    auto neighbours = at::empty({count, k}, at::kLong);
    auto* out = neighbours.mutable_data_ptr<std::int64_t>();
    at::parallel_for(0, count, queries_per_task, [&](std::int64_t begin, std::int64_t end) {
        Nearest nearest(static_cast<std::size_t>(k));
        for (std::int64_t i = begin; i < end; ++i) {
            nearest.clear();
            tree.findNeighbors(nearest, cloud.xy + 2 * i, nanoflann::SearchParams());
            std::transform(nearest.sorted().begin(), nearest.sorted().end(), out + i * k,
                           [](const Neighbour& found) { return found.index; });
        }
    });
    return neighbours;
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
                          std::int64_t samples, std::mt19937_64& random)
{
    if (group_size == 1)
        return repeated(positions, samples);
    const auto rows = candidates(positions, group_size, neighbours, samples);
    std::vector<std::int64_t> pool(static_cast<std::size_t>(rows.size(1)));
    return drawn(rows, group_size, samples, [&](const std::int64_t* row, std::int64_t* out) {
        std::copy_n(row, pool.size(), pool.begin());
        for (std::int64_t i = 0; i < group_size; ++i) { // Fisher-Yates, as far as needed
            const auto left = pool.size() - static_cast<std::size_t>(i);
            std::swap(pool[i], pool[i + base::uniform_below(random, left)]);
            out[i] = pool[i];
        }
    });
}

at::Tensor nearest_groups_like_numpy(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                                     std::int64_t samples, base::NumpyRandom& random)
{
    if (group_size == 1)
        return repeated(positions, samples);
    const auto rows = candidates(positions, group_size, neighbours, samples);
    return drawn(rows, group_size, samples, [&](const std::int64_t* row, std::int64_t* out) {
        const auto chosen =
            random.choice(static_cast<std::uint32_t>(rows.size(1)), static_cast<std::uint32_t>(group_size));
        std::transform(chosen.begin(), chosen.end(), out, [row](std::int64_t place) { return row[place]; });
    });
}

at::Tensor nearest_groups_like_numpy(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                                     std::int64_t samples, std::uint32_t seed)
{
    base::NumpyRandom random(seed);
    return nearest_groups_like_numpy(positions, group_size, neighbours, samples, random);
}

RelativePositions relative_positions(const at::Tensor& positions, const at::Tensor& groups)
{
    const auto points = checked(positions);
    require(groups.defined() && groups.dim() == 2 && groups.size(1) > 0 && groups.scalar_type() == at::kLong,
            Status::Shape, "groups: expected int64 of shape (groups, G)");
    const auto members = points.index_select(0, groups.reshape(-1)).view({groups.size(0), groups.size(1), 2});
    auto centre = members.mean(1, true);
    auto relative = centre - members;
    return {std::move(centre), std::move(relative)};
}

double parseval_scale(double mean_power, std::int64_t side, bool half_side)
{
    require(std::isfinite(mean_power) && mean_power > 0, Status::InvalidArgument,
            "the frames' mean sum of squared amplitudes is {}; expected a positive number (are the frames empty?)",
            mean_power);
    const double length = half_side ? static_cast<double>(side) / 2 : static_cast<double>(side);
    return length / std::sqrt(mean_power);
}

} // namespace ptk::data
