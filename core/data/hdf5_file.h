#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ptk::data {

/// A thin owner of an HDF5 file with checked reads and writes. HDF5's own error stack is silenced and turned into Error messages
/// "FILE: DATASET: what". One lock serialises all HDF5 calls of the process (Debian's library is not thread-safe).
class Hdf5File {
public:
    /// @throws Error(Io) missing or unreadable; Error(Format) not HDF5 or truncated
    static Hdf5File open(const std::string& path);
    static Hdf5File create(const std::string& path);
    ~Hdf5File();
    Hdf5File(Hdf5File&&) noexcept;
    Hdf5File& operator=(Hdf5File&&) noexcept;

    bool has(const std::string& name) const;
    std::vector<std::string> list(const std::string& group) const;  ///< names of members
    std::vector<std::int64_t> shape(const std::string& name) const;
    std::string type_name(const std::string& name) const;           ///< "uint16", "float64", "complex64", "string" ...

    /// Whole dataset in its own type (real numbers, or compounds {r, i} / {real, imag} as complex). Sizes are checked against
    /// the file before memory is taken. @param limit_bytes largest size that is believed
    at::Tensor read(const std::string& name, std::int64_t limit_bytes = std::int64_t{1} << 36) const;
    /// Rows [begin, end) of the first axis.
    at::Tensor read_rows(const std::string& name, std::int64_t begin, std::int64_t end) const;
    double read_number(const std::string& name) const;
    std::string read_string(const std::string& name, std::size_t limit_bytes = std::size_t{1} << 28) const;
    std::optional<std::string> attribute(const std::string& object, const std::string& name) const;  ///< a text attribute
    std::optional<double> number_attribute(const std::string& object, const std::string& name) const;

    /// Writes a tensor (groups on the way are made; complex as compound {r, i}, as h5py does).
    void write(const std::string& name, const at::Tensor& tensor, bool compress = false);
    void write_string(const std::string& name, const std::string& text);
    void set_attribute(const std::string& object, const std::string& name, const std::string& text);
    void set_attribute(const std::string& object, const std::string& name, double value);
    void link(const std::string& target, const std::string& name);  ///< soft link
    /// Flush and close; errors of the disk surface here. The destructor closes too but cannot report.
    void close();

private:
    struct Impl;
    explicit Hdf5File(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace ptk::data
