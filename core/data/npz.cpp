#include "data/npz.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "data/npy.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

namespace ptk::data {

namespace {

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
    void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using OpenEntry = std::unique_ptr<zip_file_t, CloseEntry>;

std::string error_text(int code)
{
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
}

std::uint64_t regular_file_size(const std::string& path)
{
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    require(std::filesystem::exists(status), Status::Io, "{}: no such file", path);
    require(!std::filesystem::is_directory(status), Status::Io, "{}: is a folder; expected a file", path);
    const auto size = std::filesystem::file_size(path, code);
    require(!code, Status::Io, "{}: cannot read: {}", path, code.message());
    return size;
}

Archive open_archive(const std::string& path)
{
    // libzip takes an empty file for an empty archive.
    require(regular_file_size(path) > 0, Status::Format, "{}: is empty; expected an NPZ archive", path);
    int code = 0;
    Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (archive != nullptr)
        return archive;
    const bool unreadable = code == ZIP_ER_OPEN || code == ZIP_ER_NOENT;
    if (unreadable)
        fail(Status::Io, "{}: cannot read: {}", path, error_text(code));
    fail(Status::Format, "{}: is not an NPZ archive or is truncated: {}", path, error_text(code));
}

/// deflate shrinks at most 1032 times (zlib, technical details), so a directory entry that claims more is not believed.
bool plausible(const zip_stat_t& entry, std::uint64_t file_size)
{
    if (entry.comp_size > file_size)
        return false;
    if (entry.comp_method == ZIP_CM_STORE)
        return entry.size == entry.comp_size;
    return entry.comp_method == ZIP_CM_DEFLATE && entry.size / 1032 <= entry.comp_size;
}

void read_exactly(zip_file_t* entry, const std::string& where, void* out, std::uint64_t count)
{
    auto* at = static_cast<char*>(out);
    while (count > 0) {
        const auto part = std::min<std::uint64_t>(count, 1 << 24);
        const auto got = zip_fread(entry, at, part);
        require(got >= 0, Status::Format, "{}: damaged: {}", where, zip_file_strerror(entry));
        require(got > 0, Status::Format, "{}: truncated, {} bytes are missing", where, count);
        at += got;
        count -= static_cast<std::uint64_t>(got);
    }
}

/// The checksum is compared when the end is met, so the end has to be read.
void check_end(zip_file_t* entry, const std::string& where)
{
    char beyond = 0;
    require(zip_fread(entry, &beyond, 1) == 0, Status::Format, "{}: damaged: wrong checksum or length", where);
}

} // namespace

struct Npz::Impl {
    std::string path;
    std::uint64_t file_size = 0;
    Archive archive;
    std::vector<std::string> names;
    std::map<std::string, zip_uint64_t> index;
    std::mutex mutex; ///< libzip reads one entry at a time

    void list_entries()
    {
        const auto count = zip_get_num_entries(archive.get(), 0);
        for (zip_int64_t i = 0; i < count; ++i) {
            const char* raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
            const std::string name = raw == nullptr ? "" : raw;
            if (name.ends_with(".npy") && index.emplace(name.substr(0, name.size() - 4), i).second)
                names.push_back(name.substr(0, name.size() - 4));
        }
    }

    struct Opened {
        OpenEntry entry;
        std::string where; ///< for messages
        std::uint64_t size = 0;
    };

    /// An entry from its begin, its sizes checked.
    Opened open_entry(const std::string& name)
    {
        const auto found = index.find(name);
        require(found != index.end(), Status::NotFound, "{}: has no array '{}'{}", path, name,
                base::did_you_mean(name, names));
        const std::string where = path + ": '" + name + "'";
        zip_stat_t stat;
        zip_stat_init(&stat);
        const bool known =
            zip_stat_index(archive.get(), found->second, 0, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) != 0;
        require(known && plausible(stat, file_size), Status::Format,
                "{}: damaged archive entry (sizes or compression method)", where);
        OpenEntry entry(zip_fopen_index(archive.get(), found->second, 0));
        require(entry != nullptr, Status::Format, "{}: cannot open: {}", where, zip_strerror(archive.get()));
        return {std::move(entry), where, stat.size};
    }

    /// Calls @p use with the bytes of an entry. @p whole: it reads them all, so the checksum can be checked
    template <class Use> auto with_entry(const std::string& name, bool whole, const Use& use)
    {
        const std::scoped_lock lock(mutex);
        const auto opened = open_entry(name);
        NpyBytes bytes = bytes_of(opened.entry.get(), opened.where, opened.size);
        auto result = use(bytes);
        if (whole)
            check_end(opened.entry.get(), opened.where);
        return result;
    }

    static NpyBytes bytes_of(zip_file_t* entry, const std::string& where, std::uint64_t size)
    {
        return {where, size, [=](void* out, std::uint64_t count) { read_exactly(entry, where, out, count); }};
    }
};

Npz::Npz(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Npz::~Npz() = default;
Npz::Npz(Npz&&) noexcept = default;
Npz& Npz::operator=(Npz&&) noexcept = default;

Npz Npz::open(const std::string& path)
{
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    impl->archive = open_archive(path);
    impl->file_size = regular_file_size(path);
    impl->list_entries();
    return Npz(std::move(impl));
}

std::vector<std::string> Npz::names() const
{
    return impl_->names;
}

bool Npz::has(const std::string& name) const
{
    return impl_->index.contains(name);
}

Npz::Header Npz::header(const std::string& name) const
{
    return impl_->with_entry(name, false, [](NpyBytes& bytes) { return read_npy_layout(bytes).header; });
}

at::Tensor Npz::read(const std::string& name) const
{
    return impl_->with_entry(name, true, read_npy_array);
}

std::string Npz::read_text(const std::string& name) const
{
    return impl_->with_entry(name, true, read_npy_text);
}

struct NpzRows::Impl {
    std::unique_ptr<Npz::Impl> archive; ///< of its own: nobody else reads it
    Npz::Impl::Opened opened;
    NpyRows rows;

    Impl(std::unique_ptr<Npz::Impl> of, const std::string& name)
        : archive(std::move(of)), opened(archive->open_entry(name)),
          rows(Npz::Impl::bytes_of(opened.entry.get(), opened.where, opened.size))
    {
    }
};

NpzRows::NpzRows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NpzRows::~NpzRows() = default;
NpzRows::NpzRows(NpzRows&&) noexcept = default;
NpzRows& NpzRows::operator=(NpzRows&&) noexcept = default;

NpzRows NpzRows::open(const std::string& path, const std::string& name)
{
    return NpzRows(std::make_unique<Impl>(std::move(Npz::open(path).impl_), name));
}

const std::vector<std::int64_t>& NpzRows::shape() const
{
    return impl_->rows.shape();
}

at::Tensor NpzRows::next(std::int64_t count)
{
    auto rows = impl_->rows.next(count);
    if (count > 0 && impl_->rows.at_end())
        check_end(impl_->opened.entry.get(), impl_->opened.where);
    return rows;
}

at::Tensor read_npy(const std::string& path)
{
    const auto size = regular_file_size(path);
    std::ifstream stream(path, std::ios::binary);
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path);
    NpyBytes bytes{path, size, [&](void* out, std::uint64_t count) {
                       stream.read(static_cast<char*>(out), static_cast<std::streamsize>(count));
                       require(stream.gcount() == static_cast<std::streamsize>(count), Status::Format, "{}: truncated",
                               path);
                   }};
    return read_npy_array(bytes);
}

namespace {

constexpr zip_uint16_t dos_date_1980 = 0x21; // as NumPy: equal content, equal bytes

/// Bytes that begin an entry, and those of an array that follow them; both live until the archive is closed.
void add_entry(zip_t* archive, const std::string& path, const std::string& name, const std::string& bytes,
               const at::Tensor& array)
{
    const bool more = array.defined() && array.nbytes() > 0;
    const std::array<zip_buffer_fragment_t, 2> parts{{
        {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(bytes.data())), bytes.size()},
        {more ? static_cast<zip_uint8_t*>(array.data_ptr()) : nullptr, more ? array.nbytes() : 0},
    }};
    zip_source_t* source = zip_source_buffer_fragment(archive, parts.data(), more ? 2 : 1, 0);
    require(source != nullptr, Status::OutOfMemory, "{}: '{}': {}", path, name, zip_strerror(archive));
    const auto index = zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        fail(Status::InvalidArgument, "{}: '{}': {}", path, name, zip_strerror(archive));
    }
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, dos_date_1980, 0);
}

} // namespace

void write_npz(const std::string& path, const std::vector<std::pair<std::string, at::Tensor>>& arrays,
               const std::vector<std::pair<std::string, std::string>>& texts)
{
    std::vector<at::Tensor> held; // libzip reads the memory when it closes the archive
    std::vector<std::string> preambles;
    for (const auto& [name, array] : arrays) {
        held.push_back(array.detach().cpu().contiguous().resolve_conj().resolve_neg());
        preambles.push_back(npy_preamble(held.back()));
    }
    for (const auto& [name, text] : texts)
        preambles.push_back(npy_text(text));
    base::write_atomically(path, [&](const std::string& temporary) {
        int code = 0;
        Archive archive(zip_open(temporary.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
        require(archive != nullptr, Status::Io, "{}: cannot write: {}", path, error_text(code));
        for (std::size_t i = 0; i < arrays.size(); ++i)
            add_entry(archive.get(), path, arrays[i].first, preambles[i], held[i]);
        for (std::size_t i = 0; i < texts.size(); ++i)
            add_entry(archive.get(), path, texts[i].first, preambles[arrays.size() + i], {});
        require(zip_close(archive.get()) == 0, Status::Io, "{}: cannot write: {}", path, zip_strerror(archive.get()));
        (void)archive.release(); // closed
    });
}

} // namespace ptk::data
