#pragma once
#include "data/frames.h"
#include "data/measurement.h"
#include "data/propagation.h"

#include <optional>
#include <string>
#include <vector>

namespace ptk::data {

/// Lengths of the experiment, where the file states them.
struct Geometry {
    std::optional<double> energy_j{};
    std::optional<double> distance_m{};
    std::optional<double> detector_pixel_m{};
    std::optional<double> object_pixel_m{}; ///< far_field_pixel_m() when not stated

    /// wavelength * distance / (N * detector pixel): the object pixel of N x N frames in the far field; empty when one
    /// of the lengths is.
    std::optional<double> far_field_pixel_m(std::int64_t side) const;
};

/// One of several experiments in one scan, see experiments.h.
struct Experiment {
    std::string source;
    std::string mark; ///< see experiment_mark()
    at::Tensor probe; ///< as Scan::probe
    Geometry geometry{};
    at::Tensor object{}; ///< as Scan::object, for its own positions
    double shift_x = 0;  ///< what its positions were moved by
};

/// One scanning diffraction experiment, in the library's frame: positions (x, y) = (column, row) of the patch centre in
/// object pixels; the patch of (x, y) covers columns [x - N/2, x + N/2) and rows [y - N/2, y + N/2).
struct Scan {
    std::string source; ///< file, or "arrays"
    FramesPtr frames;   ///< n frames of N x N
    Measurement measurement = Measurement::Counts;
    at::Tensor positions; ///< (n, 2) float64, CPU
    at::Tensor probe;     ///< (modes, N, N) complex64, CPU; undefined when the file has none
    at::Tensor
        object; ///< (H, W) complex64, CPU; undefined when the file has none. All ones: only the frame of the object
    at::Tensor labels{}; ///< (n, N, N) complex64, CPU: the object around each frame, where a supervised training asks
                         ///< for it and the file has it; else undefined
    at::Tensor bad_pixels{}; ///< (N, N) bool, CPU: pixels that say nothing and are zero in every frame; undefined when
                             ///< all are good
    Geometry geometry{};
    Propagation propagation{}; ///< from the object to the detector
    at::Tensor
        position_origin_m; ///< (2) float64: metres of position (0, 0), (x, y); undefined for positions given in pixels
    std::vector<std::string> notes{};      ///< what the reader decided or repaired, for 'info' and the log
    std::vector<Experiment> experiments{}; ///< what it is put together of; empty when it is one
    at::Tensor experiment_of{};            ///< (n) int64: which of them each frame is of; undefined when it is one

    std::int64_t size() const { return frames->size(); }
    std::int64_t side() const { return frames->side(); }
};

/// Check what must hold of every scan: counts of frames and positions, square frames, finite positions, probe and
/// object ranks and sides, at least one frame. @throws Error(Shape | Format) naming source and key
void check_scan(const Scan& scan);

/// The frames of @p indices as a scan of their own; nothing is copied but positions.
Scan subset(const Scan& scan, const at::Tensor& indices);

/// Indices of the scan points inside the given fractions of the x and y range, both ends included (PtychoPINN's bounds
/// filter).
at::Tensor inside_bounds(const at::Tensor& positions, std::pair<double, double> x, std::pair<double, double> y);

/// Amplitudes of a gathered batch: sqrt of counts or intensities, amplitudes as they are.
at::Tensor to_amplitude(const at::Tensor& frames, Measurement measurement);

/// Mean over frames of the sum over good pixels of the squared amplitude (= mean counts per frame), in double, read in
/// slabs.
double mean_power(const Scan& scan);

} // namespace ptk::data
