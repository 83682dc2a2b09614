#include "base/error.h"
#include "base/text.h"
#include "data/hdf5_file.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/roll.h>

namespace ptk::data {

namespace {

/// Frames that stay in their HDF5 file; rows are read in runs when they are gathered, and checked then.
class DiskFrames final : public Frames {
public:
    DiskFrames(std::shared_ptr<const Hdf5File> file, std::string path, std::string key, bool corner)
        : file_(std::move(file)), path_(std::move(path)), key_(std::move(key)), shape_(file_->shape(key_)), corner_(corner)
    {
    }
    std::int64_t size() const override { return shape_[0]; }
    std::int64_t side() const override { return shape_[1]; }
    bool on_disk() const override { return true; }

    at::Tensor gather(const at::Tensor& indices) const override
    {
        const auto [sorted, order] = indices.sort();
        auto frames = at::empty({indices.size(0), side(), side()}, at::kFloat);
        const auto* row = sorted.const_data_ptr<std::int64_t>();
        const auto count = indices.size(0);
        for (std::int64_t begin = 0; begin < count;) {
            std::int64_t end = begin + 1;
            while (end < count && row[end] <= row[end - 1] + 1)  // overlapping groups ask for a frame more than once
                ++end;
            const auto block = rows(row[begin], row[end - 1] + 1);
            frames.index_copy_(0, order.slice(0, begin, end), block.index_select(0, sorted.slice(0, begin, end) - row[begin]));
            begin = end;
        }
        return frames;
    }

private:
    at::Tensor rows(std::int64_t first, std::int64_t end) const
    {
        const auto block = checked(file_->read_rows(key_, first, end).to(at::kFloat), first);
        return corner_ ? at::roll(block, {side() / 2, side() / 2}, {1, 2}) : block;
    }

    at::Tensor checked(at::Tensor block, std::int64_t first) const
    {
        require(at::isfinite(block).all().item<bool>(), Status::Format, "{}: '{}' has NaN or infinite values in frames {} to {}", path_, key_, first, first + block.size(0) - 1);
        require(block.min().item<float>() >= 0, Status::Format, "{}: '{}' has negative values in frames {} to {}", path_, key_, first, first + block.size(0) - 1);
        return block;
    }

    std::shared_ptr<const Hdf5File> file_;
    std::string path_;
    std::string key_;
    std::vector<std::int64_t> shape_;
    bool corner_;
};

std::string first_of(const Hdf5File& file, const std::vector<std::string>& names)
{
    for (const auto& name : names)
        if (file.is_dataset(name))
            return name;
    return {};
}

std::string frames_of(const Hdf5File& file, const std::string& entry)
{
    return first_of(file, {entry + "/data_1/data", entry + "/instrument_1/detector_1/data"});
}

/// The first entry that has frames.
std::string entry_of(const Hdf5File& file, const std::string& path)
{
    std::string without;
    for (const auto& name : file.list("/")) {
        if (name.rfind("entry", 0) != 0)
            continue;
        if (!frames_of(file, "/" + name).empty())
            return "/" + name;
        without = "/" + name;
    }
    require(!without.empty(), Status::NotFound, "{}: no 'entry_1' group: not an HDF5 file in CXI layout", path);
    fail(Status::NotFound, "{}: there are no frames ('{}/data_1/data' or '{}/instrument_1/detector_1/data')", path, without, without);
}

std::optional<double> number(const Hdf5File& file, const std::string& name)
{
    if (!file.is_dataset(name))
        return std::nullopt;
    const double value = file.read_number(name);
    return value > 0 ? std::optional(value) : std::nullopt;
}

std::int64_t bytes_of(const Hdf5File& file, const std::string& key)
{
    // float32 is what a batch of it takes; the type in the file may be smaller.
    const auto type = file.type_name(key);
    const std::int64_t element = type.ends_with("8") ? 1 : type.ends_with("16") ? 2 : type.ends_with("32") ? 4 : 8;
    double bytes = static_cast<double>(element);
    for (const auto extent : file.shape(key))
        bytes *= static_cast<double>(extent);
    return bytes > 9e18 ? INT64_MAX : static_cast<std::int64_t>(bytes);
}

void read_frames(RawScan& raw, const std::shared_ptr<const Hdf5File>& file, const config::Settings& settings)
{
    const auto type = file->type_name(raw.frames_key);
    require(type.rfind("uint", 0) == 0 || type.rfind("int", 0) == 0 || type.rfind("float", 0) == 0, Status::Format, "{}: '{}' has type {}, expected real numbers", raw.source, raw.frames_key,
            type);
    if (bytes_of(*file, raw.frames_key) <= settings.integer("data.memory_mib") << 20) {
        raw.frames = file->read(raw.frames_key);
        return;
    }
    require(settings.text("data.layout") != "hwn", Status::Unsupported, "{}: '{}' is larger than data.memory_mib = {} and would stay in the file, which needs its frames along the first axis", raw.source,
            raw.frames_key, settings.integer("data.memory_mib"));
    const auto shape = file->shape(raw.frames_key);
    require(shape.size() == 3 && shape[1] == shape[2] && shape[1] > 1, Status::Shape, "{}: '{}' has shape {}, expected (frames, N, N)", raw.source, raw.frames_key,
            base::shape_text({shape.begin(), shape.end()}));
    const bool corner = settings.text("data.dc") == "corner" || (settings.text("data.dc") == "auto" && raw.corner);
    raw.disk = std::make_shared<DiskFrames>(file, raw.source, raw.frames_key, corner);
    raw.notes.push_back(fmt::format("the {} frames stay in the file (data.memory_mib = {})", shape[0], settings.integer("data.memory_mib")));
}

void read_positions(RawScan& raw, const Hdf5File& file, const std::string& entry)
{
    const auto key = first_of(file, {entry + "/data_1/translation", entry + "/sample_1/geometry_1/translation", entry + "/instrument_1/detector_1/translation"});
    require(!key.empty(), Status::NotFound, "{}: there are no positions ('{}/data_1/translation' or '{}/sample_1/geometry_1/translation')", raw.source, entry, entry);
    const auto translation = file.read(key);
    require(translation.dim() == 2 && translation.size(1) >= 2 && !translation.is_complex(), Status::Shape, "{}: '{}' has shape {}, expected (frames, 3) in metres", raw.source, key,
            base::shape_text({translation.sizes().begin(), translation.sizes().end()}));
    raw.x_key = raw.y_key = key;
    raw.x = translation.select(1, 0);
    raw.y = translation.select(1, 1);
    raw.metres = true;
}

}  // namespace

RawScan read_cxi_scan(const std::string& path, const config::Settings& settings)
{
    const auto file = std::make_shared<const Hdf5File>(Hdf5File::open(path));
    RawScan raw;
    raw.source = path;
    const auto kind = file->attribute("/", "ptychokit_kind");
    require(!kind, Status::Format, "{}: this is a {} of PtychoKit, not a scan", path, kind.value_or(""));
    const auto entry = entry_of(*file, path);
    const auto detector = entry + "/instrument_1/detector_1";
    const auto source = entry + "/instrument_1/source_1";
    raw.frames_key = frames_of(*file, entry);
    raw.stated = measurement_in_text(file->attribute(raw.frames_key, "units").value_or(""));
    if (file->is_dataset(detector + "/mask"))
        raw.notes.push_back(fmt::format("'{}/mask' is not used: bad pixels have to be zero or repaired", detector));
    raw.geometry.energy_j = number(*file, source + "/energy");
    raw.geometry.distance_m = number(*file, detector + "/distance");
    raw.geometry.detector_pixel_m = number(*file, detector + "/x_pixel_size");
    const auto height = number(*file, detector + "/y_pixel_size");
    require(!raw.geometry.detector_pixel_m || !height || std::abs(*height / *raw.geometry.detector_pixel_m - 1) < 1e-6, Status::Unsupported,
            "{}: detector pixels of {} x {} m; only square ones can be used", path, raw.geometry.detector_pixel_m.value_or(0), height.value_or(0));
    read_positions(raw, *file, entry);
    read_frames(raw, file, settings);
    raw.probe_key = first_of(*file, {source + "/probe", source + "/illumination"});
    if (!raw.probe_key.empty())
        raw.probe = file->read(raw.probe_key);
    return raw;
}

}  // namespace ptk::data
