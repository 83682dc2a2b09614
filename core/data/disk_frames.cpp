#include "data/disk_frames.h"

#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

namespace ptk::data {

namespace {

class DiskFrames final : public Frames {
public:
    DiskFrames(FrameRowsPtr source, std::string path, std::string key, DetectorSteps steps)
        : source_(std::move(source)), path_(std::move(path)), key_(std::move(key)), shape_(source_->shape()),
          steps_(std::move(steps)), side_(steps_.side_after(shape_[1], shape_[2], path_, key_))
    {
    }
    std::int64_t size() const override { return shape_[0]; }
    std::int64_t side() const override { return side_; }
    bool on_disk() const override { return true; }

    at::Tensor gather(const at::Tensor& indices) const override
    {
        const auto [sorted, order] = indices.sort();
        auto frames = at::empty({indices.size(0), side(), side()}, at::kFloat);
        const auto* row = sorted.const_data_ptr<std::int64_t>();
        const auto count = indices.size(0);
        for (std::int64_t begin = 0; begin < count;) {
            std::int64_t end = begin + 1;
            while (end < count && row[end] <= row[end - 1] + 1) // overlapping groups ask for a frame more than once
                ++end;
            const auto block = rows(row[begin], row[end - 1] + 1);
            frames.index_copy_(0, order.slice(0, begin, end),
                               block.index_select(0, sorted.slice(0, begin, end) - row[begin]));
            begin = end;
        }
        return frames;
    }

private:
    at::Tensor rows(std::int64_t first, std::int64_t end) const
    {
        auto block = source_->rows(first, end).to(at::kFloat);
        if (steps_.bad.defined())
            block.masked_fill_(steps_.bad, 0); // bad pixels may hold anything
        block = checked(std::move(block), first);
        return steps_.nothing() ? block : steps_.apply(std::move(block));
    }

    at::Tensor checked(at::Tensor block, std::int64_t first) const
    {
        require(at::isfinite(block).all().item<bool>(), Status::Format,
                "{}: '{}' has NaN or infinite values in frames {} to {}", path_, key_, first,
                first + block.size(0) - 1);
        require(block.min().item<float>() >= 0, Status::Format, "{}: '{}' has negative values in frames {} to {}",
                path_, key_, first, first + block.size(0) - 1);
        return block;
    }

    FrameRowsPtr source_;
    std::string path_;
    std::string key_;
    std::vector<std::int64_t> shape_;
    DetectorSteps steps_;
    std::int64_t side_;
};

} // namespace

FramesPtr frames_on_disk(FrameRowsPtr rows, std::string path, std::string key, DetectorSteps steps)
{
    return std::make_shared<DiskFrames>(std::move(rows), std::move(path), std::move(key), std::move(steps));
}

} // namespace ptk::data
