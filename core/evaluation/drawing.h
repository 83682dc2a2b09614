#pragma once
#include "evaluation/png.h"

#include <string_view>

namespace ptk::evaluation {

/// A place in a picture: x to the right, y down, whole numbers at pixel centres.
struct Place {
    double x = 0;
    double y = 0;
};

/// Rows and columns [top, bottom) and [left, right).
void fill(Raster& picture, std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right, Rgb colour);

/// A line with round ends and soft edges. Parts outside the picture are cut off.
void draw_line(Raster& picture, Place from, Place to, double thickness, Rgb colour);

/// Text in 5 x 7 dots of @p dot pixels, 6 dots from letter to letter; (left, top) is the upper left corner of the first
/// letter. Printable ASCII; other characters are boxes.
void draw_text(Raster& picture, std::int64_t left, std::int64_t top, std::string_view text, int dot, Rgb colour);
/// Pixels from the left of the first to the right of the last letter.
std::int64_t text_width(std::string_view text, int dot);

} // namespace ptk::evaluation
