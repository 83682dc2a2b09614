#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ptk::data {

/// Bytes of a regular file. @throws Error(Io) missing, a folder, unreadable
std::uint64_t regular_file_size(const std::string& path);

/// A zip archive for reading. Entries are stored or deflated; their sizes are checked against the archive's before
/// anybody is told them, and a checksum is compared when an entry has been read to its end.
/// Threads: concurrent reads are allowed; libzip does one at a time.
class ZipArchive {
public:
    /// @param what  for messages: "an NPZ archive"
    /// @throws Error(Io) missing; Error(Format) empty, not an archive, truncated
    static ZipArchive open(const std::string& path, const std::string& what = "a zip archive");
    /// An archive that is an entry of another. @param name  begins its messages
    static ZipArchive in_memory(std::string bytes, const std::string& name);
    ~ZipArchive();
    ZipArchive(ZipArchive&&) noexcept;
    ZipArchive& operator=(ZipArchive&&) noexcept;

    /// In the archive's order; of equal names the first counts.
    const std::vector<std::string>& names() const noexcept;
    bool has(const std::string& name) const;

    struct Entry {
        std::string where;                                        ///< begins messages: "file.npz: 'key'"
        std::uint64_t size;                                       ///< of the content, believable
        std::function<void(void* out, std::uint64_t count)> read; ///< the next bytes, exactly so many, or Error(Format)
    };
    /// Calls @p use with an open entry. @param whole  it reads everything, so length and checksum can be compared
    /// @param shown  what messages call the entry
    /// @throws Error(Format) damaged; what @p use throws
    void visit(const std::string& name, const std::string& shown, bool whole,
               const std::function<void(Entry&)>& use) const;
    /// All bytes of an entry. @throws Error(Format) damaged, or more than @p limit bytes
    std::string read(const std::string& name, std::uint64_t limit) const;

private:
    friend class ZipStream;
    struct Impl;
    explicit ZipArchive(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// An entry that is read piece by piece, of an archive that nobody else reads.
/// Threads: one at a time.
class ZipStream {
public:
    /// @throws Error(NotFound); Error(Format) damaged
    ZipStream(ZipArchive archive, const std::string& name, const std::string& shown);
    ~ZipStream();
    ZipStream(ZipStream&&) noexcept;
    ZipStream& operator=(ZipStream&&) noexcept;

    const std::string& where() const noexcept; ///< begins messages
    std::uint64_t size() const noexcept;       ///< of the content, believable
    /// The next bytes, exactly so many. @throws Error(Format)
    void read(void* out, std::uint64_t count);
    /// Call when all has been read. @throws Error(Format) for a wrong checksum or length
    void finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ptk::data
