#include "base/atomic_file.h"

#include "base/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ptk::base {

namespace {

[[noreturn]] void fail_io(const std::filesystem::path& path, const char* action, int code)
{
    fail(Status::Io, "{}: cannot {}: {}", path.string(), action, std::strerror(code));
}

void sync(const std::filesystem::path& path, int flags)
{
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0)
        fail_io(path, "open", errno);
    const int result = ::fsync(descriptor);
    const int code = errno;
    ::close(descriptor);
    // Some file systems cannot sync a folder (EINVAL); the rename is done all the same.
    if (result != 0 && code != EINVAL)
        fail_io(path, "write to disk", code);
}

std::filesystem::path folder_of(const std::filesystem::path& path)
{
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

} // namespace

void write_atomically(const std::filesystem::path& path, const std::function<void(const std::string&)>& write)
{
    std::string temporary = path.string() + ".XXXXXX";
    const int descriptor = ::mkstemp(temporary.data());
    if (descriptor < 0)
        fail_io(path, "create a file beside it", errno);
    // mkstemp makes files private; a result file gets the usual permissions.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    ::fchmod(descriptor, 0666 & ~mask);
    ::close(descriptor);
    try {
        write(temporary);
        sync(temporary, O_RDONLY);
        if (::rename(temporary.c_str(), path.c_str()) != 0)
            fail_io(path, "rename the finished file to it", errno);
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    sync(folder_of(path), O_RDONLY | O_DIRECTORY);
}

namespace {

/// Closes; a name is removed when it is still there.
struct Draft {
    int descriptor = -1;
    std::string name{}; ///< "" while it has none
    ~Draft()
    {
        if (!name.empty())
            ::unlink(name.c_str());
        ::close(descriptor);
    }
    Draft(int open, std::string named) : descriptor(open), name(std::move(named)) {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
};

/// A name beside @p path that is free now, given to the finished file.
std::string link_beside(int descriptor, const std::filesystem::path& path)
{
    const auto from = "/proc/self/fd/" + std::to_string(descriptor);
    for (int attempt = 0; attempt < 100; ++attempt) {
        auto name = path.string() + "." + std::to_string(::getpid()) + "." + std::to_string(attempt);
        if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
            return name;
        if (errno != EEXIST)
            break;
    }
    fail_io(path, "name the finished file", errno);
}

} // namespace

void write_atomically_unnamed(const std::filesystem::path& path, const std::function<void(int descriptor)>& write)
{
    const int unnamed = ::open(folder_of(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (unnamed < 0) { // an older file system, or a folder that cannot be written, which is said here
        write_atomically(path, [&](const std::string& temporary) {
            const int named = ::open(temporary.c_str(), O_RDWR | O_CLOEXEC);
            if (named < 0)
                fail_io(path, "open a file beside it", errno);
            const Draft draft(named, "");
            write(named);
        });
        return;
    }
    Draft draft(unnamed, "");
    write(unnamed);
    if (::fsync(unnamed) != 0)
        fail_io(path, "write to disk", errno);
    draft.name = link_beside(unnamed, path);
    if (::rename(draft.name.c_str(), path.c_str()) != 0)
        fail_io(path, "rename the finished file to it", errno);
    draft.name.clear();
    sync(folder_of(path), O_RDONLY | O_DIRECTORY);
}

void write_text(const std::filesystem::path& path, const std::string& text)
{
    write_atomically(path, [&](const std::string& temporary) {
        std::ofstream stream(temporary, std::ios::binary);
        stream << text;
        stream.close();
        require(static_cast<bool>(stream), Status::Io, "{}: cannot write {} bytes", path.string(), text.size());
    });
}

std::string read_text(const std::filesystem::path& path, std::size_t limit)
{
    std::error_code code;
    const auto size = std::filesystem::file_size(path, code);
    if (code)
        fail(Status::Io, "{}: cannot read: {}", path.string(), code.message());
    require(size <= limit, Status::Format, "{}: {} bytes is more than the {} expected of such a file", path.string(),
            size, limit);
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path.string());
    return text.str();
}

} // namespace ptk::base
