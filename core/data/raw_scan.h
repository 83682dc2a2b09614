#pragma once
#include "base/log.h"
#include "config/config.h"
#include "data/scan.h"

#include <optional>
#include <string>
#include <vector>

namespace ptk::data {

/// What a reader found, before options, units and checks: every format fills one of these.
struct RawScan {
    std::string source;            ///< file, or "arrays"
    std::string frames_key;        ///< names in the source, for messages
    std::string x_key, y_key;
    std::string probe_key;
    std::string object_key;
    at::Tensor frames;             ///< 3-D, any real type; undefined when disk is set
    FramesPtr disk;                ///< frames that stay in their file
    at::Tensor x, y;               ///< 1-D positions, columns and rows
    bool metres = false;           ///< unit of x and y that the format implies
    at::Tensor probe;              ///< any rank; undefined when there is none
    at::Tensor object;             ///< undefined when there is none
    Geometry geometry{};
    std::optional<Measurement> stated{};  ///< what the source says the numbers are
    bool corner = false;           ///< the source says that the zero frequency is at index (0, 0)
    std::vector<std::string> notes{};
};

/// Apply the data.* options, bring everything into the library's frame and check it. The rules:
///  * layout: frame-first (n, h, w) or frame-last (h, w, n); 'auto' takes the one whose frames are square, then the one whose
///    count is the number of positions, then the one with fewer frames than positions (PtychoPINN's rule).
///  * measurement 'auto': what the source says; else whole numbers are counts and fractions amplitudes, with a note (of frames that stay in
///    their file the first 16 are looked at).
///  * more positions than frames: the surplus at the end is dropped with a note; fewer: Error(Shape).
///  * metres become pixels by data.pixel_size_m, else by wavelength * distance / (N * detector pixel); the smallest position then lies so
///    that its patch begins at pixel 1, and position_origin_m says where pixel 0 is.
Scan finish_scan(RawScan raw, const config::Settings& settings, Log& log);

/// What a text of a file ("photon counts", "amplitude = sqrt(counts)") says of the frames, if anything.
std::optional<Measurement> measurement_in_text(std::string text);

/// NPZ of PtychoPINN: frames 'diffraction' or 'diff3d', 'xcoords', 'ycoords', and, where they are there, 'probeGuess', 'objectGuess' and the JSON
/// text '_metadata' ("measurement" or "units", "dc"). An optional array saved as a Python object is left out with a note; a probe is not.
RawScan read_npz_scan(const std::string& path, const config::Settings& settings);

/// CXI: the first group entry_* that has frames (data_1/data or instrument_1/detector_1/data), translations in metres (x, y, z), the probe at
/// source_1/probe or source_1/illumination, energy, distance and detector pixel. An image_1 is not taken along: the file does not say how
/// it lies to the translations. A mask of bad pixels is not used, with a note.
RawScan read_cxi_scan(const std::string& path, const config::Settings& settings);

/// Kind of a file by its first bytes. @throws Error(Io) missing or not a file
enum class FileKind { Npz, Npy, Hdf5, Other };
FileKind file_kind(const std::string& path);

}  // namespace ptk::data
