#pragma once
#include "data/npz.h"

#include <cstdint>
#include <functional>
#include <string>

namespace ptk::data {

// The NPY format (NumPy enhancement proposal 1; versions 1.0, 2.0 and 3.0), apart from where its bytes come from.

/// Bytes of one array, read once from begin to end.
struct NpyBytes {
    std::string where;                                        ///< begins every message: "file.npz: 'key'"
    std::uint64_t size;                                       ///< bytes that there are, checked against the file
    std::function<void(void* out, std::uint64_t count)> read; ///< exactly count bytes, or Error(Format)
};

/// Header and bytes before the data. Shapes are non-negative and their product fits 63 bits.
/// @throws Error(Format) not NPY, a header that is no such dictionary, object arrays and records
struct NpyLayout {
    Npz::Header header;
    std::uint64_t data_offset = 0;
};
NpyLayout read_npy_layout(NpyBytes& bytes);

/// Header and numbers, by the rules of Npz::read(). @throws Error(Format | OutOfMemory)
at::Tensor read_npy_array(NpyBytes& bytes);

/// The rows of an array in C order, a run at a time, by the rules of Npz::read().
class NpyRows {
public:
    /// Reads the header. @throws Error(Format), also for Fortran's order and arrays without axes
    explicit NpyRows(NpyBytes bytes);
    const std::vector<std::int64_t>& shape() const { return layout_.header.shape; }
    /// @throws Error(Format | OutOfMemory); Error(InvalidArgument) beyond the last row
    at::Tensor next(std::int64_t count);
    bool at_end() const { return next_ == shape().front(); }

private:
    NpyBytes bytes_;
    NpyLayout layout_;
    std::int64_t next_ = 0;
};

/// The type that an array of this header is read as. @throws Error(Format) when it is not read
at::ScalarType npy_type(const Npz::Header& header, const std::string& where);

/// Header and one text (type U or S, 0-d or one element).
std::string read_npy_text(NpyBytes& bytes);

/// Magic, version and header of an array as NumPy writes them, padded to a multiple of 64 bytes.
/// @throws Error(Unsupported) for a type that NPY does not have
std::string npy_preamble(const at::Tensor& array);

/// The same for a 0-d array of type U, as NumPy makes of a str, that holds this ASCII text, with the text.
std::string npy_text(const std::string& text);

/// at::empty() whose failure is an Error(OutOfMemory) that says who wanted how much.
at::Tensor allocate(const std::vector<std::int64_t>& shape, at::ScalarType type, const std::string& where);

} // namespace ptk::data
