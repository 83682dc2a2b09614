#include "data/npz.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "data/npy.h"
#include "data/zip_archive.h"

#include <zip.h>

#include <array>
#include <fstream>
#include <optional>
#include <utility>

namespace ptk::data {

namespace {

const std::string suffix = ".npy";

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;

std::string error_text(int code)
{
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
}

} // namespace

struct Npz::Impl {
    std::string path;
    ZipArchive archive;
    std::vector<std::string> names{};

    /// Calls @p use with the bytes of an array. @p whole: it reads them all, so the checksum can be checked
    template <class Use> auto with_entry(const std::string& name, bool whole, const Use& use) const
    {
        require(archive.has(name + suffix), Status::NotFound, "{}: has no array '{}'{}", path, name,
                base::did_you_mean(name, names));
        std::optional<decltype(use(std::declval<NpyBytes&>()))> result;
        archive.visit(name + suffix, name, whole, [&](ZipArchive::Entry& entry) {
            NpyBytes bytes{entry.where, entry.size, entry.read};
            result = use(bytes);
        });
        return std::move(*result);
    }
};

Npz::Npz(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Npz::~Npz() = default;
Npz::Npz(Npz&&) noexcept = default;
Npz& Npz::operator=(Npz&&) noexcept = default;

Npz Npz::open(const std::string& path)
{
    auto impl = std::make_unique<Impl>(Impl{path, ZipArchive::open(path, "an NPZ archive")});
    for (const auto& name : impl->archive.names())
        if (name.ends_with(suffix))
            impl->names.push_back(name.substr(0, name.size() - suffix.size()));
    return Npz(std::move(impl));
}

std::vector<std::string> Npz::names() const
{
    return impl_->names;
}

bool Npz::has(const std::string& name) const
{
    return impl_->archive.has(name + suffix);
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
    ZipStream stream;
    NpyRows rows;

    Impl(const std::string& path, const std::string& name)
        : stream(ZipArchive::open(path, "an NPZ archive"), name + suffix, name),
          rows({stream.where(), stream.size(), [this](void* out, std::uint64_t count) { stream.read(out, count); }})
    {
    }
};

NpzRows::NpzRows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NpzRows::~NpzRows() = default;
NpzRows::NpzRows(NpzRows&&) noexcept = default;
NpzRows& NpzRows::operator=(NpzRows&&) noexcept = default;

NpzRows NpzRows::open(const std::string& path, const std::string& name)
{
    return NpzRows(std::make_unique<Impl>(path, name));
}

const std::vector<std::int64_t>& NpzRows::shape() const
{
    return impl_->rows.shape();
}

at::Tensor NpzRows::next(std::int64_t count)
{
    auto rows = impl_->rows.next(count);
    if (count > 0 && impl_->rows.at_end())
        impl_->stream.finish();
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
