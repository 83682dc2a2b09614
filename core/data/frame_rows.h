#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ptk::data {

class Hdf5File;

/// Frames as they are in a source that may be larger than memory, read in runs along their first axis. Threads:
/// concurrent calls are allowed. What is read is what the whole array would hold, in the same type.
class FrameRows {
public:
    virtual ~FrameRows() = default;
    virtual std::vector<std::int64_t> shape() const = 0;
    virtual at::ScalarType type() const = 0;
    /// Rows [first, end). @throws Error(Io | Format | OutOfMemory) naming file and array
    virtual at::Tensor rows(std::int64_t first, std::int64_t end) const = 0;
    /// The files they are read from.
    virtual std::vector<std::string> files() const = 0;
};

using FrameRowsPtr = std::shared_ptr<const FrameRows>;

/// A dataset. Links to other files are followed, but files() names this one only.
FrameRowsPtr hdf5_rows(std::shared_ptr<const Hdf5File> file, std::string path, std::string key);

/// An array of an NPZ, unpacked as a stream: fast from the first row to the last, any step back begins anew. One in
/// Fortran's order is read whole with the first rows. @throws Error as Npz::open() and Npz::header()
FrameRowsPtr npz_rows(const std::string& path, const std::string& key);

/// One after the other; all have three axes and the same sides. float32 when their types differ, which is what frames
/// become anyway.
FrameRowsPtr joined_rows(std::vector<FrameRowsPtr> parts);

/// (h, w, n) turned into (n, h, w): read whole with the first rows.
FrameRowsPtr frames_last_rows(FrameRowsPtr frames);

} // namespace ptk::data
