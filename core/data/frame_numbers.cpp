#include "data/frame_numbers.h"

#include "base/error.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/floor.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>

namespace ptk::data {

void check_numbers(const at::Tensor& frames, std::int64_t first, const std::string& source, const std::string& key)
{
    const auto type = frames.scalar_type();
    if (type == at::kByte || type == at::kBool || type == at::kUInt16)
        return;
    const auto frame_of = [&](const at::Tensor& wrong) {
        return first + at::nonzero(wrong.flatten(1).any(1)).min().item<std::int64_t>();
    };
    if (!at::isfinite(frames).all().item<bool>())
        fail(Status::Format, "{}: '{}' has NaN or infinite values, first in frame {}; mask or repair these pixels",
             source, key, frame_of(~at::isfinite(frames)));
    if (frames.min().item<double>() < 0)
        fail(Status::Format,
             "{}: '{}' has negative values, first in frame {}; counts, intensities and amplitudes are not negative",
             source, key, frame_of(frames < 0));
}

bool has_fractions(const at::Tensor& frames)
{
    return frames.is_floating_point() && !at::floor(frames).eq(frames).all().item<bool>();
}

} // namespace ptk::data
