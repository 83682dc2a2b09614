#include "data/frame_store.h"

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/shape.h"
#include "data/frame_numbers.h"
#include "data/gather.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace ptk::data {

namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> magic{'P', 'T', 'K', 'F', 'R', 'A', 'M', 'E'};
constexpr std::uint32_t byte_order = 0x01020304;
constexpr std::uint32_t version = 1;
constexpr std::uint64_t page = 4096;
constexpr std::uint64_t line = 64;
constexpr std::uint64_t largest_identity = std::uint64_t{64} << 20;
constexpr std::int64_t slab_pixels = std::int64_t{4} << 20;     ///< of the source, worked on at once
constexpr std::int64_t most_resident = std::int64_t{256} << 20; ///< bytes of the mapping
constexpr std::int64_t looked_after = std::int64_t{4} << 20; ///< bytes gathered between two looks at what is resident

enum class Pixel : std::uint32_t { U8 = 1, U16 = 2, I32 = 3, F32 = 4 };
constexpr std::uint32_t fractions_flag = 1;

struct Header {
    std::array<char, 8> magic{};
    std::uint32_t byte_order = 0;
    std::uint32_t version = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t frames = 0;
    std::uint64_t side = 0;
    std::uint32_t pixel = 0;
    std::uint32_t flags = 0;
    std::uint64_t stride = 0;
    std::uint64_t first_frame = 0;
    std::uint64_t identity_bytes = 0;
    std::uint64_t checksum = 0;
    std::array<char, 48> reserved{};
};
static_assert(sizeof(Header) == 128 && std::is_trivially_copyable_v<Header>);

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

std::uint64_t stride_of(std::uint64_t frame_bytes)
{
    const auto pages = rounded_up(frame_bytes, page);
    return pages - frame_bytes <= frame_bytes / 8 ? pages : rounded_up(frame_bytes, line);
}

std::uint64_t checksum_of(Header header, const std::string& identity)
{
    header.checksum = 0;
    return base::checksum(identity.data(), identity.size(), base::checksum(&header, sizeof(header)));
}

std::int64_t pixel_bytes(Pixel pixel)
{
    return pixel == Pixel::U8 ? 1 : pixel == Pixel::U16 ? 2 : 4;
}

at::ScalarType tensor_type(Pixel pixel)
{
    switch (pixel) {
    case Pixel::U8:
        return at::kByte;
    case Pixel::U16:
        return at::kUInt16;
    case Pixel::I32:
        return at::kInt;
    case Pixel::F32:
        break;
    }
    return at::kFloat;
}

Pixel pixel_for(at::ScalarType source, const DetectorSteps& steps)
{
    if (steps.dark.defined() || steps.bin > 1)
        return Pixel::F32;
    switch (source) {
    case at::kBool:
    case at::kByte:
    case at::kChar:
        return Pixel::U8;
    case at::kUInt16:
    case at::kShort:
        return Pixel::U16;
    case at::kInt:
        return Pixel::I32;
    default:
        return Pixel::F32;
    }
}

// ---- what a store is made of ----

std::string file_line(const std::string& path)
{
    struct stat status {};
    require(::stat(path.c_str(), &status) == 0, Status::Io, "{}: cannot read: {}", path, std::strerror(errno));
    std::error_code code;
    const auto whole = fs::canonical(path, code);
    return fmt::format("file {} of {} bytes, changed {}.{:09}", code ? path : whole.string(), status.st_size,
                       status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

std::string mark(const at::Tensor& tensor)
{
    if (!tensor.defined())
        return "none";
    const auto flat = tensor.contiguous();
    return fmt::format("{:016x}", base::checksum(flat.const_data_ptr(), flat.nbytes()));
}

std::string identity_of(const StoreSource& source)
{
    const auto& steps = source.steps;
    std::string text;
    for (const auto& file : source.rows->files())
        text += file_line(file) + "\n";
    const auto shape = source.rows->shape();
    text += fmt::format("array {} {} {}\n", source.key, base::shape_text(shape), c10::toString(source.rows->type()));
    text += fmt::format("corner {}\ncrop {}\nbin {}\npad {}\n", steps.corner, steps.crop.value_or(0), steps.bin,
                        steps.pad.value_or(0));
    text += fmt::format("flip_x {}\nflip_y {}\ntranspose {}\n", steps.flip_x, steps.flip_y, steps.transpose);
    text += fmt::format("bad pixels {}\ndark {}\n", mark(steps.bad), mark(steps.dark));
    return text;
}

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

/// The first line that is not as it was.
std::string change(const std::string& before, const std::string& now)
{
    const auto old = lines_of(before), fresh = lines_of(now);
    for (std::size_t i = 0; i < fresh.size(); ++i)
        if (i >= old.size() || old[i] != fresh[i])
            return fmt::format("'{}' instead of '{}'", fresh[i], i < old.size() ? old[i] : "nothing");
    return "fewer parts than before";
}

// ---- a file that may be a store ----

/// An open file, closed at its end.
struct Descriptor {
    int value;
    explicit Descriptor(int open) : value(open) {}
    Descriptor(Descriptor&& other) noexcept : value(std::exchange(other.value, -1)) {}
    ~Descriptor()
    {
        if (value >= 0)
            ::close(value);
    }
};

/// A mapped file.
class Mapping {
public:
    Mapping(Descriptor file, std::uint64_t bytes, const std::string& path) : file_(std::move(file)), bytes_(bytes)
    {
        first_ = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file_.value, 0);
        require(first_ != MAP_FAILED, errno == ENOMEM ? Status::OutOfMemory : Status::Io, "{}: cannot be mapped: {}",
                path, std::strerror(errno));
    }
    ~Mapping() { ::munmap(first_, bytes_); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    const char* first() const { return static_cast<const char*>(first_); }

    bool whole() const
    {
        struct stat status {};
        return ::fstat(file_.value, &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= bytes_;
    }

    /// The system may begin to read these bytes. It shortens long requests, so one frame a call.
    void will_need(std::uint64_t offset, std::uint64_t bytes) const
    {
        const auto begin = offset / page * page;
        ::madvise(static_cast<char*>(first_) + begin, offset + bytes - begin, MADV_WILLNEED);
    }

    /// Takes all pages out of the process; they stay in the system's cache.
    void let_go() const { ::madvise(first_, bytes_, MADV_DONTNEED); }

private:
    Descriptor file_;
    std::uint64_t bytes_;
    void* first_ = nullptr;
};

/// Bytes of files that are mapped into the process and in its resident set; nothing where the system does not say.
std::optional<std::int64_t> resident_file_bytes()
{
    std::ifstream stream("/proc/self/statm");
    std::int64_t all = 0, resident = 0, shared = 0;
    if (!(stream >> all >> resident >> shared))
        return std::nullopt;
    return shared * static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
}

class StoredFrames final : public Frames {
public:
    StoredFrames(const Header& header, std::unique_ptr<const Mapping> mapping, std::string path)
        : mapping_(std::move(mapping)), path_(std::move(path)), first_frame_(header.first_frame)
    {
        memory_.first = mapping_->first() + header.first_frame;
        memory_.frames = static_cast<std::int64_t>(header.frames);
        memory_.side = static_cast<std::int64_t>(header.side);
        memory_.stride = static_cast<std::int64_t>(header.stride);
        memory_.type = tensor_type(static_cast<Pixel>(header.pixel));
    }
    std::int64_t size() const override { return memory_.frames; }
    std::int64_t side() const override { return memory_.side; }
    bool on_disk() const override { return true; }

    at::Tensor gather(const at::Tensor& indices) const override
    {
        require(mapping_->whole(), Status::Io, "{}: was cut while it is in use; it has to be built anew", path_);
        will_need(indices);
        auto frames = gather_frames(memory_, indices);
        limit_resident(indices.numel() * memory_.stride);
        return frames;
    }

private:
    /// The system may map up to 2 MiB around a touched byte, so what is resident is asked for, not counted.
    void limit_resident(std::int64_t gathered) const
    {
        if (gathered_.fetch_add(gathered) + gathered < looked_after)
            return;
        gathered_ = 0;
        const auto now = resident_file_bytes();
        if (!now || *now - resident_before_ > most_resident)
            mapping_->let_go();
    }

    void will_need(const at::Tensor& indices) const
    {
        const auto flat = indices.contiguous();
        const auto* index = flat.const_data_ptr<std::int64_t>();
        for (std::int64_t k = 0; k < flat.numel(); ++k)
            if (index[k] >= 0 && index[k] < memory_.frames)
                mapping_->will_need(first_frame_ + static_cast<std::uint64_t>(index[k] * memory_.stride),
                                    static_cast<std::uint64_t>(memory_.stride));
    }

    std::unique_ptr<const Mapping> mapping_;
    std::string path_;
    std::uint64_t first_frame_;
    FrameMemory memory_;
    std::int64_t resident_before_ = resident_file_bytes().value_or(0);
    mutable std::atomic<std::int64_t> gathered_ = 0; ///< bytes since the last look
};

/// The header holds together and describes a file of this size; else what is wrong.
std::string fault_of(const Header& header, std::uint64_t file_bytes)
{
    if (header.byte_order != byte_order)
        return "it was written on a machine of another byte order";
    if (header.version < version)
        return fmt::format("it has the old version {}", header.version);
    if (header.file_bytes != file_bytes)
        return fmt::format("it has {} bytes instead of {}", file_bytes, header.file_bytes);
    const bool sides = header.side >= 1 && header.side <= 65536 && header.frames >= 1 && header.pixel >= 1 &&
                       header.pixel <= 4 && header.identity_bytes <= largest_identity;
    if (!sides)
        return "its header is damaged";
    const auto frame = header.side * header.side * static_cast<std::uint64_t>(pixel_bytes(Pixel{header.pixel}));
    const bool fits = header.stride == stride_of(frame) &&
                      header.first_frame == rounded_up(sizeof(Header) + header.identity_bytes, page) &&
                      header.first_frame <= file_bytes &&
                      header.frames == (file_bytes - header.first_frame) / header.stride &&
                      file_bytes == header.first_frame + header.frames * header.stride;
    return fits ? "" : "its header is damaged";
}

bool read_at(int descriptor, void* out, std::uint64_t bytes, std::uint64_t offset)
{
    auto* to = static_cast<char*>(out);
    while (bytes > 0) {
        const auto got = ::pread(descriptor, to, bytes, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        bytes -= static_cast<std::uint64_t>(got);
        offset += static_cast<std::uint64_t>(got);
    }
    return true;
}

/// A store that fits, or why there is none.
struct Found {
    std::optional<FrameStore> store;
    std::string reason;
};

Found find_store(const std::string& path, const std::string& identity)
{
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.value < 0 && errno == ENOENT)
        return {std::nullopt, "there is none"};
    require(file.value >= 0, Status::Io, "{}: cannot read: {}", path, std::strerror(errno));
    struct stat status {};
    require(::fstat(file.value, &status) == 0 && S_ISREG(status.st_mode), Status::Io, "{}: is not a file", path);
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    Header header;
    const bool begins = bytes >= magic.size() && read_at(file.value, header.magic.data(), magic.size(), 0);
    require(begins && header.magic == magic, Status::Format,
            "{}: is there already and is no frame store; choose another data.store, or remove it", path);
    if (!read_at(file.value, &header, sizeof(header), 0))
        return {std::nullopt, fmt::format("it has {} bytes, too few", bytes)};
    require(header.byte_order != byte_order || header.version <= version, Status::Format,
            "{}: is a frame store of version {}, newer than the {} known here; choose another data.store, or remove it",
            path, header.version, version);
    if (auto fault = fault_of(header, bytes); !fault.empty())
        return {std::nullopt, std::move(fault)};
    std::string found(header.identity_bytes, '\0');
    if (!read_at(file.value, found.data(), found.size(), sizeof(header)) ||
        checksum_of(header, found) != header.checksum)
        return {std::nullopt, "its header is damaged"};
    if (found != identity)
        return {std::nullopt, change(found, identity)};
    FrameStore store;
    store.fractions = (header.flags & fractions_flag) != 0;
    auto mapping = std::make_unique<const Mapping>(std::move(file), bytes, path);
    store.frames = std::make_shared<StoredFrames>(header, std::move(mapping), path);
    return {std::move(store), ""};
}

// ---- building ----

void write_at(int descriptor, const void* data, std::uint64_t bytes, std::uint64_t offset, const std::string& path)
{
    const auto* from = static_cast<const char*>(data);
    while (bytes > 0) {
        const auto done = ::pwrite(descriptor, from, bytes, static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR)
            continue;
        require(done > 0, Status::Io, "{}: cannot write: {}", path, std::strerror(done < 0 ? errno : ENOSPC));
        from += done;
        bytes -= static_cast<std::uint64_t>(done);
        offset += static_cast<std::uint64_t>(done);
    }
}

/// Takes the place on the disk now, where the file system can, so that a full disk is known before the work.
void reserve(int descriptor, std::uint64_t bytes, const std::string& path)
{
    if (::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) == 0)
        return;
    require(errno != ENOSPC && errno != EFBIG && errno != EDQUOT, Status::Io,
            "{}: no place for the {:.1f} MiB of the frame store: {}", path, static_cast<double>(bytes) / 1048576,
            std::strerror(errno));
}

class Builder {
public:
    Builder(const StoreSource& source, const std::string& identity, const std::string& path)
        : source_(source), identity_(identity), path_(path), shape_(source.rows->shape())
    {
        pixel_ = pixel_for(source.rows->type(), source.steps);
        header_.magic = magic;
        header_.byte_order = byte_order;
        header_.version = version;
        header_.frames = static_cast<std::uint64_t>(shape_[0]);
        header_.side =
            static_cast<std::uint64_t>(source.steps.side_after(shape_[1], shape_[2], source.source, source.key));
        header_.pixel = static_cast<std::uint32_t>(pixel_);
        frame_bytes_ = header_.side * header_.side * static_cast<std::uint64_t>(pixel_bytes(pixel_));
        header_.stride = stride_of(frame_bytes_);
        header_.identity_bytes = identity.size();
        header_.first_frame = rounded_up(sizeof(Header) + identity.size(), page);
        header_.file_bytes = header_.first_frame + header_.frames * header_.stride;
    }

    void write(int descriptor, const Monitor& monitor)
    {
        reserve(descriptor, header_.file_bytes, path_);
        const auto began = std::chrono::steady_clock::now();
        const auto at_once = std::max<std::int64_t>(1, slab_pixels / (shape_[1] * shape_[2]));
        Progress progress{.phase = "store", .steps = shape_[0]};
        for (std::int64_t begin = 0; begin < shape_[0]; begin += at_once) {
            monitor.check();
            const auto end = std::min(begin + at_once, shape_[0]);
            put(descriptor, finished(source_.rows->rows(begin, end), begin), begin);
            progress.step = end;
            progress.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
            progress.frames_per_second = static_cast<double>(end) / std::max(progress.seconds, 1e-9);
            monitor.report(progress);
        }
        finish(descriptor);
    }

private:
    /// Checked and changed, in the type of the store.
    at::Tensor finished(at::Tensor frames, std::int64_t first)
    {
        // Bad pixels may hold anything; what is left has to be numbers before sums and differences hide them.
        DetectorSteps cleared;
        cleared.bad = source_.steps.bad;
        if (!cleared.nothing())
            frames = cleared.apply(std::move(frames));
        check_numbers(frames, first, source_.source, source_.key);
        fractions_ = fractions_ || has_fractions(frames);
        if (!source_.steps.nothing())
            frames = source_.steps.apply(std::move(frames));
        return frames.to(tensor_type(pixel_)).contiguous();
    }

    void put(int descriptor, const at::Tensor& frames, std::int64_t first) const
    {
        const auto* data = static_cast<const char*>(frames.const_data_ptr());
        const auto count = static_cast<std::uint64_t>(frames.size(0));
        const auto offset = header_.first_frame + static_cast<std::uint64_t>(first) * header_.stride;
        if (header_.stride == frame_bytes_)
            return write_at(descriptor, data, count * frame_bytes_, offset, path_);
        std::vector<char> padded(count * header_.stride, 0);
        for (std::uint64_t k = 0; k < count; ++k)
            std::memcpy(padded.data() + k * header_.stride, data + k * frame_bytes_, frame_bytes_);
        write_at(descriptor, padded.data(), padded.size(), offset, path_);
    }

    void finish(int descriptor)
    {
        header_.flags = fractions_ ? fractions_flag : 0;
        header_.checksum = checksum_of(header_, identity_);
        std::vector<char> front(header_.first_frame, 0);
        std::memcpy(front.data(), &header_, sizeof(header_));
        std::memcpy(front.data() + sizeof(header_), identity_.data(), identity_.size());
        write_at(descriptor, front.data(), front.size(), 0, path_);
        require(identity_of(source_) == identity_, Status::Io,
                "{}: changed while its frame store was built; try again when it is complete", source_.source);
    }

    const StoreSource& source_;
    const std::string& identity_;
    const std::string& path_;
    std::vector<std::int64_t> shape_;
    Pixel pixel_ = Pixel::F32;
    Header header_;
    std::uint64_t frame_bytes_ = 0;
    bool fractions_ = false;
};

} // namespace

std::string store_path(const std::string& option, const std::string& source)
{
    std::error_code code;
    auto scan = fs::path(source).lexically_normal();
    if (!scan.has_filename())
        scan = scan.parent_path();
    if (option == "auto")
        return scan.string() + ".ptkframes";
    if (!fs::is_directory(option, code))
        return option;
    // Scans of one name in different folders are different scans.
    const auto whole = fs::weakly_canonical(scan, code).string();
    return (fs::path(option) / fmt::format("{}-{:08x}.ptkframes", scan.filename().string(),
                                           base::checksum(whole.data(), whole.size()) & 0xffffffff))
        .string();
}

FrameStore open_frame_store(const std::string& path, const StoreSource& source, bool remake, const Monitor& monitor,
                            Log& log)
{
    const auto shape = source.rows->shape();
    const auto type = source.rows->type();
    require(shape.size() == 3 && shape[0] > 0 && shape[1] > 0 && shape[2] > 0 && !c10::isComplexType(type),
            Status::Shape, "{}: '{}' has shape {} of {}, expected (frames, N, N) real", source.source, source.key,
            base::shape_text(shape), c10::toString(type));
    const auto identity = identity_of(source);
    require(identity.size() <= largest_identity, Status::Unsupported, "{}: too many files for one frame store",
            source.source);
    auto found = find_store(path, identity);
    if (found.store && !remake)
        return std::move(*found.store);

    const base::FileLock lock(path, monitor, [&] { log.info("data", "{}: waits for another who builds it", path); });
    found = find_store(path, identity); // as somebody else may have left it
    if (found.store && !remake)
        return std::move(*found.store);
    log.info("data", "{}: the frame store is built: {}", path, remake ? "data.remake_store asks for it" : found.reason);
    Builder builder(source, identity, path);
    base::write_atomically_unnamed(path, [&](int descriptor) { builder.write(descriptor, monitor); });
    found = find_store(path, identity);
    require(found.store.has_value(), Status::Io, "{}: is not as it was written: {}", path, found.reason);
    found.store->built = true;
    return std::move(*found.store);
}

} // namespace ptk::data
