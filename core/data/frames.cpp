#include "data/frames.h"

#include "base/error.h"
#include "base/shape.h"
#include "data/gather.h"

#include <ATen/ops/index_select.h>

namespace ptk::data {

namespace {

class MemoryFrames final : public Frames {
public:
    explicit MemoryFrames(at::Tensor frames) : frames_(std::move(frames)) {}
    std::int64_t size() const override { return frames_.size(0); }
    std::int64_t side() const override { return frames_.size(1); }
    at::Tensor gather(const at::Tensor& indices) const override
    {
        if (!frames_.is_contiguous() || !can_gather(frames_.scalar_type()))
            return frames_.index_select(0, indices).to(at::kFloat);
        const auto pixels = side() * side();
        return gather_frames({frames_.const_data_ptr(), size(), side(),
                              pixels * static_cast<std::int64_t>(frames_.element_size()), frames_.scalar_type()},
                             indices);
    }

private:
    at::Tensor frames_;
};

class SubsetFrames final : public Frames {
public:
    SubsetFrames(FramesPtr all, at::Tensor indices) : all_(std::move(all)), indices_(std::move(indices)) {}
    std::int64_t size() const override { return indices_.size(0); }
    std::int64_t side() const override { return all_->side(); }
    at::Tensor gather(const at::Tensor& indices) const override
    {
        return all_->gather(indices_.index_select(0, indices));
    }
    bool on_disk() const override { return all_->on_disk(); }

private:
    FramesPtr all_;
    at::Tensor indices_;
};

} // namespace

FramesPtr frames_in_memory(at::Tensor frames)
{
    require(frames.dim() == 3 && frames.size(1) == frames.size(2), Status::Shape,
            "frames: expected shape (n, N, N), found {}", base::shape_of(frames));
    return std::make_shared<MemoryFrames>(std::move(frames));
}

FramesPtr frames_subset(FramesPtr all, at::Tensor indices)
{
    return std::make_shared<SubsetFrames>(std::move(all), std::move(indices));
}

} // namespace ptk::data
