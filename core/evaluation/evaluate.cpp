#include "evaluation/evaluate.h"

#include "base/error.h"
#include "data/hdf5_file.h"
#include "data/readers.h"
#include "evaluation/images.h"

#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace ptk::evaluation {

namespace {

/// Pixels that two frames have in common, along one axis.
struct Span {
    std::int64_t from; ///< first in the image
    std::int64_t to;   ///< first in the frame
    std::int64_t length;
};

Span common(std::int64_t image_origin, std::int64_t image_length, std::int64_t frame_origin, std::int64_t frame_length)
{
    const auto begin = std::max(image_origin, frame_origin);
    const auto end = std::min(image_origin + image_length, frame_origin + frame_length);
    return {begin - image_origin, begin - frame_origin, std::max<std::int64_t>(end - begin, 0)};
}

struct Frame {
    Span rows;
    Span columns;
    std::int64_t height;
    std::int64_t width;
};

/// The image in another frame, zero where it has nothing.
at::Tensor moved(const at::Tensor& image, const Frame& frame)
{
    auto target = at::zeros({frame.height, frame.width}, image.options());
    if (frame.rows.length > 0 && frame.columns.length > 0)
        target.narrow(0, frame.rows.to, frame.rows.length)
            .narrow(1, frame.columns.to, frame.columns.length)
            .copy_(image.narrow(0, frame.rows.from, frame.rows.length)
                       .narrow(1, frame.columns.from, frame.columns.length));
    return target;
}

/// What counts: scanned, and inside the image.
at::Tensor scored_area(const reconstruction::Result& result, const Reference& reference, const Frame& frame)
{
    const auto inside = moved(at::ones_like(result.object, at::kBool), frame);
    if (result.positions.defined())
        return scanned_area(result.positions, frame.height, frame.width, reference.origin_x, reference.origin_y)
            .logical_and(inside);
    return result.coverage.defined() ? moved(result.coverage.gt(0), frame) : inside;
}

bool is_hdf5(const std::string& path)
{
    static const std::string signature = "\x89HDF\r\n\x1a\n";
    std::string begin(signature.size(), '\0');
    std::ifstream(path, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
    return begin == signature;
}

std::int64_t origin(const data::Hdf5File& file, const std::string& path, const char* name)
{
    const double value = file.number_attribute("/", name).value_or(0);
    require(std::abs(value) <= 1e12 && value == std::floor(value), Status::Format,
            "{}: attribute '{}' is {}; expected a whole number", path, name, value);
    return static_cast<std::int64_t>(value);
}

/// The object in the reference's frame, and where it is scored.
struct Compared {
    at::Tensor object;
    at::Tensor mask;
};

Compared compared(const reconstruction::Result& result, const Reference& reference)
{
    const auto height = reference.object.size(0);
    const auto width = reference.object.size(1);
    const Frame frame{common(result.origin_y, result.object.size(0), reference.origin_y, height),
                      common(result.origin_x, result.object.size(1), reference.origin_x, width), height, width};
    const auto mask = scored_area(result, reference, frame);
    require(mask.any().item<bool>(), Status::Shape,
            "reference: the object ({} x {} from x = {}, y = {}) has no scanned pixel in its frame ({} x {} from x = "
            "{}, y = {})",
            result.object.size(0), result.object.size(1), result.origin_x, result.origin_y, height, width,
            reference.origin_x, reference.origin_y);
    return {moved(result.object, frame), mask};
}

} // namespace

Reference read_reference(const std::string& path)
{
    Reference reference{.object = data::read_object(path)};
    if (is_hdf5(path)) {
        const auto file = data::Hdf5File::open(path);
        reference.origin_x = origin(file, path, "origin_x");
        reference.origin_y = origin(file, path, "origin_y");
    }
    return reference;
}

Scores evaluate(const reconstruction::Result& result, const Reference& reference)
{
    const auto [object, mask] = compared(result, reference);
    return compare(object, reference.object, mask);
}

PtychoPinnScores evaluate_as_ptychopinn(const reconstruction::Result& result, const Reference& reference,
                                        const PtychoPinnEvaluation& options)
{
    const auto [object, mask] = compared(result, reference);
    const auto box = bounding_box(mask.contiguous());
    return ptychopinn_scores(crop(object, box), crop(reference.object, box), options);
}

config::Json to_json(const Scores& s)
{
    return {{"complex_nrmse", s.complex_nrmse},
            {"amplitude_mae", s.amplitude_mae},
            {"phase_mae", s.phase_mae},
            {"amplitude_psnr", s.amplitude_psnr},
            {"phase_psnr", s.phase_psnr},
            {"amplitude_ssim", s.amplitude_ssim},
            {"phase_ssim", s.phase_ssim},
            {"frc_half", s.frc_half},
            {"amplitude_range", s.amplitude_range},
            {"phase_range", s.phase_range},
            {"shift_x", s.shift_x},
            {"shift_y", s.shift_y},
            {"frc", {{"frequency", s.frc.frequency}, {"correlation", s.frc.correlation}}}};
}

} // namespace ptk::evaluation
