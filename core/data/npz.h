#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ptk::data {

/// A NumPy archive (.npz). Reads plain numbers and texts; object arrays (pickle) are refused by name, nothing is ever
/// executed.
class Npz {
public:
    /// @throws Error(Io) missing; Error(Format) not an archive or truncated
    static Npz open(const std::string& path);
    ~Npz();
    Npz(Npz&&) noexcept;
    Npz& operator=(Npz&&) noexcept;

    std::vector<std::string> names() const; ///< without ".npy", in archive order
    bool has(const std::string& name) const;

    /// What the header of an entry says; the data is not read.
    struct Header {
        std::string type; ///< NumPy's, e.g. "<f4"
        std::vector<std::int64_t> shape;
        bool fortran_order = false;
    };
    Header header(const std::string& name) const;

    /// An array of numbers or booleans (as uint8), any byte order and order of axes; uint32 becomes int64, uint64 int64
    /// when it fits, float16 float32. Sizes are checked against the archive before memory is taken. @throws
    /// Error(Format) object array, other dtype, truncated
    at::Tensor read(const std::string& name) const;
    /// A text: 0-d or 1-element array of type U or S.
    std::string read_text(const std::string& name) const;

private:
    struct Impl;
    explicit Npz(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// One array of an archive, in C order, read from its first row to its last without the whole of it in memory. One
/// caller at a time.
class NpzRows {
public:
    /// @throws Error as Npz::open() and Npz::read(); Error(Format) for Fortran's order
    static NpzRows open(const std::string& path, const std::string& name);
    ~NpzRows();
    NpzRows(NpzRows&&) noexcept;
    NpzRows& operator=(NpzRows&&) noexcept;

    const std::vector<std::int64_t>& shape() const;
    /// The next rows; with the last of them the archive's checksum is compared. @throws Error(Format) damaged,
    /// truncated
    at::Tensor next(std::int64_t count);

private:
    struct Impl;
    explicit NpzRows(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A single .npy file, by the same rules.
at::Tensor read_npy(const std::string& path);

/// Write an uncompressed .npz atomically (names without ".npy"). @param texts  ASCII, stored as 0-d arrays of type U
void write_npz(const std::string& path, const std::vector<std::pair<std::string, at::Tensor>>& arrays,
               const std::vector<std::pair<std::string, std::string>>& texts = {});

} // namespace ptk::data
