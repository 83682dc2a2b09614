#pragma once
#include "data/neighbours.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace ptk::data {

/// A point that a search found.
struct Neighbour {
    double distance; ///< squared
    std::int64_t index;

    bool operator<(const Neighbour& other) const
    {
        return distance < other.distance || (distance == other.distance && index < other.index);
    }
};

/// The k best inside the window of what a search offers, by (distance, index). The names of the functions are those
/// that nanoflann calls.
class Nearest {
public:
    using DistanceType = double;

    Nearest(std::size_t k, const Window& window)
        : k_(k), smallest_(window.smallest * window.smallest), largest_(window.largest * window.largest),
          itself_(window.itself)
    {
        best_.reserve(k + 1);
    }

    void begin(std::int64_t self)
    {
        self_ = itself_ ? -1 : self;
        best_.clear();
        worst_ = largest_;
    }
    bool full() const { return best_.size() == k_; }
    const std::vector<Neighbour>& sorted() const { return best_; }
    /// What is farther away (squared) cannot be among the best.
    double worst() const { return worst_; }
    /// The tree passes on what is closer than this: a little more lets ties through, which nanoflann's own result sets
    /// cut off in the order of the tree.
    double worstDist() const
    {
        return std::min(worst_ * (1 + 1e-10) + std::numeric_limits<double>::min(), std::numeric_limits<double>::max());
    }

    bool addPoint(double distance, std::int64_t index)
    {
        const Neighbour found{distance, index};
        if (distance < smallest_ || distance > worst_ || index == self_)
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
            worst_ = best_.back().distance;
        return true;
    }

private:
    std::size_t k_;
    double smallest_, largest_; ///< squared
    bool itself_;
    std::int64_t self_ = -1;
    double worst_ = 0;
    std::vector<Neighbour> best_;
};

} // namespace ptk::data
