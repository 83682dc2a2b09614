#include "data/neighbours.h"

#include "base/error.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <nanoflann.hpp>

#include <algorithm>
#include <vector>

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

struct Neighbour {
    double distance; ///< squared
    std::int64_t index;

    bool operator<(const Neighbour& other) const
    {
        return distance < other.distance || (distance == other.distance && index < other.index);
    }
};

/// The tree passes on what is closer than a bound; a little more lets ties through, which nanoflann's own result sets
/// cut off in the order of the tree.
double slightly_above(double distance)
{
    return std::min(distance * (1 + 1e-10) + std::numeric_limits<double>::min(), std::numeric_limits<double>::max());
}

/// The k best inside the window of what a search of the tree offers, by (distance, index).
class Nearest {
public:
    using DistanceType = double;

    Nearest(std::size_t k, const Window& window)
        : k_(k), smallest_(window.smallest * window.smallest), largest_(window.largest * window.largest),
          itself_(window.itself)
    {
        best_.reserve(k);
    }

    void begin(std::int64_t self)
    {
        self_ = itself_ ? -1 : self;
        best_.clear();
        bound_ = slightly_above(largest_);
    }
    bool full() const { return best_.size() == k_; }
    const std::vector<Neighbour>& sorted() const { return best_; }
    double worstDist() const { return bound_; }

    bool addPoint(double distance, std::int64_t index)
    {
        const Neighbour found{distance, index};
        if (distance < smallest_ || distance > largest_ || index == self_)
            return true;
        if (full()) {
            if (!(found < best_.back()))
                return true;
            best_.pop_back();
        }
        auto place = best_.end();
        while (place != best_.begin() && found < *(place - 1))
            --place;
        best_.insert(place, found);
        if (full())
            bound_ = slightly_above(best_.back().distance);
        return true;
    }

private:
    std::size_t k_;
    double smallest_, largest_; ///< squared
    bool itself_;
    std::int64_t self_ = -1;
    double bound_ = 0;
    std::vector<Neighbour> best_;
};

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

    const auto* centre = chosen.defined() ? chosen.const_data_ptr<std::int64_t>() : nullptr;
    const Points cloud{points.const_data_ptr<double>(), static_cast<std::size_t>(count)};
    const Tree tree(2, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(12));
    auto neighbours = at::empty({rows, k}, at::kLong);
    auto* out = neighbours.mutable_data_ptr<std::int64_t>();
    at::parallel_for(0, rows, queries_per_task, [&](std::int64_t begin, std::int64_t end) {
        Nearest nearest(static_cast<std::size_t>(std::min(k, count)), window);
        for (std::int64_t i = begin; i < end; ++i) {
            const auto self = centre != nullptr ? centre[i] : i;
            nearest.begin(self);
            tree.findNeighbors(nearest, cloud.xy + 2 * self, nanoflann::SearchParams());
            auto* row = std::transform(nearest.sorted().begin(), nearest.sorted().end(), out + i * k,
                                       [](const Neighbour& found) { return found.index; });
            std::fill(row, out + (i + 1) * k, -1);
        }
    });
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
