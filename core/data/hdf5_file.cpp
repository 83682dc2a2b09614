#include "data/hdf5_file.h"

#include "base/error.h"
#include "base/shape.h"
#include "data/npy.h"

#include <ATen/core/Tensor.h>
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

namespace ptk::data {

namespace {

/// Holds the one lock of the HDF5 library and keeps it from printing; the application's own error handler comes back
/// afterwards.
class Session {
public:
    Session() : lock_(mutex())
    {
        // A file that a full disk kept from closing would be flushed again, and crash, when the process ends.
        [[maybe_unused]] static const herr_t no_exit_handler = H5dont_atexit();
        H5Eget_auto2(H5E_DEFAULT, &handler_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    ~Session()
    {
        H5Eclear2(H5E_DEFAULT);
        H5Eset_auto2(H5E_DEFAULT, handler_, data_);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

private:
    static std::recursive_mutex& mutex()
    {
        static auto* const one = new std::recursive_mutex; // never destroyed: files may be closed by static objects
        return *one;
    }

    std::lock_guard<std::recursive_mutex> lock_;
    H5E_auto2_t handler_ = nullptr;
    void* data_ = nullptr;
};

/// Owner of an HDF5 identifier.
class Id {
public:
    using Close = herr_t (*)(hid_t);
    Id() = default;
    Id(hid_t value, Close close) : value_(value), close_(close) {}
    ~Id() { reset(); }
    Id(Id&& other) noexcept : value_(std::exchange(other.value_, -1)), close_(other.close_) {}
    Id& operator=(Id&& other) noexcept
    {
        if (this != &other) {
            reset();
            value_ = std::exchange(other.value_, -1);
            close_ = other.close_;
        }
        return *this;
    }
    operator hid_t() const { return value_; }
    bool valid() const { return value_ >= 0; }
    /// The result of closing, which reports errors of the disk for files.
    herr_t reset() { return value_ >= 0 ? close_(std::exchange(value_, -1)) : 0; }

private:
    hid_t value_ = -1;
    Close close_ = nullptr;
};

herr_t keep_first(unsigned n, const H5E_error2_t* error, void* out)
{
    if (n == 0 && error->desc != nullptr)
        *static_cast<std::string*>(out) = error->desc;
    return 0;
}

/// Why the last HDF5 call failed: the innermost entry of its error stack.
std::string reason()
{
    std::string text = "unknown error";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
    return text;
}

Id checked(hid_t value, Id::Close close, Status status, const std::string& where, const char* action)
{
    if (value < 0)
        fail(status, "{}: cannot {}: {}", where, action, reason());
    return {value, close};
}

/// How elements are read: the type in memory for HDF5, for us, and the one that read() returns.
struct Element {
    std::string name;
    Id compound{};
    hid_t native = -1;
    at::ScalarType stored = at::kByte;
    at::ScalarType result = at::kByte;

    hid_t memory() const { return compound.valid() ? static_cast<hid_t>(compound) : native; }
    bool numeric() const { return memory() >= 0; }
};

Element plain(const char* name, hid_t native, at::ScalarType type)
{
    return {name, {}, native, type, type};
}

Element integer_element(hid_t type)
{
    const bool sign = H5Tget_sign(type) != H5T_SGN_NONE;
    switch (H5Tget_size(type)) {
    case 1:
        return sign ? plain("int8", H5T_NATIVE_INT8, at::kChar) : plain("uint8", H5T_NATIVE_UINT8, at::kByte);
    case 2:
        return sign ? plain("int16", H5T_NATIVE_INT16, at::kShort) : plain("uint16", H5T_NATIVE_UINT16, at::kUInt16);
    case 4:
        return sign ? plain("int32", H5T_NATIVE_INT32, at::kInt) : plain("uint32", H5T_NATIVE_INT64, at::kLong);
    case 8:
        return sign ? plain("int64", H5T_NATIVE_INT64, at::kLong) : plain("uint64", H5T_NATIVE_UINT64, at::kLong);
    default:
        return {"other"};
    }
}

Element real_element(hid_t type)
{
    switch (H5Tget_size(type)) {
    case 2:
        return plain("float16", H5T_NATIVE_FLOAT, at::kFloat);
    case 4:
        return plain("float32", H5T_NATIVE_FLOAT, at::kFloat);
    case 8:
        return plain("float64", H5T_NATIVE_DOUBLE, at::kDouble);
    default:
        return {"other"};
    }
}

std::string member_name(hid_t type, unsigned member)
{
    char* raw = H5Tget_member_name(type, member);
    std::string name = raw == nullptr ? "" : raw;
    H5free_memory(raw);
    return name;
}

Id complex_type(const std::string& real, const std::string& imaginary, hid_t part, std::size_t part_bytes)
{
    Id type(H5Tcreate(H5T_COMPOUND, 2 * part_bytes), H5Tclose);
    H5Tinsert(type, real.c_str(), 0, part);
    H5Tinsert(type, imaginary.c_str(), part_bytes, part);
    return type;
}

/// Compounds of two floating-point members, named as NumPy, h5py, PyTables or Julia name them.
Element complex_element(hid_t type)
{
    if (H5Tget_nmembers(type) != 2)
        return {"other"};
    auto first = member_name(type, 0), second = member_name(type, 1);
    const bool swapped = first.starts_with('i');
    if (swapped)
        std::swap(first, second);
    const bool known =
        (first == "r" && second == "i") || (first == "real" && second == "imag") || (first == "re" && second == "im");
    const Id a(H5Tget_member_type(type, 0), H5Tclose), b(H5Tget_member_type(type, 1), H5Tclose);
    const auto bytes = H5Tget_size(a);
    const bool floats = H5Tget_class(a) == H5T_FLOAT && H5Tget_class(b) == H5T_FLOAT && bytes == H5Tget_size(b);
    // HDF5 believes the offsets of a damaged type and reads beyond the element.
    const auto x = H5Tget_member_offset(type, 0), y = H5Tget_member_offset(type, 1), whole = H5Tget_size(type);
    const bool inside =
        x <= whole && y <= whole && bytes <= whole - std::max(x, y) && bytes <= std::max(x, y) - std::min(x, y);
    if (!known || !floats || !inside || (bytes != 4 && bytes != 8))
        return {"other"};
    const bool single = bytes == 4;
    const auto scalar = single ? at::kComplexFloat : at::kComplexDouble;
    return {single ? "complex64" : "complex128",
            complex_type(first, second, single ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE, bytes), -1, scalar, scalar};
}

Element element_of(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        return integer_element(type);
    case H5T_FLOAT:
        return real_element(type);
    case H5T_COMPOUND:
        return complex_element(type);
    case H5T_ENUM:
        return H5Tget_size(type) == 1 ? plain("bool", H5T_NATIVE_UINT8, at::kByte) : Element{"other"};
    case H5T_STRING:
        return {"string"};
    default:
        return {"other"};
    }
}

std::vector<std::int64_t> sides_of(hid_t space)
{
    std::vector<hsize_t> sides(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
    if (!sides.empty())
        H5Sget_simple_extent_dims(space, sides.data(), nullptr);
    return {sides.begin(), sides.end()};
}

std::int64_t bytes_of(const std::vector<std::int64_t>& sides, at::ScalarType type, const std::string& where)
{
    auto bytes = static_cast<std::int64_t>(c10::elementSize(type));
    for (const auto side : sides)
        require(side >= 0 && !__builtin_mul_overflow(bytes, side, &bytes), Status::Format,
                "{}: the shape {} is too large", where, base::shape_text(sides));
    return bytes;
}

/// The name in the file, else that of the HDF Group's list of registered filters.
std::string filter_name(H5Z_filter_t filter, const std::string& in_file)
{
    static const std::map<H5Z_filter_t, const char*> registered{
        {32000, "LZF"}, {32001, "Blosc"},     {32004, "LZ4"}, {32008, "bitshuffle"},
        {32013, "ZFP"}, {32015, "Zstandard"}, {32017, "SZ"},  {32026, "Blosc2"},
    };
    if (!in_file.empty())
        return in_file;
    const auto found = registered.find(filter);
    return found == registered.end() ? "without a name" : found->second;
}

/// Names of the filters of a dataset that this machine does not have.
void check_filters(hid_t dataset, const std::string& where)
{
    const Id properties(H5Dget_create_plist(dataset), H5Pclose);
    const int count = std::max(0, H5Pget_nfilters(properties));
    for (int i = 0; i < count; ++i) {
        std::array<char, 128> name{};
        std::size_t no_values = 0;
        const auto filter = H5Pget_filter2(properties, static_cast<unsigned>(i), nullptr, &no_values, nullptr,
                                           name.size(), name.data(), nullptr);
        require(
            filter < 0 || H5Zfilter_avail(filter) > 0, Status::Format,
            "{}: is compressed with filter {} ({}), which is not installed; set HDF5_PLUGIN_PATH to a folder that has "
            "it (that of Python's hdf5plugin: hdf5plugin.PLUGIN_PATH), or store the data with gzip",
            where, static_cast<int>(filter), filter_name(filter, name.data()));
    }
}

/// Bytes of data that one stored byte can stand for. deflate reaches 1032, LZF and LZ4 stay below 256; Zstandard and
/// Blosc go much higher.
std::int64_t largest_ratio(hid_t properties)
{
    if (H5Pget_layout(properties) != H5D_CHUNKED)
        return 1;
    constexpr H5Z_filter_t blosc = 32001, zstandard = 32015, blosc2 = 32026;
    for (int i = 0; i < H5Pget_nfilters(properties); ++i) {
        std::size_t no_values = 0;
        const auto filter =
            H5Pget_filter2(properties, static_cast<unsigned>(i), nullptr, &no_values, nullptr, 0, nullptr, nullptr);
        if (filter == blosc || filter == zstandard || filter == blosc2)
            return 1 << 16;
    }
    return 1100;
}

/// Bytes of the files that a virtual dataset is made of. @throws Error(NotFound) for one that is not there: HDF5 would
/// read fill values in its place
hsize_t virtual_source_bytes(hid_t properties, const std::string& path, const std::string& where)
{
    std::size_t count = 0;
    require(H5Pget_virtual_count(properties, &count) >= 0 && count <= 1000000, Status::Format,
            "{}: a virtual dataset of {} parts; at most 1000000 are expected", where, count);
    std::map<std::string, hsize_t> files;
    for (std::size_t i = 0; i < count; ++i) {
        const auto length = H5Pget_virtual_filename(properties, i, nullptr, 0);
        require(length >= 0 && length < 65536, Status::Format, "{}: a part of the virtual dataset has no file", where);
        std::string name(static_cast<std::size_t>(length) + 1, '\0');
        H5Pget_virtual_filename(properties, i, name.data(), name.size());
        name.resize(static_cast<std::size_t>(length));
        files.emplace(std::move(name), 0);
    }
    const auto folder = std::filesystem::path(path).parent_path();
    hsize_t bytes = 0;
    for (const auto& [name, unused] : files) {
        const bool family = name.find('%') != std::string::npos; // printf-style names of a growing set
        const auto source = name == "." ? std::filesystem::path(path) : folder / name;
        std::error_code code;
        const auto size = std::filesystem::file_size(source, code);
        require(!code || family, Status::NotFound, "{}: is a virtual dataset; its file '{}' cannot be read: {}", where,
                source.string(), code.message());
        bytes += code ? 0 : size;
    }
    return bytes;
}

std::string file_name(hid_t object)
{
    std::array<char, 4096> name{};
    return H5Fget_name(object, name.data(), name.size()) > 0 ? std::string(name.data()) : std::string();
}

/// A dataset may claim any size; this compares the claim with what its file stores, which an external link may make
/// another one than the file that was opened.
void check_stored(hid_t dataset, std::int64_t bytes, const std::string& where)
{
    const Id properties(H5Dget_create_plist(dataset), H5Pclose);
    if (H5Pget_external_count(properties) > 0)
        return; // raw data in other files; HDF5 checks their ends
    hsize_t stored = 0;
    if (H5Pget_layout(properties) == H5D_VIRTUAL) {
        stored = virtual_source_bytes(properties, file_name(dataset), where);
        bytes /= 1100; // the parts may be compressed
    } else {
        const Id file(H5Iget_file_id(dataset), H5Fclose);
        H5Fget_filesize(file, &stored);
        stored = std::min<hsize_t>(H5Dget_storage_size(dataset), stored);
    }
    require(static_cast<hsize_t>(bytes / largest_ratio(properties)) <= stored, Status::Format,
            "{}: claims {} bytes, but the file stores {} (never written, truncated or damaged)", where, bytes, stored);
}

constexpr std::size_t largest_chunk_cache = std::size_t{256} << 20;

/// A cache for the chunks that a few rows of the first axis touch, for neighbours in a scan lie in several rows of
/// chunks: chunks of many frames are then unpacked once for a batch, not once a frame.
Id access_properties(hid_t dataset)
{
    Id access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
    const Id creation(H5Dget_create_plist(dataset), H5Pclose);
    const Id space(H5Dget_space(dataset), H5Sclose);
    const auto sides = sides_of(space);
    if (H5Pget_layout(creation) != H5D_CHUNKED || sides.empty())
        return access;
    std::vector<hsize_t> chunk(sides.size(), 1);
    H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    const Id type(H5Dget_type(dataset), H5Tclose);
    auto bytes = static_cast<double>(H5Tget_size(type)) * static_cast<double>(chunk[0]);
    for (std::size_t i = 1; i < sides.size(); ++i)
        bytes *= static_cast<double>((static_cast<hsize_t>(sides[i]) + chunk[i] - 1) / chunk[i] * chunk[i]);
    const double wanted = std::clamp(16 * bytes, 1048576.0, static_cast<double>(largest_chunk_cache));
    H5Pset_chunk_cache(access, 10007, static_cast<std::size_t>(wanted), 0.75);
    return access;
}

hid_t native_type(at::ScalarType type)
{
    switch (type) {
    case at::kBool:
    case at::kByte:
        return H5T_NATIVE_UINT8;
    case at::kChar:
        return H5T_NATIVE_INT8;
    case at::kUInt16:
        return H5T_NATIVE_UINT16;
    case at::kShort:
        return H5T_NATIVE_INT16;
    case at::kInt:
        return H5T_NATIVE_INT32;
    case at::kLong:
        return H5T_NATIVE_INT64;
    case at::kFloat:
        return H5T_NATIVE_FLOAT;
    case at::kDouble:
        return H5T_NATIVE_DOUBLE;
    default:
        return -1;
    }
}

/// Identifier of a memory type and its owner where it is made for the purpose.
Id write_type(at::ScalarType type, const std::string& where)
{
    if (type == at::kComplexFloat)
        return complex_type("r", "i", H5T_NATIVE_FLOAT, 4);
    if (type == at::kComplexDouble)
        return complex_type("r", "i", H5T_NATIVE_DOUBLE, 8);
    const auto native = native_type(type);
    require(native >= 0, Status::Unsupported, "{}: numbers of type {} cannot be stored", where, c10::toString(type));
    return {H5Tcopy(native), H5Tclose};
}

Id space_of(const at::Tensor& tensor)
{
    const std::vector<hsize_t> sides(tensor.sizes().begin(), tensor.sizes().end());
    return {sides.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr),
            H5Sclose};
}

/// Chunks of one frame for stacks, of about a MiB otherwise.
void compress_in_chunks(hid_t properties, const std::vector<std::int64_t>& shape, std::size_t element_bytes)
{
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    hsize_t row_bytes = element_bytes;
    for (std::size_t i = 1; i < chunk.size(); ++i)
        row_bytes *= chunk[i];
    chunk[0] = shape.size() >= 3 ? 1 : std::clamp<hsize_t>((1 << 20) / std::max<hsize_t>(row_bytes, 1), 1, chunk[0]);
    H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 4);
}

Id making_groups()
{
    Id properties(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(properties, 1);
    return properties;
}

Id text_type(std::size_t bytes)
{
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, std::max<std::size_t>(bytes, 1));
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* out)
{
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
}

struct Visited {
    std::vector<std::string> datasets;
    std::size_t limit;
};

/// Links of all groups, each group once; stops at the limit.
herr_t collect_dataset(hid_t group, const char* name, const H5L_info_t* link, void* out)
{
    auto& visited = *static_cast<Visited*>(out);
    if (link->type != H5L_TYPE_HARD)
        return 0;
    const Id object(H5Oopen(group, name, H5P_DEFAULT), H5Oclose);
    if (object.valid() && H5Iget_type(object) == H5I_DATASET)
        visited.datasets.push_back(std::string("/") + name);
    return visited.datasets.size() >= visited.limit ? 1 : 0;
}

bool link_leads_somewhere(hid_t file, const std::string& name)
{
    for (auto slash = name.find('/', 1);; slash = name.find('/', slash + 1)) {
        const auto prefix = name.substr(0, slash);
        if (prefix != "/" && !prefix.empty() &&
            (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0 ||
             H5Oexists_by_name(file, prefix.c_str(), H5P_DEFAULT) <= 0))
            return false;
        if (slash == std::string::npos)
            return true;
    }
}

/// "; 'x' is an external link to 'y.h5', '/data', which cannot be opened" when that is why a name leads nowhere.
std::string broken_link(hid_t file, const std::string& name)
{
    for (auto slash = name.find('/', 1);; slash = name.find('/', slash + 1)) {
        const auto prefix = name.substr(0, slash);
        if (prefix.empty() || prefix == "/" || H5Oexists_by_name(file, prefix.c_str(), H5P_DEFAULT) > 0) {
            if (slash == std::string::npos)
                return {};
            continue;
        }
        H5L_info_t info;
        if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0 ||
            H5Lget_info(file, prefix.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_EXTERNAL ||
            info.u.val_size > 65536)
            return {};
        std::vector<char> value(info.u.val_size);
        const char *target_file = nullptr, *target = nullptr;
        if (H5Lget_val(file, prefix.c_str(), value.data(), value.size(), H5P_DEFAULT) < 0 ||
            H5Lunpack_elink_val(value.data(), value.size(), nullptr, &target_file, &target) < 0)
            return {};
        return "; '" + prefix + "' is an external link to '" + target_file + "', '" + target +
               "', which cannot be opened";
    }
}

std::string without_padding(std::string text)
{
    text.erase(std::min(text.find('\0'), text.size()));
    return text;
}

/// One text out of a dataset or attribute; @p read calls H5Dread or H5Aread.
template <class Read> std::string text_of(hid_t type, std::size_t limit, const std::string& where, const Read& read)
{
    const Id memory(H5Tcopy(type), H5Tclose);
    if (H5Tis_variable_str(type) > 0) {
        char* raw = nullptr;
        if (read(memory, static_cast<void*>(&raw)) < 0)
            fail(Status::Format, "{}: cannot read: {}", where, reason());
        std::string text = raw == nullptr ? "" : raw;
        H5free_memory(raw);
        require(text.size() <= limit, Status::Format, "{}: a text of {} bytes; at most {} are expected", where,
                text.size(), limit);
        return text;
    }
    const auto bytes = H5Tget_size(type);
    require(bytes <= limit, Status::Format, "{}: a text of {} bytes; at most {} are expected", where, bytes, limit);
    std::string text(bytes, '\0');
    if (read(memory, static_cast<void*>(text.data())) < 0)
        fail(Status::Format, "{}: cannot read: {}", where, reason());
    return without_padding(std::move(text));
}

void require_one(hid_t space, const std::string& where)
{
    require(H5Sget_simple_extent_npoints(space) == 1, Status::Format, "{}: has shape {}; expected one value", where,
            [&] {
                const auto sides = sides_of(space);
                return base::shape_text(sides);
            }());
}

void check_path(const std::string& path)
{
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    require(std::filesystem::exists(status), Status::Io, "{}: no such file", path);
    require(!std::filesystem::is_directory(status), Status::Io, "{}: is a folder; expected a file", path);
}

} // namespace

struct Hdf5File::Impl {
    std::string path;
    Id file;
    std::map<std::string, Id> datasets; ///< open ones, so that their chunk caches live on

    ~Impl()
    {
        const Session session;
        datasets.clear();
        file.reset();
    }

    std::string where(const std::string& name) const { return path + ": '" + name + "'"; }

    hid_t dataset(const std::string& name)
    {
        const auto found = datasets.find(name);
        if (found != datasets.end())
            return found->second;
        require(file.valid(), Status::State, "{}: is closed", path);
        require(link_leads_somewhere(file, name), Status::NotFound, "{}: has no dataset '{}'{}", path, name,
                link_leads_somewhere(file, name) ? std::string() : broken_link(file, name));
        Id opened(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
        require(opened.valid(), Status::Format, "{}: is not a dataset or is damaged: {}", where(name),
                opened.valid() ? "" : reason());
        const auto access = access_properties(opened);
        opened = checked(H5Dopen2(file, name.c_str(), access), H5Dclose, Status::Format, where(name), "open");
        return datasets.emplace(name, std::move(opened)).first->second;
    }

    Element element(const std::string& name)
    {
        const Id type = checked(H5Dget_type(dataset(name)), H5Tclose, Status::Format, where(name), "read the type");
        return element_of(type);
    }

    Element number(const std::string& name)
    {
        auto found = element(name);
        require(found.numeric(), Status::Format,
                "{}: has type '{}'; expected whole, real or complex numbers of 1 to 16 bytes", where(name), found.name);
        return found;
    }

    std::vector<std::int64_t> shape(const std::string& name)
    {
        const Id space = checked(H5Dget_space(dataset(name)), H5Sclose, Status::Format, where(name), "read the shape");
        if (H5Sget_simple_extent_type(space) == H5S_NULL)
            return {0}; // h5py.Empty
        return sides_of(space);
    }

    /// Reads the selected part (H5S_ALL: everything) into a tensor of these sides.
    at::Tensor read(const std::string& name, const std::vector<std::int64_t>& sides, hid_t memory_space,
                    hid_t file_space)
    {
        const auto element = number(name);
        check_filters(dataset(name), where(name));
        const auto in_memory = bytes_of(sides, element.stored, where(name));
        const Id file_type(H5Dget_type(dataset(name)), H5Tclose); // uint32 and float16 are narrower in the file
        const auto in_file = in_memory / static_cast<std::int64_t>(c10::elementSize(element.stored)) *
                             static_cast<std::int64_t>(H5Tget_size(file_type));
        check_stored(dataset(name), in_file, where(name));
        auto tensor = allocate(sides, element.stored, where(name));
        if (tensor.numel() > 0 &&
            H5Dread(dataset(name), element.memory(), memory_space, file_space, H5P_DEFAULT, tensor.data_ptr()) < 0)
            fail(Status::Format, "{}: cannot read (truncated or damaged): {}", where(name), reason());
        const bool fits = element.name != "uint64" || tensor.numel() == 0 || tensor.min().item<std::int64_t>() >= 0;
        require(fits, Status::Format, "{}: holds an unsigned 64-bit number above {}", where(name),
                std::numeric_limits<std::int64_t>::max());
        return tensor;
    }

    Id create_dataset(const std::string& name, hid_t type, hid_t space, hid_t properties)
    {
        require(file.valid(), Status::State, "{}: is closed", path);
        require(!link_leads_somewhere(file, name), Status::Exists, "{}: is there already", where(name));
        const auto groups = making_groups();
        return checked(H5Dcreate2(file, name.c_str(), type, space, groups, properties, H5P_DEFAULT), H5Dclose,
                       Status::Io, where(name), "create");
    }

    Id attribute(const std::string& object, const std::string& name)
    {
        require(file.valid(), Status::State, "{}: is closed", path);
        if (!link_leads_somewhere(file, object) ||
            H5Aexists_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT) <= 0)
            return {};
        return {H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose};
    }

    void write_attribute(const std::string& object, const std::string& name, hid_t type, const void* value)
    {
        require(file.valid() && link_leads_somewhere(file, object), Status::NotFound,
                "{}: has no group or dataset '{}'", path, object);
        const Id space(H5Screate(H5S_SCALAR), H5Sclose);
        if (H5Aexists_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT) > 0)
            H5Adelete_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT);
        const Id made = checked(
            H5Acreate_by_name(file, object.c_str(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
            H5Aclose, Status::Io, where(object), "create an attribute");
        if (H5Awrite(made, type, value) < 0)
            fail(Status::Io, "{}: cannot write attribute '{}': {}", where(object), name, reason());
    }
};

Hdf5File::Hdf5File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

Hdf5File Hdf5File::open(const std::string& path)
{
    check_path(path);
    const Session session;
    const auto is_hdf5 = H5Fis_hdf5(path.c_str());
    require(is_hdf5 >= 0, Status::Io, "{}: cannot read", path);
    require(is_hdf5 > 0, Status::Format, "{}: is not an HDF5 file", path);
    const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_file_locking(access, true, true); // file systems without locks are accepted
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    impl->file = checked(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose, Status::Format, path,
                         "open (truncated, damaged or being written)");
    return Hdf5File(std::move(impl));
}

Hdf5File Hdf5File::create(const std::string& path)
{
    const Session session;
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    impl->file =
        checked(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, Status::Io, path, "create");
    return Hdf5File(std::move(impl));
}

bool Hdf5File::has(const std::string& name) const
{
    const Session session;
    return impl_->file.valid() && link_leads_somewhere(impl_->file, name);
}

bool Hdf5File::is_dataset(const std::string& name) const
{
    const Session session;
    if (!impl_->file.valid() || !link_leads_somewhere(impl_->file, name))
        return false;
    const Id object(H5Oopen(impl_->file, name.c_str(), H5P_DEFAULT), H5Oclose);
    return object.valid() && H5Iget_type(object) == H5I_DATASET;
}

std::vector<std::string> Hdf5File::list(const std::string& group) const
{
    const Session session;
    require(impl_->file.valid() && link_leads_somewhere(impl_->file, group), Status::NotFound, "{}: has no group '{}'",
            impl_->path, group);
    const Id opened = checked(H5Gopen2(impl_->file, group.c_str(), H5P_DEFAULT), H5Gclose, Status::Format,
                              impl_->where(group), "open the group");
    std::vector<std::string> names;
    if (H5Literate(opened, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_name, &names) < 0)
        fail(Status::Format, "{}: cannot list the group: {}", impl_->where(group), reason());
    return names;
}

std::vector<std::string> Hdf5File::datasets(std::size_t limit) const
{
    const Session session;
    Visited visited{{}, limit};
    if (!impl_->file.valid() || H5Lvisit(impl_->file, H5_INDEX_NAME, H5_ITER_INC, collect_dataset, &visited) < 0)
        fail(Status::Format, "{}: cannot list the datasets: {}", impl_->path, reason());
    return visited.datasets;
}

std::vector<std::int64_t> Hdf5File::shape(const std::string& name) const
{
    const Session session;
    return impl_->shape(name);
}

std::string Hdf5File::type_name(const std::string& name) const
{
    const Session session;
    return impl_->element(name).name;
}

at::Tensor Hdf5File::read(const std::string& name, std::int64_t limit_bytes) const
{
    const Session session;
    const auto sides = impl_->shape(name);
    const auto bytes = bytes_of(sides, impl_->number(name).stored, impl_->where(name));
    require(bytes <= limit_bytes, Status::Format, "{}: {} bytes; at most {} are expected", impl_->where(name), bytes,
            limit_bytes);
    return impl_->read(name, sides, H5S_ALL, H5S_ALL);
}

at::Tensor Hdf5File::read_rows(const std::string& name, std::int64_t begin, std::int64_t end) const
{
    const Session session;
    auto sides = impl_->shape(name);
    require(!sides.empty() && 0 <= begin && begin <= end && end <= sides[0], Status::InvalidArgument,
            "{}: rows [{}, {}) of shape {}", impl_->where(name), begin, end, base::shape_text(sides));
    sides[0] = end - begin;
    const std::vector<hsize_t> count(sides.begin(), sides.end());
    std::vector<hsize_t> start(sides.size(), 0);
    start[0] = static_cast<hsize_t>(begin);
    const Id file_space(H5Dget_space(impl_->dataset(name)), H5Sclose);
    const Id memory_space(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
    return impl_->read(name, sides, memory_space, file_space);
}

double Hdf5File::read_number(const std::string& name) const
{
    const Session session;
    const auto where = impl_->where(name);
    const auto element = impl_->number(name);
    require(!c10::isComplexType(element.stored), Status::Format, "{}: has type '{}'; expected a real number", where,
            element.name);
    const Id space(H5Dget_space(impl_->dataset(name)), H5Sclose);
    require_one(space, where);
    double value = 0;
    if (H5Dread(impl_->dataset(name), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) < 0)
        fail(Status::Format, "{}: cannot read: {}", where, reason());
    return value;
}

std::string Hdf5File::read_string(const std::string& name, std::size_t limit_bytes) const
{
    const Session session;
    const auto where = impl_->where(name);
    const auto dataset = impl_->dataset(name);
    const Id type(H5Dget_type(dataset), H5Tclose);
    require(H5Tget_class(type) == H5T_STRING, Status::Format, "{}: has type '{}'; expected a text", where,
            element_of(type).name);
    const Id space(H5Dget_space(dataset), H5Sclose);
    require_one(space, where);
    if (H5Tis_variable_str(type) <= 0)
        check_stored(dataset, static_cast<std::int64_t>(std::min<std::size_t>(H5Tget_size(type), limit_bytes)), where);
    return text_of(type, limit_bytes, where, [&](hid_t memory, void* out) {
        return H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
    });
}

std::optional<std::string> Hdf5File::attribute(const std::string& object, const std::string& name) const
{
    const Session session;
    const auto found = impl_->attribute(object, name);
    if (!found.valid())
        return std::nullopt;
    const Id type(H5Aget_type(found), H5Tclose);
    const Id space(H5Aget_space(found), H5Sclose);
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        return std::nullopt;
    const auto where = impl_->where(object) + ": attribute '" + name + "'";
    return text_of(type, std::size_t{1} << 20, where,
                   [&](hid_t memory, void* out) { return H5Aread(found, memory, out); });
}

std::optional<double> Hdf5File::number_attribute(const std::string& object, const std::string& name) const
{
    const Session session;
    const auto found = impl_->attribute(object, name);
    if (!found.valid())
        return std::nullopt;
    const Id type(H5Aget_type(found), H5Tclose);
    const Id space(H5Aget_space(found), H5Sclose);
    const auto kind = H5Tget_class(type);
    if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Sget_simple_extent_npoints(space) != 1)
        return std::nullopt;
    double value = 0;
    if (H5Aread(found, H5T_NATIVE_DOUBLE, &value) < 0)
        fail(Status::Format, "{}: cannot read attribute '{}': {}", impl_->where(object), name, reason());
    return value;
}

at::Tensor Hdf5File::array_attribute(const std::string& object, const std::string& name) const
{
    constexpr std::int64_t most = std::int64_t{64} << 20;
    const Session session;
    const auto found = impl_->attribute(object, name);
    if (!found.valid())
        return {};
    const Id type(H5Aget_type(found), H5Tclose);
    const Id space(H5Aget_space(found), H5Sclose);
    const auto element = element_of(type);
    const auto where = impl_->where(object) + ": attribute '" + name + "'";
    // What an attribute claims to hold is compared with what the file stores.
    const auto sides = sides_of(space);
    if (!element.numeric() || H5Sget_simple_extent_type(space) == H5S_NULL ||
        bytes_of(sides, element.stored, where) > std::min<std::int64_t>(most, 4 * H5Aget_storage_size(found)))
        return {};
    auto tensor = allocate(sides, element.stored, where);
    if (tensor.numel() > 0 && H5Aread(found, element.memory(), tensor.data_ptr()) < 0)
        fail(Status::Format, "{}: cannot read: {}", where, reason());
    return tensor;
}

void Hdf5File::write(const std::string& name, const at::Tensor& tensor, bool compress)
{
    const auto held = tensor.detach().cpu().contiguous().resolve_conj().resolve_neg();
    const Session session;
    const auto type = write_type(held.scalar_type(), impl_->where(name));
    const auto space = space_of(held);
    const Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    if (compress && held.dim() > 0 && held.numel() > 0)
        compress_in_chunks(properties, held.sizes().vec(), held.element_size());
    const auto dataset = impl_->create_dataset(name, type, space, properties);
    if (held.numel() > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, held.data_ptr()) < 0)
        fail(Status::Io, "{}: cannot write: {}", impl_->where(name), reason());
}

void Hdf5File::write_booleans(const std::string& name, const at::Tensor& tensor)
{
    const auto held = tensor.detach().cpu().to(at::kByte).contiguous();
    const Session session;
    const Id type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
    for (const signed char value : {0, 1})
        H5Tenum_insert(type, value == 0 ? "FALSE" : "TRUE", &value);
    const auto space = space_of(held);
    const auto dataset = impl_->create_dataset(name, type, space, H5P_DEFAULT);
    if (held.numel() > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, held.data_ptr()) < 0)
        fail(Status::Io, "{}: cannot write: {}", impl_->where(name), reason());
}

void Hdf5File::create_rows(const std::string& name, const std::vector<std::int64_t>& shape, at::ScalarType type)
{
    require(!shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0, Status::InvalidArgument,
            "{}: rows of shape {}", impl_->where(name), base::shape_text(shape));
    const Session session;
    const auto stored = write_type(type, impl_->where(name));
    const std::vector<hsize_t> sides(shape.begin(), shape.end());
    const Id space(H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr), H5Sclose);
    const Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    compress_in_chunks(properties, shape, c10::elementSize(type));
    impl_->create_dataset(name, stored, space, properties);
}

void Hdf5File::write_rows(const std::string& name, std::int64_t begin, const at::Tensor& rows)
{
    const auto held = rows.detach().cpu().contiguous().resolve_conj().resolve_neg();
    const Session session;
    const auto sides = impl_->shape(name);
    const bool fits = held.dim() == static_cast<std::int64_t>(sides.size()) && held.dim() > 0 &&
                      held.sizes().slice(1).equals(at::IntArrayRef(sides).slice(1)) && begin >= 0 &&
                      held.size(0) <= sides[0] - begin;
    require(fits, Status::Shape, "{}: rows of shape {} from {} on do not fit into {}", impl_->where(name),
            base::shape_of(held), begin, base::shape_text(sides));
    const auto type = write_type(held.scalar_type(), impl_->where(name));
    const auto memory_space = space_of(held);
    const Id file_space(H5Dget_space(impl_->dataset(name)), H5Sclose);
    const std::vector<hsize_t> count(held.sizes().begin(), held.sizes().end());
    std::vector<hsize_t> start(count.size(), 0);
    start[0] = static_cast<hsize_t>(begin);
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
    if (H5Dwrite(impl_->dataset(name), type, memory_space, file_space, H5P_DEFAULT, held.data_ptr()) < 0)
        fail(Status::Io, "{}: cannot write: {}", impl_->where(name), reason());
}

void Hdf5File::write_string(const std::string& name, const std::string& text)
{
    const Session session;
    const auto type = text_type(text.size());
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    const auto dataset = impl_->create_dataset(name, type, space, H5P_DEFAULT);
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.c_str()) < 0)
        fail(Status::Io, "{}: cannot write: {}", impl_->where(name), reason());
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, const std::string& text)
{
    const Session session;
    impl_->write_attribute(object, name, text_type(text.size()), text.c_str());
}

void Hdf5File::set_str_attribute(const std::string& object, const std::string& name, const std::string& text)
{
    const Session session;
    const Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const char* raw = text.c_str();
    impl_->write_attribute(object, name, type, &raw);
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, double value)
{
    const Session session;
    impl_->write_attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5File::link(const std::string& target, const std::string& name)
{
    const Session session;
    const auto groups = making_groups();
    if (!impl_->file.valid() || H5Lcreate_soft(target.c_str(), impl_->file, name.c_str(), groups, H5P_DEFAULT) < 0)
        fail(Status::Io, "{}: cannot link to '{}': {}", impl_->where(name), target, reason());
}

void Hdf5File::close()
{
    const Session session;
    if (!impl_->file.valid())
        return;
    impl_->datasets.clear();
    const bool flushed = H5Fflush(impl_->file, H5F_SCOPE_LOCAL) >= 0;
    const auto why = flushed ? std::string() : reason();
    const bool closed = impl_->file.reset() >= 0;
    require(flushed && closed, Status::Io, "{}: cannot write: {}", impl_->path, flushed ? reason() : why);
}

} // namespace ptk::data
