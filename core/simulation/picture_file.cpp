#include "simulation/picture_file.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <vector>

namespace ptk::simulation {

namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

/// Linear brightness, 16 bits a pixel, over black where the picture is transparent.
Field read_png(const std::string& path)
{
    const auto bytes = base::read_text(path);
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    const auto damaged = [&] {
        const std::string why = header.message;
        png_image_free(&header);
        fail(Status::Format, "{}: not a whole PNG file: {}", path, why);
    };
    if (png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()) == 0)
        damaged();
    const auto height = static_cast<std::int64_t>(header.height), width = static_cast<std::int64_t>(header.width);
    // deflate makes at most 1032 bytes of one, and a pixel takes an eighth of one or more.
    const bool believable = height > 0 && width > 0 && height <= most_pixels / width &&
                            height * width <= static_cast<std::int64_t>(bytes.size()) * 8 * 1032;
    if (!believable)
        png_image_free(&header);
    require(believable, Status::Format, "{}: {} x {} pixels in {} bytes cannot be", path, height, width, bytes.size());
    header.format = PNG_FORMAT_LINEAR_Y;
    std::vector<std::uint16_t> levels(static_cast<std::size_t>(height * width));
    const png_color black{};
    if (png_image_finish_read(&header, &black, levels.data(), 0, nullptr) == 0 || PNG_IMAGE_FAILED(header))
        damaged();
    Field picture(height, width);
    std::copy(levels.begin(), levels.end(), picture.values.begin());
    return picture;
}

bool is_png(const std::string& path)
{
    data::file_kind(path); // whether it is there
    std::array<char, 8> bytes{};
    std::ifstream(path, std::ios::binary).read(bytes.data(), bytes.size());
    return std::string_view(bytes.data(), bytes.size()) == "\x89PNG\r\n\x1a\n";
}

} // namespace

std::optional<Field> read_picture(const std::string& path)
{
    if (is_png(path)) {
        auto picture = read_png(path);
        normalise(picture);
        return picture;
    }
    if (data::file_kind(path) != data::FileKind::Npy)
        return std::nullopt;
    const auto array = data::read_npy(path);
    if (array.is_complex() || array.dim() != 2)
        return std::nullopt;
    require(array.numel() > 0 && array.numel() <= most_pixels && at::isfinite(array).all().item<bool>(), Status::Format,
            "{}: a picture of 1 to {} finite numbers is expected", path, most_pixels);
    Field picture(array.size(0), array.size(1));
    const auto numbers = array.to(at::kDouble).contiguous();
    std::copy_n(numbers.const_data_ptr<double>(), numbers.numel(), picture.values.begin());
    normalise(picture);
    return picture;
}

} // namespace ptk::simulation
