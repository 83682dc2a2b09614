#pragma once
#include "config/config.h"
#include "data/scan.h"
#include "generators/generator.h"

#include <cstdint>

namespace ptk::training {

/// The frames of a scan that are trained on and those that only measure the training. Both sorted, int64.
struct FrameSplit {
    at::Tensor training;
    at::Tensor validation;
};

/// round(fraction * frames) frames, drawn at random from the stream "validation", are kept out; one is always left to
/// train on.
FrameSplit split_frames(std::int64_t frames, double fraction, std::uint64_t seed);

/// How frames are put together (options scan.*).
struct Grouping {
    enum class Kind { Tile, Nearest, Single, MinDistance, Quadrant, RawData };
    Kind kind = Kind::Tile;
    std::int64_t size = 16; ///< G
};

/// What the options mean for a generator: one that takes groups decides on their size; for 'auto' such a one gets
/// PtychoPINN's random draws and the others tiles of 16.
/// @throws Error(InvalidConfig) when options and generator contradict each other
Grouping resolve_grouping(const config::Settings& settings, const generators::Generator& generator);

/// Groups of training frames, none of them of several experiments: rows of indices into the whole scan, (groups, G)
/// int64. Random draws come from the stream "grouping"; with compat = "ptychopinn" from NumPy's generator, and by the
/// reference's rules. Some kinds leave frames out that have no fitting neighbours, or that were not asked for.
/// @throws Error(Shape) when there are fewer training frames than a group needs
at::Tensor training_groups(const data::Scan& scan, const FrameSplit& split, const Grouping& grouping,
                           const config::Settings& settings);

/// For each validation frame (at most @p limit of them, evenly chosen) the frame itself followed by its nearest G - 1
/// of the whole scan.
/// @return (k, G) int64; k = 0 without validation frames
at::Tensor validation_groups(const data::Scan& scan, const FrameSplit& split, std::int64_t group_size,
                             std::int64_t limit);

/// The order in which groups are trained on: random, each once before any comes again. A pure function of seed and
/// place, so that training can go on anywhere.
class GroupOrder {
public:
    GroupOrder(std::int64_t groups, std::uint64_t seed) : groups_(groups), seed_(seed) {}

    /// Indices of the groups at places [first, first + count) of the endless order. @return (count) int64
    at::Tensor take(std::int64_t first, std::int64_t count);

private:
    const std::vector<std::int64_t>& cycle(std::int64_t number);

    std::int64_t groups_;
    std::uint64_t seed_;
    std::int64_t current_ = -1;
    std::vector<std::int64_t> order_;
};

} // namespace ptk::training
