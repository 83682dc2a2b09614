#include "base/file_lock.h"

#include "base/error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace ptk::base {

namespace {

/// True while the open file is the one of this name: its last holder removes the name.
bool still_named(int descriptor, const std::string& name)
{
    struct stat open {
    }, named{};
    return ::fstat(descriptor, &open) == 0 && ::stat(name.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
           open.st_dev == named.st_dev;
}

} // namespace

FileLock::FileLock(const std::filesystem::path& path, const Monitor& monitor, const std::function<void()>& waiting)
    : name_(path.string() + ".lock")
{
    constexpr auto pause = std::chrono::milliseconds(20);
    bool told = false;
    for (;;) {
        descriptor_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor_ < 0)
            fail(Status::Io, "{}: cannot be made: {}", name_, std::strerror(errno));
        if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR)) {
            ::close(descriptor_);
            if (!told && waiting)
                waiting();
            told = true;
            monitor.check();
            std::this_thread::sleep_for(pause);
            continue;
        }
        if (still_named(descriptor_, name_))
            return;
        ::close(descriptor_);
    }
}

FileLock::~FileLock()
{
    ::unlink(name_.c_str()); // while it is locked: nobody else can hold another file of this name
    ::close(descriptor_);
}

} // namespace ptk::base
