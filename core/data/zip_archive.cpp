#include "data/zip_archive.h"

#include "base/error.h"
#include "base/text.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

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

Archive open_archive(const std::string& path, const std::string& what)
{
    // libzip takes an empty file for an empty archive.
    require(regular_file_size(path) > 0, Status::Format, "{}: is empty; expected {}", path, what);
    int code = 0;
    Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (archive != nullptr)
        return archive;
    const bool unreadable = code == ZIP_ER_OPEN || code == ZIP_ER_NOENT;
    if (unreadable)
        fail(Status::Io, "{}: cannot read: {}", path, error_text(code));
    fail(Status::Format, "{}: is not {} or is truncated: {}", path, what, error_text(code));
}

Archive open_bytes(const std::string& bytes, const std::string& name)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    Archive archive(source == nullptr || bytes.empty() ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error));
    const std::string text = archive == nullptr ? zip_error_strerror(&error) : "";
    if (archive == nullptr && source != nullptr)
        zip_source_free(source);
    zip_error_fini(&error);
    require(archive != nullptr, Status::Format, "{}: is not a zip archive or is truncated: {}", name, text);
    return archive;
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

struct ZipArchive::Impl {
    std::string name;
    std::string bytes; ///< of an archive in memory; outlives the archive
    std::uint64_t size = 0;
    Archive archive;
    std::vector<std::string> names;
    std::map<std::string, zip_uint64_t> index;
    std::mutex mutex; ///< libzip reads one entry at a time

    void list_entries()
    {
        const auto count = zip_get_num_entries(archive.get(), 0);
        for (zip_int64_t i = 0; i < count; ++i) {
            const char* raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
            const std::string entry = raw == nullptr ? "" : raw;
            if (index.emplace(entry, i).second)
                names.push_back(entry);
        }
    }

    struct Opened {
        OpenEntry entry;
        std::string where; ///< for messages
        std::uint64_t size = 0;
    };

    /// An entry from its begin, its sizes checked.
    Opened open_entry(const std::string& entry, const std::string& shown) const
    {
        const auto found = index.find(entry);
        require(found != index.end(), Status::NotFound, "{}: has no entry '{}'{}", name, shown,
                base::did_you_mean(entry, names));
        const std::string where = name + ": '" + shown + "'";
        zip_stat_t stat;
        zip_stat_init(&stat);
        const bool known =
            zip_stat_index(archive.get(), found->second, 0, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) != 0;
        require(known && plausible(stat, size), Status::Format,
                "{}: damaged archive entry (sizes or compression method)", where);
        OpenEntry open(zip_fopen_index(archive.get(), found->second, 0));
        require(open != nullptr, Status::Format, "{}: cannot open: {}", where, zip_strerror(archive.get()));
        return {std::move(open), where, stat.size};
    }
};

ZipArchive::ZipArchive(std::unique_ptr<Impl> impl) : impl_(std::move(impl))
{
    impl_->list_entries();
}
ZipArchive::~ZipArchive() = default;
ZipArchive::ZipArchive(ZipArchive&&) noexcept = default;
ZipArchive& ZipArchive::operator=(ZipArchive&&) noexcept = default;

ZipArchive ZipArchive::open(const std::string& path, const std::string& what)
{
    auto impl = std::make_unique<Impl>();
    impl->name = path;
    impl->archive = open_archive(path, what);
    impl->size = regular_file_size(path);
    return ZipArchive(std::move(impl));
}

ZipArchive ZipArchive::in_memory(std::string bytes, const std::string& name)
{
    auto impl = std::make_unique<Impl>();
    impl->name = name;
    impl->bytes = std::move(bytes);
    impl->size = impl->bytes.size();
    impl->archive = open_bytes(impl->bytes, name);
    return ZipArchive(std::move(impl));
}

const std::vector<std::string>& ZipArchive::names() const noexcept
{
    return impl_->names;
}

bool ZipArchive::has(const std::string& name) const
{
    return impl_->index.contains(name);
}

void ZipArchive::visit(const std::string& name, const std::string& shown, bool whole,
                       const std::function<void(Entry&)>& use) const
{
    const std::scoped_lock lock(impl_->mutex);
    const auto opened = impl_->open_entry(name, shown);
    Entry entry{opened.where, opened.size,
                [&](void* out, std::uint64_t count) { read_exactly(opened.entry.get(), opened.where, out, count); }};
    use(entry);
    if (whole)
        check_end(opened.entry.get(), opened.where);
}

std::string ZipArchive::read(const std::string& name, std::uint64_t limit) const
{
    std::string bytes;
    visit(name, name, true, [&](Entry& entry) {
        require(entry.size <= limit, Status::Format, "{}: holds {} bytes, more than {}", entry.where, entry.size,
                limit);
        bytes.resize(entry.size);
        entry.read(bytes.data(), entry.size);
    });
    return bytes;
}

struct ZipStream::Impl {
    ZipArchive archive;
    ZipArchive::Impl::Opened opened; ///< closed before its archive
};

ZipStream::ZipStream(ZipArchive archive, const std::string& name, const std::string& shown)
{
    auto opened = archive.impl_->open_entry(name, shown);
    impl_ = std::make_unique<Impl>(Impl{std::move(archive), std::move(opened)});
}
ZipStream::~ZipStream() = default;
ZipStream::ZipStream(ZipStream&&) noexcept = default;
ZipStream& ZipStream::operator=(ZipStream&&) noexcept = default;

const std::string& ZipStream::where() const noexcept
{
    return impl_->opened.where;
}

std::uint64_t ZipStream::size() const noexcept
{
    return impl_->opened.size;
}

void ZipStream::read(void* out, std::uint64_t count)
{
    read_exactly(impl_->opened.entry.get(), impl_->opened.where, out, count);
}

void ZipStream::finish()
{
    check_end(impl_->opened.entry.get(), impl_->opened.where);
}

} // namespace ptk::data
