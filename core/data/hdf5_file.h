#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ptk::data {

/// A thin owner of an HDF5 file with checked reads and writes. HDF5's own error stack is silenced during each call and
/// turned into Error messages "FILE: 'DATASET': what". Soft links are followed. Threads: any; one lock serialises all
/// HDF5 calls of the process (Debian's library is not thread-safe).
class Hdf5File {
public:
    /// For reading. @throws Error(Io) missing or unreadable; Error(Format) not HDF5 or truncated
    static Hdf5File open(const std::string& path);
    /// For writing; an old file is replaced. @throws Error(Io)
    static Hdf5File create(const std::string& path);
    ~Hdf5File();
    Hdf5File(Hdf5File&&) noexcept;
    Hdf5File& operator=(Hdf5File&&) noexcept;

    /// True for a dataset or group that is there, not for a link that leads nowhere.
    bool has(const std::string& name) const;
    bool is_dataset(const std::string& name) const;
    /// Names of the members, sorted. @throws Error(NotFound)
    std::vector<std::string> list(const std::string& group) const;
    /// Datasets of all groups, "/entry_1/title", at most @p limit; soft links are not followed here.
    std::vector<std::string> datasets(std::size_t limit) const;
    /// @return {0} for a dataset without a place for data (h5py.Empty)
    std::vector<std::int64_t> shape(const std::string& name) const;
    /// "uint16", "float64", "complex64", "bool", "string"; "other" for what read() and read_string() do not read.
    std::string type_name(const std::string& name) const;

    /// Whole dataset in its own type: real numbers, or compounds {r, i} / {real, imag} as complex; as in NPZ, booleans
    /// become uint8, uint32 int64, uint64 int64 when it fits, float16 float32. What the dataset claims to hold is
    /// compared with what the file stores before memory is taken. @param limit_bytes largest size that is believed
    /// @throws Error(NotFound); Error(Format) other types, damaged, a filter that is not installed; Error(OutOfMemory)
    at::Tensor read(const std::string& name, std::int64_t limit_bytes = std::int64_t{1} << 36) const;
    /// Rows [begin, end) of the first axis. The dataset stays open, with a cache for the chunks of 16 rows, at most 256
    /// MiB.
    at::Tensor read_rows(const std::string& name, std::int64_t begin, std::int64_t end) const;
    /// One number of any real type.
    double read_number(const std::string& name) const;
    /// One text, of fixed or variable length.
    std::string read_string(const std::string& name, std::size_t limit_bytes = std::size_t{1} << 28) const;
    /// A text attribute of a group ("/" is the root) or dataset; nothing when there is none of this name and kind.
    std::optional<std::string> attribute(const std::string& object, const std::string& name) const;
    std::optional<double> number_attribute(const std::string& object, const std::string& name) const;
    /// An attribute of numbers with any axes, as read() gives a dataset; undefined when there is none of this name and
    /// kind, or one of more than 64 MiB.
    at::Tensor array_attribute(const std::string& object, const std::string& name) const;

    /// Writes a tensor (groups on the way are made; complex as compound {r, i}, as h5py does; booleans as uint8).
    /// @param compress  gzip with byte shuffle, in chunks of one frame or about a MiB
    /// @throws Error(Exists) the name is taken; Error(Io); Error(Unsupported) a type that has no place in HDF5
    void write(const std::string& name, const at::Tensor& tensor, bool compress = false);
    /// h5py's booleans: an enumeration of FALSE and TRUE in one byte.
    void write_booleans(const std::string& name, const at::Tensor& tensor);
    /// A dataset of a stack, (n, ...), that write_rows() fills; gzip with byte shuffle, in chunks of one row.
    void create_rows(const std::string& name, const std::vector<std::int64_t>& shape, at::ScalarType type);
    /// Rows from @p begin on. @throws Error(Shape) for rows that do not fit
    void write_rows(const std::string& name, std::int64_t begin, const at::Tensor& rows);
    void write_string(const std::string& name, const std::string& text);
    /// Sets or replaces. @throws Error(NotFound) no such object; Error(Io)
    void set_attribute(const std::string& object, const std::string& name, const std::string& text);
    /// The same as a text of variable length, which h5py gives to Python as str where fixed ones are bytes; for the
    /// files of programs that count on it.
    void set_str_attribute(const std::string& object, const std::string& name, const std::string& text);
    void set_attribute(const std::string& object, const std::string& name, double value);
    void link(const std::string& target, const std::string& name); ///< soft link
    /// Flush and close; errors of the disk surface here. The destructor closes too but cannot report.
    void close();

private:
    struct Impl;
    explicit Hdf5File(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace ptk::data
