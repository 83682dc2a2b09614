#include "data/neighbours.h"

#include "base/error.h"
#include "data/point_grid.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <nanoflann.hpp>

#include <algorithm>

namespace ptk::data {

namespace {

constexpr std::int64_t queries_per_task = 256;

/// The points as nanoflann wants to see them.
struct Points {
    const double* xy;
    std::size_t count;

    std::size_t kdtree_get_point_count() const { return count; }
    double kdtree_get_pt(std::size_t index, std::size_t axis) const { return xy[2 * index + axis]; }
    template <class Box> bool kdtree_get_bbox(Box&) const { return false; }
};

using Tree = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Points>, Points, 2, std::int64_t>;

struct Cloud {
    const double* xy;
    std::int64_t count;
};

/// Where the neighbours go.
struct Rows {
    std::int64_t* index;
    std::int64_t count, k;
};

/// @param centre  of each row, or null for the points themselves
/// @param order   in which the rows are made, or null
template <class Search>
void search_all(const Cloud& cloud, const Window& window, const std::int64_t* centre, const std::int64_t* order,
                const Rows& rows, Search&& search)
{
    at::parallel_for(0, rows.count, queries_per_task, [&](std::int64_t begin, std::int64_t end) {
        Nearest nearest(static_cast<std::size_t>(std::min(rows.k, cloud.count)), window);
        for (auto i = begin; i < end; ++i) {
            const auto row = order != nullptr ? order[i] : i;
            const auto self = centre != nullptr ? centre[row] : row;
            nearest.begin(self);
            search(self, nearest);
            auto* first = rows.index + row * rows.k;
            auto* last = std::transform(nearest.sorted().begin(), nearest.sorted().end(), first,
                                        [](const Neighbour& found) { return found.index; });
            std::fill(last, first + rows.k, -1);
        }
    });
}

void search_tree(const Cloud& cloud, const Window& window, const std::int64_t* centre, const Rows& rows)
{
    const Points points{cloud.xy, static_cast<std::size_t>(cloud.count)};
    const Tree tree(2, points, nanoflann::KDTreeSingleIndexAdaptorParams(12));
    search_all(cloud, window, centre, nullptr, rows, [&](std::int64_t self, Nearest& nearest) {
        tree.findNeighbors(nearest, cloud.xy + 2 * self, nanoflann::SearchParams());
    });
}

/// (n, 2) float64, contiguous, on the CPU.
at::Tensor checked(const at::Tensor& positions)
{
    require(positions.defined() && positions.dim() == 2 && positions.size(1) == 2, Status::Shape,
            "positions: expected shape (n, 2)");
    require(positions.size(0) > 0, Status::Shape, "positions: there is none");
    return positions.to(at::kCPU, at::kDouble).contiguous();
}

at::Tensor checked_centres(const at::Tensor& centres, std::int64_t count)
{
    require(centres.dim() == 1 && centres.scalar_type() == at::kLong, Status::Shape,
            "centres: expected int64 of shape (m)");
    require(centres.numel() == 0 ||
                (centres.min().item<std::int64_t>() >= 0 && centres.max().item<std::int64_t>() < count),
            Status::InvalidArgument, "centres: there are indices outside [0, {})", count);
    return centres.cpu().contiguous();
}

} // namespace

at::Tensor neighbours_within(const at::Tensor& positions, const at::Tensor& centres, std::int64_t k,
                             const Window& window)
{
    const auto points = checked(positions);
    const auto count = points.size(0);
    require(k >= 1, Status::InvalidArgument, "nearest neighbours: {} asked for, expected at least 1", k);
    require(window.smallest >= 0 && window.smallest <= window.largest, Status::InvalidArgument,
            "distances from {} to {} pixels: expected 0 <= smallest <= largest", window.smallest, window.largest);
    const auto chosen = centres.defined() ? checked_centres(centres, count) : at::Tensor();
    const auto rows = chosen.defined() ? chosen.size(0) : count;
    require(rows <= std::numeric_limits<std::int64_t>::max() / 8 / k, Status::Shape,
            "{} neighbours of {} frames are too many", k, rows);

    const Cloud cloud{points.const_data_ptr<double>(), count};
    const auto* centre = chosen.defined() ? chosen.const_data_ptr<std::int64_t>() : nullptr;
    auto neighbours = at::empty({rows, k}, at::kLong);
    const Rows found{neighbours.mutable_data_ptr<std::int64_t>(), rows, k};
    // Cells so large that the square of three around a point holds most of its neighbours.
    const auto grid = PointGrid::made(cloud.xy, count, std::max(1.0, static_cast<double>(k) / 3.5));
    if (grid)
        search_all(cloud, window, centre, centre ? nullptr : grid->order().data(), found,
                   [&](std::int64_t self, Nearest& nearest) { grid->search(self, nearest); });
    else
        search_tree(cloud, window, centre, found);
    return neighbours;
}

at::Tensor nearest_neighbours(const at::Tensor& positions, std::int64_t k)
{
    require(!positions.defined() || positions.dim() != 2 || k <= positions.size(0), Status::Shape,
            "the scan has {} frames, but each needs {} nearest ones, itself included",
            positions.defined() && positions.dim() == 2 ? positions.size(0) : 0, k);
    return neighbours_within(positions, {}, k, {});
}

} // namespace ptk::data
