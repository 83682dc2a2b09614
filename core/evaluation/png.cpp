#include "evaluation/png.h"

#include "base/atomic_file.h"
#include "base/error.h"

#include <png.h>

#include <algorithm>

namespace ptk::evaluation {

static_assert(sizeof(Rgb) == 3, "rows of pixels are handed to libpng as they are");

Raster::Raster(std::int64_t height, std::int64_t width, Rgb background) : height_(height), width_(width)
{
    constexpr std::int64_t most = 65535;
    require(height > 0 && width > 0 && height <= most && width <= most, Status::InvalidArgument,
            "picture: {} x {} pixels, expected 1 to {} on each side", height, width, most);
    pixels_.assign(static_cast<std::size_t>(height * width), background);
}

bool Raster::is_grey() const
{
    return std::all_of(pixels_.begin(), pixels_.end(),
                       [](const Rgb& p) { return p.red == p.green && p.green == p.blue; });
}

void write_png(const Raster& picture, const std::string& path)
{
    const bool grey = picture.is_grey();
    std::vector<std::uint8_t> levels;
    if (grey)
        for (const Rgb& pixel : picture.pixels())
            levels.push_back(pixel.red);

    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    header.width = static_cast<png_uint_32>(picture.width());
    header.height = static_cast<png_uint_32>(picture.height());
    header.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    const void* pixels = grey ? static_cast<const void*>(levels.data()) : picture.pixels().data();
    // Encoded in memory: libpng never touches the disk, so that every error of the disk is found and named by the
    // atomic writer.
    std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
    png_alloc_size_t size = bytes.size();
    const int done = png_image_write_to_memory(&header, bytes.data(), &size, 0, pixels, 0, nullptr);
    require(done != 0, Status::Internal, "{}: libpng: {}", path, header.message);
    bytes.resize(size);
    base::write_text(path, bytes);
}

} // namespace ptk::evaluation
