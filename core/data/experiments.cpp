#include "data/experiments.h"

#include "base/checksum.h"
#include "base/error.h"
#include "data/detector_steps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ptk::data {

namespace {

/// Frames of several sources, one after the other.
class JoinedFrames final : public Frames {
public:
    /// @param bad  (N, N) bool: pixels that are cleared, or undefined
    JoinedFrames(std::vector<FramesPtr> parts, at::Tensor bad) : parts_(std::move(parts)), bad_(std::move(bad))
    {
        for (const auto& part : parts_)
            ends_.push_back(size() + part->size());
    }
    std::int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
    std::int64_t side() const override { return parts_.front()->side(); }
    bool on_disk() const override
    {
        return std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->on_disk(); });
    }
    at::Tensor gather(const at::Tensor& indices) const override
    {
        auto all = at::empty({indices.size(0), side(), side()}, at::kFloat);
        std::int64_t begin = 0;
        for (std::size_t i = 0; i < parts_.size(); begin = ends_[i++]) {
            const auto places = at::nonzero(indices.ge(begin).logical_and(indices.lt(ends_[i]))).flatten();
            if (places.size(0) > 0)
                all.index_copy_(0, places, parts_[i]->gather(indices.index_select(0, places) - begin));
        }
        return bad_.defined() ? all.masked_fill_(bad_, 0) : all;
    }

private:
    std::vector<FramesPtr> parts_;
    std::vector<std::int64_t> ends_;
    at::Tensor bad_;
};

void require_same(const Scan& first, const Scan& other)
{
    require(other.side() == first.side(), Status::Shape,
            "{0}: frames of shape ({2}, {1}, {1}), but those of {3} have shape ({5}, {4}, {4})", other.source,
            other.side(), other.size(), first.source, first.side(), first.size());
    require(other.measurement == first.measurement, Status::Format,
            "{}: its frames hold {}, but those of {} hold {}; say by data.measurement what all of them hold",
            other.source, measurement_name(other.measurement), first.source, measurement_name(first.measurement));
}

/// Positions side by side: each begins a gap behind the one before.
/// @param shifts  of each, out
at::Tensor placed(const std::vector<Scan>& scans, std::vector<double>& shifts)
{
    std::vector<at::Tensor> positions;
    double left = 0;
    for (const auto& scan : scans) {
        const double low = scan.positions.select(1, 0).min().item<double>();
        const double extent = scan.positions.select(1, 0).max().item<double>() - low;
        if (positions.empty())
            left = low;
        // Whole pixels: the fraction of a position stays, and with it how the probe is shifted.
        shifts.push_back(positions.empty() ? 0 : std::ceil(left - low));
        positions.push_back(scan.positions + at::tensor({shifts.back(), 0.0}, at::kDouble));
        left += extent + std::max(4.0 * static_cast<double>(scan.side()), 2 * extent);
    }
    return at::cat(positions);
}

} // namespace

Scan join_scans(std::vector<Scan> scans, std::string source, Log& log)
{
    require(!scans.empty(), Status::InvalidArgument, "{}: no experiments", source);
    auto all = scans.front();
    if (scans.size() == 1)
        return all;
    std::vector<FramesPtr> frames;
    std::vector<at::Tensor> numbers;
    for (const auto& scan : scans) {
        require_same(all, scan);
        frames.push_back(scan.frames);
        numbers.push_back(at::full({scan.size()}, static_cast<std::int64_t>(numbers.size()), at::kLong));
        all.bad_pixels = bad_in_either(all.bad_pixels, scan.bad_pixels);
        all.experiments.push_back({scan.source, experiment_mark(scan), scan.probe, scan.geometry, scan.object});
    }
    all.source = std::move(source);
    all.frames = std::make_shared<JoinedFrames>(std::move(frames), all.bad_pixels);
    std::vector<double> shifts;
    all.positions = placed(scans, shifts);
    for (std::size_t i = 0; i < shifts.size(); ++i)
        all.experiments[i].shift_x = shifts[i];
    all.experiment_of = at::cat(numbers);
    all.object = all.labels = at::Tensor();
    all.notes = {fmt::format("{} experiments, each with its own probe, lie side by side in x, far enough apart that "
                             "none overlap; each keeps its own object",
                             scans.size())};
    log.info("data", "{}: {}", all.source, all.notes.front());
    for (const auto& scan : scans)
        for (const auto& note : scan.notes)
            all.notes.push_back(scan.source + ": " + note);
    check_scan(all);
    return all;
}

void require_one_experiment(const Scan& scan)
{
    require(scan.experiments.empty(), Status::InvalidConfig,
            "{}: {} experiments, which have objects and probes of their own; take them one by one, the first is {} (a "
            "model that was trained on all of them knows the probe of each; a folder can be written of all)",
            scan.source, scan.experiments.size(), scan.experiments.empty() ? "" : scan.experiments.front().source);
}

std::int64_t experiment_count(const Scan& scan)
{
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(scan.experiments.size()));
}

at::Tensor frames_of_experiment(const Scan& scan, std::int64_t number)
{
    return scan.experiment_of.defined() ? at::nonzero(scan.experiment_of.eq(number)).flatten()
                                        : at::arange(scan.size(), at::kLong);
}

Scan experiment(const Scan& scan, std::int64_t number)
{
    if (scan.experiments.empty())
        return scan;
    auto one = subset(scan, frames_of_experiment(scan, number));
    const auto& known = scan.experiments[static_cast<std::size_t>(number)];
    one.source = known.source;
    one.probe = known.probe;
    one.geometry = known.geometry;
    if (number > 0)
        one.position_origin_m.reset(); // it was moved
    one.experiments.clear();
    one.experiment_of = at::Tensor();
    return one;
}

Scan apart(const Scan& scan, std::int64_t number)
{
    auto one = experiment(scan, number);
    if (scan.experiments.empty())
        return one;
    const auto& known = scan.experiments[static_cast<std::size_t>(number)];
    one.positions = one.positions - at::tensor({known.shift_x, 0.0}, at::kDouble);
    one.object = known.object;
    return one;
}

at::Tensor experiments_of(const Scan& scan, const at::Tensor& frames)
{
    return scan.experiment_of.defined() ? scan.experiment_of.index_select(0, frames.reshape({-1})).view(frames.sizes())
                                        : at::zeros_like(frames);
}

std::string experiment_mark(const Scan& scan)
{
    const auto positions = scan.positions.to(at::kCPU, at::kDouble).contiguous();
    const auto n = scan.size();
    const auto frames = scan.frames->gather(at::tensor({std::int64_t{0}, n / 2, n - 1}, at::kLong)).contiguous();
    const auto sum = base::checksum(frames.const_data_ptr(), frames.nbytes(),
                                    base::checksum(positions.const_data_ptr(), positions.nbytes()));
    return fmt::format("{} frames of {} x {}, {:016x}", n, scan.side(), scan.side(), sum);
}

} // namespace ptk::data
