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
