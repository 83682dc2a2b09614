#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace ptk::base {

/// Write a file so that its name holds either the old content or the whole new one: @p write gets a temporary path
/// beside
/// @p path; then the file is fsynced and renamed, and the folder fsynced. On any failure the temporary file is removed
/// and the old file is untouched.
/// @throws Error(Io) naming the path and the system's reason; what @p write throws passes through
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::string& temporary)>& write);

/// The same for a large file, by descriptor: where the file system can (O_TMPFILE) the file has no name until it is
/// whole, so that nothing is left when the process is killed.
void write_atomically_unnamed(const std::filesystem::path& path, const std::function<void(int descriptor)>& write);

/// write_atomically() of a text.
void write_text(const std::filesystem::path& path, const std::string& text);

/// The whole file. @throws Error(Io), and Error(Format) beyond @p limit bytes
std::string read_text(const std::filesystem::path& path, std::size_t limit = std::size_t{64} << 20);

} // namespace ptk::base
