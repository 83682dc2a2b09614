#include "base/error.h"
#include "data/groups.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace ptk::data {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double isotropic_reach = 10; ///< pixels, PtychoPINN's
constexpr double rectangular_reach = 12;
constexpr double line_low = -0.7, line_high = 2; ///< pixels: what counts as the frame's own line
constexpr double lines_below = -2;

using Members = std::array<std::int64_t, 4>;
using Lists = std::array<std::vector<std::int64_t>, 4>;

/// Limits of the quadrants.
struct Quadrants {
    double reach;     ///< |dx| below it
    double upper_low; ///< upper quadrants: upper_low < dy < upper_high
    double upper_high;
    double lower_high; ///< lower quadrants: dy < lower_high

    Quadrants(bool rectangular, Rules rules)
        : reach(rules == Rules::Ours ? infinite
                : rectangular        ? rectangular_reach
                                     : isotropic_reach),
          upper_low(rectangular ? line_low : 0), upper_high(rectangular ? line_high : reach),
          lower_high(rectangular ? lines_below : 0)
    {
    }

    /// 0 to 3 in the order of a group, or -1.
    int of(double dx, double dy) const
    {
        if (dx == 0 || std::abs(dx) >= reach)
            return -1;
        const int side = dx > 0 ? 1 : 0;
        if (dy > upper_low && dy < upper_high)
            return side;
        return dy < lower_high ? 2 + side : -1;
    }
};

/// One search with what is the same for all frames.
class Finder {
public:
    Finder(const at::Tensor& positions, const at::Tensor& centres, const QuadrantGroups& options, Rules rules)
        : ours_(rules == Rules::Ours), quadrants_(options.rectangular, rules), smallest_(options.smallest),
          largest_(options.largest), xy_(positions.to(at::kCPU, at::kDouble).contiguous()),
          centres_(centres.cpu().contiguous()),
          near_(ours_ ? neighbours_within(positions, centres, options.neighbours,
                                          {options.smallest, options.largest, /*itself=*/false})
                      : neighbours_within(positions, centres, options.neighbours + 1, {}))
    {
    }

    std::int64_t centre(std::int64_t row) const { return centres_.const_data_ptr<std::int64_t>()[row]; }
    /// What the rules take for the index of the frame itself.
    std::int64_t self(std::int64_t row) const { return ours_ ? centre(row) : row; }

    /// The frames in each quadrant, then the frame itself. False when it makes no group.
    bool find(std::int64_t row, Lists& lists) const
    {
        const auto* xy = xy_.const_data_ptr<double>();
        const auto* near = near_.const_data_ptr<std::int64_t>() + row * near_.size(1);
        const auto middle = centre(row);
        for (auto& list : lists)
            list.clear();
        bool any = false;
        for (std::int64_t k = 0; k < near_.size(1) && near[k] >= 0; ++k) {
            const auto other = near[k];
            const double dx = xy[2 * other] - xy[2 * middle], dy = xy[2 * other + 1] - xy[2 * middle + 1];
            const double distance = std::sqrt(dx * dx + dy * dy);
            if (other == self(row) || distance < smallest_ || distance >= largest_)
                continue;
            any = true;
            if (const int quadrant = quadrants_.of(dx, dy); quadrant >= 0)
                lists[quadrant].push_back(other);
        }
        const auto empty = std::count_if(lists.begin(), lists.end(), [](const auto& list) { return list.empty(); });
        for (auto& list : lists)
            list.push_back(middle);
        return any && empty < 2;
    }

private:
    bool ours_;
    Quadrants quadrants_;
    double smallest_, largest_;
    at::Tensor xy_, centres_, near_;
};

/// One of each list, @p self at most once. Three lists hold something else, so that this ends.
Members draw(const Lists& lists, std::int64_t self, base::Choices& choices)
{
    Members members;
    do {
        for (std::size_t q = 0; q < 4; ++q)
            members[q] = lists[q][choices.below(static_cast<std::int64_t>(lists[q].size()))];
    } while (std::count(members.begin(), members.end(), self) > 1);
    return members;
}

} // namespace

at::Tensor quadrant_groups(const at::Tensor& positions, const at::Tensor& centres, const QuadrantGroups& options,
                           base::Choices& choices, Rules rules)
{
    require(options.neighbours >= 4 && options.samples >= 1, Status::InvalidConfig,
            "scan.quadrant_neighbours = {} and scan.samples = {}: expected at least 4 and 1", options.neighbours,
            options.samples);
    require(options.smallest >= 0 && options.smallest <= options.largest, Status::InvalidConfig,
            "scan.min_distance = {} and scan.max_distance = {}: expected 0 <= min <= max", options.smallest,
            options.largest);
    require(centres.defined(), Status::InvalidArgument, "quadrant groups: no centres");
    const Finder finder(positions, centres, options, rules);
    std::vector<std::int64_t> all;
    all.reserve(static_cast<std::size_t>(4 * centres.numel()));
    Lists lists;
    for (std::int64_t row = 0; row < centres.numel(); ++row) {
        if (!finder.find(row, lists))
            continue;
        for (std::int64_t sample = 0; sample < options.samples; ++sample) {
            const auto members = draw(lists, finder.self(row), choices);
            all.insert(all.end(), members.begin(), members.end());
        }
    }
    require(!all.empty(), Status::Shape,
            "none of {} frames has neighbours in three quadrants at {} to {} pixels from it; change scan.min_distance, "
            "scan.max_distance or scan.pattern",
            centres.numel(), options.smallest, options.largest);
    return at::tensor(at::ArrayRef<std::int64_t>(all), at::kLong).view({-1, 4});
}

} // namespace ptk::data
