#include "base/error.h"
#include "base/shape.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
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

void require_same(const RawScan& first, const RawScan& other)
{
    const auto expected = first.frames_shape(), found = other.frames_shape();
    require(found.size() == 3 && expected.size() == 3 && found[1] == expected[1] && found[2] == expected[2],
            Status::Shape, "{}: frames of shape {}, but those of {} have shape {}", other.source,
            base::shape_text(found), first.source, base::shape_text(expected));
    require(found[0] > 0, Status::Shape, "{}: '{}' has no frames", other.source, other.frames_key);
    require(other.stated == first.stated, Status::Format, "{}: says another measurement of its frames than {}",
            other.source, first.source);
    require(other.x.dim() == 1 && other.y.dim() == 1 && other.x.size(0) >= found[0] && other.y.size(0) >= found[0],
            Status::Shape, "{}: {} positions for {} frames", other.source, other.x.numel(), found[0]);
}

/// Positions of one experiment, the surplus at the end dropped, moved so that they begin @p left of the experiments
/// before.
void place(RawScan& part, double& left, double gap)
{
    const auto n = part.frames_shape()[0];
    part.x = part.x.slice(0, 0, n).to(at::kDouble);
    part.y = part.y.slice(0, 0, n).to(at::kDouble);
    const double low = part.x.min().item<double>(), extent = part.x.max().item<double>() - low;
    require(std::isfinite(low) && std::isfinite(extent), Status::Format, "{}: '{}' has a number that is not finite",
            part.source, part.x_key);
    part.x = part.x + (left - low);
    left += extent + std::max(gap, 2 * extent);
}

} // namespace

RawScan read_folder(const std::string& path, const config::Settings& settings)
{
    std::error_code code;
    const auto diffraction = fs::path(path) / "diffraction.h5";
    if (fs::is_regular_file(diffraction, code))
        return read_hdf5_scan(diffraction.string(), settings);
    const auto names = archives_in(path);
    require(!names.empty(), Status::NotFound,
            "{}: a folder without 'diffraction.h5' (ptychodus) and without .npz files", path);
    auto all = read_npz_scan(names.front(), settings);
    if (names.size() == 1)
        return all;
    std::vector<at::Tensor> frames, x, y;
    std::vector<FrameRowsPtr> disk;
    double left = 0;
    for (const auto& name : names) {
        auto part = name == names.front() ? all : read_npz_scan(name, settings);
        require_same(all, part);
        if (left == 0)
            left = part.x.min().item<double>();
        place(part, left, 4.0 * static_cast<double>(part.frames_shape()[2]));
        if (part.disk)
            disk.push_back(part.disk);
        else
            frames.push_back(part.frames);
        x.push_back(part.x);
        y.push_back(part.y);
        if (part.probe.defined() && all.probe.defined() && !part.probe.equal(all.probe))
            all.notes.push_back(fmt::format("{}: another probe than that of {}, which is used", name, names.front()));
        if (part.bad_pixels.defined())
            all.bad_pixels = all.bad_pixels.defined() ? all.bad_pixels.logical_or(part.bad_pixels) : part.bad_pixels;
    }
    all.source = path;
    if (disk.empty())
        all.frames = at::cat(frames);
    else
        all.disk = joined_rows(std::move(disk));
    all.x = at::cat(x);
    all.y = at::cat(y);
    all.object = at::Tensor();
    all.notes.push_back(fmt::format(
        "{} experiments lie side by side in x, far enough apart that none overlap; their objects are left out",
        names.size()));
    return all;
}

} // namespace ptk::data
