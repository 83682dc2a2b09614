#pragma once
#include "data/scan.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ptk::reconstruction {

/// A reconstructed object with what belongs to it, in the frame of the scan's positions.
struct Result {
    at::Tensor object;         ///< (H, W) complex64
    at::Tensor coverage;       ///< (H, W) float32: sum of weights; 0 where no frame reached
    at::Tensor probe;          ///< (M, N, N) complex64, sqrt(counts)
    at::Tensor positions;      ///< (n, 2) float64, (x, y), as used (refined when asked for)
    std::int64_t origin_x = 0; ///< pixel (r, c) of the object is at (x, y) = (origin_x + c, origin_y + r)
    std::int64_t origin_y = 0;
    std::int64_t dropped = 0;                      ///< patches that did not fit
    double object_pixel_m = 0;                     ///< 0 when unknown
    std::vector<double> fourier_errors{};          ///< refinement: per epoch, over the updated frames
    std::vector<double> held_out_fourier_errors{}; ///< refinement: per epoch, over the frames left out
};

/// One HDF5 file, atomically: object, coverage, probe, positions, errors, with units as attributes; the layout is in
/// the header of result.cpp.
void save_result(const Result& result, const std::string& path);
/// @throws Error(Io | Format)
Result load_result(const std::string& path);

} // namespace ptk::reconstruction
