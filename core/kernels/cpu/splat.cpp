#include "kernels/cpu/splat.h"

#include "kernels/cpu/splat_loops.inl"

#include <algorithm>
#include <utility>
#include <vector>

namespace ptk::kernels::cpu {

const SplatLoops& splat_avx2();
const SplatLoops& splat_avx512();

const SplatLoops& splat_loops(InstructionSet set)
{
    static constexpr SplatLoops portable = table_of(InstructionSet::Portable);
    return *choose(set, &portable, &splat_avx2(), &splat_avx512());
}

namespace {

/// A row of a patch times its weights. One pixel of zeros stands before and after, so that the blend has no ends to
/// care for.
struct Row {
    double* sum;    ///< 2 (side + 2)
    double* weight; ///< side + 2
};

void clear_row(std::int64_t side, const Row& row)
{
    std::fill_n(row.sum, 2 * (side + 2), 0.0);
    std::fill_n(row.weight, side + 2, 0.0);
}

class Splatter {
public:
    Splatter(const SplatPatches& patches, const SplatCanvas& canvas, InstructionSet set)
        : loops_(splat_loops(set)), patches_(patches), canvas_(canvas),
          work_(static_cast<std::size_t>(6 * (patches.side + 2)), 0.0)
    {
        const auto padded = patches.side + 2;
        current_ = {work_.data(), work_.data() + 2 * padded};
        above_ = {work_.data() + 3 * padded, work_.data() + 5 * padded};
    }

    /// Rows [begin, end) of a patch on whole pixels.
    void copy(const SplatPlace& place, std::int64_t begin, std::int64_t end)
    {
        for (auto y = begin; y < end; ++y) {
            load(place.patch, y);
            const auto target = (place.row + y) * canvas_.width + place.column;
            loops_.add(canvas_.sum + 2 * target, current_.sum + 2, 2 * patches_.side);
            loops_.add(canvas_.weight + target, current_.weight + 1, patches_.side);
        }
    }

    /// Rows [begin, end) of what a patch at fractions leaves on the canvas: one row and column more than it has.
    void spread(const SplatPlace& place, std::int64_t begin, std::int64_t end)
    {
        const auto columns = patches_.side + (place.fraction_x > 0 ? 1 : 0);
        const double fx = place.fraction_x;
        const double fy = place.fraction_y;
        const SplatShares share{(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx};
        load(place.patch, begin - 1);
        for (auto y = begin; y < end; ++y) {
            std::swap(above_, current_);
            load(place.patch, y);
            const auto target = (place.row + y) * canvas_.width + place.column;
            loops_.blend(canvas_.sum + 2 * target, current_.sum + 2, above_.sum + 2, 2 * columns, 2, share);
            loops_.blend(canvas_.weight + target, current_.weight + 1, above_.weight + 1, columns, 1, share);
        }
    }

private:
    /// Row y of a patch, or zeros outside it.
    void load(std::int64_t patch, std::int64_t y)
    {
        const auto side = patches_.side;
        if (y < 0 || y >= side)
            return clear_row(side, current_);
        loops_.load(patches_.values + 2 * (patch * side + y) * side,
                    patches_.weights + patch * patches_.weight_stride + y * side, side, current_.sum + 2,
                    current_.weight + 1);
    }

    const SplatLoops& loops_;
    const SplatPatches& patches_;
    const SplatCanvas& canvas_;
    std::vector<double> work_;
    Row current_{};
    Row above_{};
};

} // namespace

void splat_rows(const SplatPatches& patches, const SplatCanvas& canvas, std::int64_t row_begin, std::int64_t row_end,
                InstructionSet set)
{
    Splatter splatter(patches, canvas, set);
    for (std::int64_t i = 0; i < patches.count; ++i) {
        const auto& place = patches.places[i];
        const auto rows = patches.side + (place.fraction_y > 0 ? 1 : 0);
        const auto begin = std::max<std::int64_t>(row_begin - place.row, 0);
        const auto end = std::min(row_end - place.row, rows);
        if (begin >= end)
            continue;
        if (place.fraction_x > 0 || place.fraction_y > 0)
            splatter.spread(place, begin, end);
        else
            splatter.copy(place, begin, end);
    }
}

} // namespace ptk::kernels::cpu
