#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "data/frame_rows.h"
#include "data/scan.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ptk::data {

class Hdf5File;

/// What a reader found, before options, units and checks: every format fills one of these.
struct RawScan {
    std::string source;     ///< file, or "arrays"
    std::string frames_key; ///< names in the source, for messages
    std::string x_key, y_key;
    std::string probe_key;
    std::string object_key;
    at::Tensor frames;   ///< 3-D, any real type; undefined when disk is set
    FrameRowsPtr disk;   ///< frames that stay in their file, for now
    at::Tensor rows;     ///< (k) int64: the frames that belong to the positions, in their order; undefined: all
    at::Tensor x, y;     ///< 1-D positions, columns and rows
    bool metres = false; ///< unit of x and y that the format implies
    at::Tensor probe;    ///< any rank; undefined when there is none
    at::Tensor object;   ///< undefined when there is none
    at::Tensor labels{}; ///< as frames, complex; undefined when there are none
    std::optional<std::array<double, 2>>
        object_origin_m{}; ///< (x, y) of the object's index (0, 0), for positions in metres
    at::Tensor bad_pixels; ///< (h, w) bool; undefined when there are none
    Geometry geometry{};
    Propagation propagation{};           ///< that the source states
    std::optional<Measurement> stated{}; ///< what the source says the numbers are
    bool corner = false;                 ///< the source says that the zero frequency is at index (0, 0)
    std::vector<std::string> notes{};

    std::vector<std::int64_t> frames_shape() const; ///< in memory or on disk
};

/// Apply the data.* options, bring everything into the library's frame and check it. The rules:
///  * layout: frame-first (n, h, w) or frame-last (h, w, n); 'auto' takes the one whose frames are square, then the one
///  whose
///    count is the number of positions, then the one with fewer frames than positions (PtychoPINN's rule).
///  * measurement 'auto': what the source says; else whole numbers are counts and fractions amplitudes, with a note (of
///  frames that stay in
///    their file the first 16 are looked at).
///  * more positions than frames: the surplus at the end is dropped with a note; fewer: Error(Shape).
///  * frames on disk become a frame store when data.store is set: see frame_store.h.
///  * the steps of detector_steps.h change frames and probe; where the object pixel changes, positions in pixels change
///  with it.
///  * physics.propagator, else what the source states, is how the wave reached the detector. In the near field with the
///    detector's pixels (Propagation::keeps_pixel()) the object pixel changes with data.bin alone.
///  * metres become pixels by data.pixel_size_m, else by wavelength * distance / (N * detector pixel) or, in the near
///    field, its pixel; the smallest
///  position then lies so
///    that its patch begins at pixel 1, or where the source says that its object lies, and position_origin_m says where
///    pixel 0 is.
Scan finish_scan(RawScan raw, const config::Settings& settings, Log& log, const Monitor& monitor = {});

/// What a text of a file ("photon counts", "amplitude = sqrt(counts)") says of the frames, if anything.
std::optional<Measurement> measurement_in_text(std::string text);

/// NPZ of PtychoPINN: frames 'diffraction' or 'diff3d', 'xcoords', 'ycoords', and, where they are there, 'probeGuess',
/// 'objectGuess' and the JSON text '_metadata' ("measurement" or "units", "dc", lengths in metres and joule as
/// write_scan() names them), 'bad_pixels'; for training.loss 'supervised' also the patches 'label' or 'Y'. An optional
/// array saved as a Python object is left out with a note; a probe is not.
RawScan read_npz_scan(const std::string& path, const config::Settings& settings);

/// CXI: the first group entry_* that has frames (data_1/data or instrument_1/detector_1/data), translations in metres
/// (x, y, z), the probe at source_1/probe or source_1/illumination, energy, distance and detector pixel, the mask of
/// bad pixels. An image_1 is taken along only when write_scan() noted how it lies to the translations.
RawScan read_cxi_scan(const std::string& path, const config::Settings& settings);

/// NPY with frames alone; data.positions, data.probe, data.object and data.mask name files (position_file.h).
RawScan read_npy_scan(const std::string& path, const config::Settings& settings);

/// HDF5 by the paths in data.frames, data.positions or data.positions_x and data.positions_y, data.probe, data.object,
/// data.mask; positions, probe and object may also be in files of their own (position_file.h), which then are named.
RawScan read_plain_hdf5_scan(const std::string& path, const config::Settings& settings);

/// ptychodus: frames of a diffraction file ('patterns', 'indexes', 'bad_pixels') with positions, probe and object of a
/// product; matched by their indexes, frames without a position left out, positions of one index averaged. A probe that
/// varies over the scan is its mean by 'opr_weights', a dataset of the root or an attribute of the probe.
RawScan read_ptychodus_scan(const std::string& diffraction, const std::string& product,
                            const config::Settings& settings);

/// PtyPy's .ptyd: all chunks of 'chunks', lengths of 'meta'. Positions are (row, column) in metres (PtyPy's core/xy.py
/// plots column 1 over column 0), the energy is in keV; pixels whose weight is zero in every frame are bad. With
/// meta/propagation "nearfield" the pixel is the object's and the way an angular spectrum.
RawScan read_ptyd_scan(const std::string& path, const config::Settings& settings);

/// Any of the four, told apart by what is in the file. The product of a diffraction file is data.product, or
/// product-out.h5, product-in.h5 or product.h5 beside it.
RawScan read_hdf5_scan(const std::string& path, const config::Settings& settings);

bool is_folder(const std::string& path);
/// What there is to read at a path: itself, or the NPZ files of a folder by their names, when it is none of ptychodus
/// (diffraction.h5). @throws Error(NotFound) for a folder without either, Error(Io)
std::vector<std::string> scans_at(const std::string& path);
RawScan read_ptychodus_folder(const std::string& path, const config::Settings& settings);

/// Frames of raw.frames_key, in memory or left in the file by data.memory_mib and data.store.
void read_hdf5_frames(RawScan& raw, const std::shared_ptr<const Hdf5File>& file, const config::Settings& settings);
/// Attributes of ours beside a format's own: 'propagator' of the frames and its lengths; none for the far field.
void write_propagation(Hdf5File& file, const std::string& frames, const Propagation& propagation);
/// The far field where nothing is said. @throws Error(Format) for a way that cannot be
Propagation read_propagation(const Hdf5File& file, const std::string& frames, const std::string& path);
/// A way that a file states. @throws Error(Format) beginning with @p where
Propagation checked_propagation(const std::string& propagator, double pixel_m, double wavelength_m, double distance_m,
                                const std::string& where);
/// A positive number, or nothing.
std::optional<double> positive_number(const Hdf5File& file, const std::string& name);

/// Kind of a file by its first bytes. @throws Error(Io) missing or not a file
enum class FileKind { Npz, Npy, Hdf5, Other };
FileKind file_kind(const std::string& path);

} // namespace ptk::data
