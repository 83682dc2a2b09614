#pragma once
#include "data/scan.h"

#include <string>

namespace ptk::data {

/// Formats that scans are written in; read_scan() reads all of them.
enum class ScanFormat {
    Npz,       ///< PtychoPINN's keys: diff3d, xcoords, ycoords (and *_start), probeGuess, objectGuess, scan_index;
               ///< bad_pixels, _metadata
    Cxi,       ///< HDF5 in CXI layout; positions in metres, so the object pixel has to be known
    Ptychodus, ///< a folder with diffraction.h5 and product-in.h5; in metres too
    Folder,    ///< that of ptychodus for one experiment; of several one with an NPZ file of each, in their order
};

/// "npz", "cxi" or "ptychodus"; "auto" goes by the name: .npz; .cxi, .h5 and .hdf5; a name without a suffix is a
/// folder, of ptychodus unless the scan holds several experiments.
/// @throws Error(InvalidArgument) for another name or suffix
ScanFormat scan_format(const std::string& name, const std::string& path);

/// Write a whole scan, of several experiments as Folder alone. Its name holds the old content or the whole new one; a
/// folder is made anew. Whole counts are stored as uint16 or int32, all else as float32; frames of HDF5 are compressed
/// with gzip.
/// @throws Error(Io); Error(Exists) for a folder that is there; Error(InvalidArgument) when a format in metres lacks
/// the object pixel or ptychodus a
///         probe; Error(OutOfMemory): NPZ takes all frames at once
void write_scan(const Scan& scan, const std::string& path, ScanFormat format);

} // namespace ptk::data
