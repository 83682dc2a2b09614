#pragma once
#include "base/choices.h"
#include "data/neighbours.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

namespace ptk::data {

// Groups are rows of indices into the frames: (groups, G) int64. They depend on the positions and the draws only.

/// Whose rules: ours, or PtychoPINN's with what looks accidental there (compat = "ptychopinn"). With base::NumpyChoices
/// the latter gives the reference's groups draw for draw and leaves the generator where the reference's is.
enum class Rules { Ours, PtychoPinn };

/// One frame in each group. @param positions (n, 2) @return (n, 1)
at::Tensor single_groups(const at::Tensor& positions);

/// Tiles: every frame with its G - 1 nearest others, itself first, by distance. @return (n, G)
/// @throws Error(Shape) when there are fewer than G frames
at::Tensor tile_groups(const at::Tensor& positions, std::int64_t group_size);

/// PtychoPINN's 'Nearest': for each frame, @p samples random draws of C among itself and its K nearest, without
/// repetition; for C = 1 the frame itself, as often, without a draw.
/// @return (n * samples, C): all draws of the first frame, then those of the second ...
/// @throws Error(InvalidConfig) when C > K + 1; Error(Shape) when there are fewer than K + 1 frames
at::Tensor nearest_groups(const at::Tensor& positions, std::int64_t group_size, std::int64_t neighbours,
                          std::int64_t samples, base::Choices& choices);

/// PtychoPINN's 'Min_dist': groups of frames that are neither too close nor too far from each other.
struct DistanceGroups {
    std::int64_t size = 4;       ///< C
    std::int64_t neighbours = 6; ///< K: nearest frames inside the window that draws are made from
    std::int64_t samples = 1;    ///< groups around each frame
    double smallest = 0;         ///< window of the distance to the frame, pixels, both ends included
    double largest = std::numeric_limits<double>::infinity();
};
/// Ours: each frame followed by C - 1 of its K nearest others inside the window, drawn without repetition; a frame that
/// has fewer others there makes no group.
/// PtychoPINN: C of a list of K that holds every neighbour twice (the frame itself too, when the window begins at 0)
/// and is filled up with the index -1, which is the last frame.
/// @return (groups, C), those of the first frame first
/// @throws Error(InvalidConfig) for sizes that do not fit together; Error(Shape) when no frame makes a group
at::Tensor distance_groups(const at::Tensor& positions, const DistanceGroups& options, base::Choices& choices,
                           Rules rules);

/// PtychoPINN's '4_quadrant': around each frame one frame of each quadrant: (-x, +y), (+x, +y), (-x, -y), (+x, -y).
struct QuadrantGroups {
    std::int64_t neighbours = 30; ///< nearest frames that are sorted into quadrants
    std::int64_t samples = 1;     ///< groups around each frame
    double smallest = 0;          ///< distances d to the frame, smallest <= d < largest, pixels
    double largest = std::numeric_limits<double>::infinity();
    /// For raster scans: the upper two quadrants are the frame's own line (-0.7 < dy < 2 pixels), the lower two the
    /// lines below (dy < -2). Otherwise the signs of dx and dy decide.
    bool rectangular = false;
};
/// Frames on an axis between two quadrants are in none. The frame itself may stand for one quadrant and is the only
/// choice for an empty one; a frame with two empty quadrants makes no group. PtychoPINN: the nearest are counted before
/// the window is applied and include the frame; quadrants end at |dx| = 10 and dy = 10 (rectangular: 12 in x); and
/// where it means the frame itself it takes the frame's place in @p centres for its index, so that the frame may come
/// several times and another one is left out.
/// @param centres  (m) int64: the frames to make groups around; all frames may be members
/// @return (groups, 4)
/// @throws Error(InvalidConfig), Error(Shape) when no frame makes a group
at::Tensor quadrant_groups(const at::Tensor& positions, const at::Tensor& centres, const QuadrantGroups& options,
                           base::Choices& choices, Rules rules);

/// PtychoPINN's 'RawData' groups, which say how many there shall be, and of which the frame itself is no member.
struct CountedGroups {
    std::int64_t size = 4;       ///< C
    std::int64_t neighbours = 4; ///< K: nearest others that members are drawn from
    std::int64_t groups = 0;     ///< wanted; 0 = one around each frame
    bool sequential = false;     ///< around the first frames of the scan rather than random ones
    bool oversampling = false;   ///< allow more groups than frames
    std::int64_t pool = 0;       ///< K when there are more groups than frames; 0 = neighbours
};
/// min(groups, n) frames, each with a draw of C of its K nearest others (with the frame itself where the scan has fewer
/// others); for C = 1 these frames themselves. More groups than frames, when allowed: ours divides them evenly over the
/// frames and draws different sets around each, members by distance; PtychoPINN lists the sets of some random frames in
/// order and draws from that list.
/// With PtychoPINN's rules a sequential draw is to be made with seed 0, whatever the user's seed.
/// @return (groups, C)
/// @throws Error(InvalidConfig) when K < C, for more groups than frames without oversampling, or than there are
/// different ones;
///         Error(Shape) when there are fewer than C frames
at::Tensor counted_groups(const at::Tensor& positions, const CountedGroups& options, base::Choices& choices,
                          Rules rules);

/// Mean position of each group, (groups, 1, 2), and centre minus position, (groups, G, 2), in pixels, float64
/// (PtychoPINN's sign).
struct RelativePositions {
    at::Tensor centre;
    at::Tensor relative;
};
RelativePositions relative_positions(const at::Tensor& positions, const at::Tensor& groups);

} // namespace ptk::data
