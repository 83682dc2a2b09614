#include "base/error.h"
#include "data/raw_scan.h"

#include <algorithm>
#include <filesystem>

namespace ptk::data {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> archives_in(const std::string& path)
{
    std::vector<std::string> names;
    std::error_code code;
    for (auto entry = fs::directory_iterator(path, code); !code && entry != fs::directory_iterator();
         entry.increment(code))
        if (entry->path().extension() == ".npz")
            names.push_back(entry->path().string());
    require(!code, Status::Io, "{}: cannot list the folder: {}", path, code.message());
    std::sort(names.begin(), names.end());
    return names;
}

std::string diffraction_of(const std::string& folder)
{
    return (fs::path(folder) / "diffraction.h5").string();
}

} // namespace

bool is_folder(const std::string& path)
{
    std::error_code code;
    return fs::is_directory(path, code);
}

std::vector<std::string> scans_at(const std::string& path)
{
    std::error_code code;
    if (!is_folder(path) || fs::is_regular_file(diffraction_of(path), code))
        return {path};
    auto names = archives_in(path);
    require(!names.empty(), Status::NotFound,
            "{}: a folder without 'diffraction.h5' (ptychodus) and without .npz files", path);
    return names;
}

RawScan read_ptychodus_folder(const std::string& path, const config::Settings& settings)
{
    return read_hdf5_scan(diffraction_of(path), settings);
}

} // namespace ptk::data
