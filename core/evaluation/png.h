#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ptk::evaluation {

struct Rgb {
    std::uint8_t red = 0;
    std::uint8_t green = 0;
    std::uint8_t blue = 0;
    bool operator==(const Rgb&) const = default;
};

/// A picture of 8-bit colours, row by row from the top.
class Raster {
public:
    /// @throws Error(InvalidArgument) for a side below 1 or above 65535
    Raster(std::int64_t height, std::int64_t width, Rgb background);

    std::int64_t height() const noexcept { return height_; }
    std::int64_t width() const noexcept { return width_; }
    /// No check of the bounds.
    Rgb& at(std::int64_t row, std::int64_t column) { return pixels_[static_cast<std::size_t>(row * width_ + column)]; }
    const Rgb& at(std::int64_t row, std::int64_t column) const
    {
        return pixels_[static_cast<std::size_t>(row * width_ + column)];
    }
    bool contains(std::int64_t row, std::int64_t column) const noexcept
    {
        return row >= 0 && row < height_ && column >= 0 && column < width_;
    }
    const std::vector<Rgb>& pixels() const noexcept { return pixels_; }
    /// Every pixel is a grey.
    bool is_grey() const;

private:
    std::int64_t height_, width_;
    std::vector<Rgb> pixels_;
};

/// The picture as a PNG file, written atomically; one channel when it is grey, else three.
/// @throws Error(Io) naming the path
void write_png(const Raster& picture, const std::string& path);

} // namespace ptk::evaluation
