#pragma once
#include "base/progress.h"

#include <filesystem>
#include <functional>
#include <string>

namespace ptk::base {

/// The only one who works on @p path, among all threads and processes of this machine, while it lives: holds the file
/// "PATH.lock", which is removed at the end; one left by a process that was killed does not lock. Where the file
/// system has no locks (some network file systems) nobody is kept out.
class FileLock {
public:
    /// Waits for it. @param waiting  called once when somebody else holds it
    /// @throws Error(Io) when the lock file cannot be made; Error(Cancelled)
    FileLock(const std::filesystem::path& path, const Monitor& monitor, const std::function<void()>& waiting = {});
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

private:
    std::string name_;
    int descriptor_ = -1;
};

} // namespace ptk::base
