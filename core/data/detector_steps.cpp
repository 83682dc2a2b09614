#include "data/detector_steps.h"

#include "base/error.h"
#include "base/shape.h"
#include "data/npz.h"
#include "data/raw_scan.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/fft_fft2.h>
#include <ATen/ops/fft_fftshift.h>
#include <ATen/ops/fft_ifft2.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <cmath>

namespace ptk::data {

namespace {

/// The part of one axis that keeps index N/2 at index N/2.
at::Tensor cut_axis(const at::Tensor& frames, std::int64_t axis, std::int64_t length)
{
    const auto begin = frames.size(axis) / 2 - length / 2;
    return frames.slice(axis, begin, begin + length);
}

at::Tensor padded(const at::Tensor& frames, std::int64_t length, double value)
{
    const auto before = [&](std::int64_t axis) { return length / 2 - frames.size(axis) / 2; };
    const auto after = [&](std::int64_t axis) { return length - frames.size(axis) - before(axis); };
    return at::constant_pad_nd(frames, {before(-1), after(-1), before(-2), after(-2)}, value);
}

/// Sums of bin x bin pixels. Pixels left over at the end are dropped.
at::Tensor binned(const at::Tensor& frames, std::int64_t bin)
{
    const auto rows = frames.size(1) / bin, columns = frames.size(2) / bin;
    const auto whole = frames.slice(1, 0, rows * bin).slice(2, 0, columns * bin).to(at::kFloat);
    return whole.reshape({frames.size(0), rows, bin, columns, bin}).sum(at::IntArrayRef({2, 4}));
}

at::Tensor turned(at::Tensor frames, const DetectorSteps& steps)
{
    if (steps.flip_x)
        frames = frames.flip({2});
    if (steps.flip_y)
        frames = frames.flip({1});
    return steps.transpose ? frames.transpose(1, 2) : frames;
}

/// The only array of an NPZ, or an NPY.
at::Tensor array_of(const std::string& path, const char* option)
{
    const auto kind = file_kind(path);
    require(kind == FileKind::Npy || kind == FileKind::Npz, Status::Format,
            "{}: {} expects an NPY file, or an NPZ with one array", path, option);
    if (kind == FileKind::Npy)
        return read_npy(path);
    const auto archive = Npz::open(path);
    require(archive.names().size() == 1, Status::Format, "{}: {} expects one array, found {}", path, option,
            archive.names().size());
    return archive.read(archive.names().front());
}

void require_sides(const at::Tensor& array, std::int64_t height, std::int64_t width, const std::string& path)
{
    require(array.dim() == 2 && array.size(0) == height && array.size(1) == width && !array.is_complex(), Status::Shape,
            "{}: has shape {}, expected ({}, {}) real, as the frames", path, base::shape_of(array), height, width);
}

} // namespace

at::Tensor bad_in_either(const at::Tensor& some, const at::Tensor& others)
{
    if (!some.defined() || !others.defined())
        return some.defined() ? some : others;
    return some.logical_or(others);
}

at::Tensor beamstop(std::int64_t height, std::int64_t width, double diameter)
{
    auto mask = at::zeros({height, width}, at::kBool);
    if (!(diameter > 0))
        return mask;
    auto* out = mask.data_ptr<bool>();
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            out[y * width + x] =
                std::hypot(static_cast<double>(y) - static_cast<double>(height - 1) / 2,
                           static_cast<double>(x) - static_cast<double>(width - 1) / 2) <= diameter / 2;
    return mask;
}

bool DetectorSteps::nothing() const
{
    return !bad.defined() && !dark.defined() && !corner && !crop && bin == 1 && !pad && !flip_x && !flip_y &&
           !transpose;
}

at::Tensor DetectorSteps::apply(at::Tensor frames) const
{
    if (frames.scalar_type() == at::kUInt16 && !nothing())
        frames = frames.to(at::kInt); // LibTorch has few operations on it
    if (bad.defined())
        frames = frames.masked_fill(bad, 0);
    if (dark.defined())
        frames = (frames.to(at::kFloat) - dark).clamp_min(0);
    if (corner)
        frames = at::roll(frames, {frames.size(1) / 2, frames.size(2) / 2}, {1, 2});
    if (crop)
        frames = cut_axis(cut_axis(frames, 1, *crop), 2, *crop);
    if (bin > 1)
        frames = binned(frames, bin);
    if (pad)
        frames = padded(frames, *pad, 0);
    return turned(std::move(frames), *this).contiguous();
}

at::Tensor DetectorSteps::bad_after(std::int64_t height, std::int64_t width) const
{
    if (!bad.defined() && !pad)
        return {};
    auto mask = (bad.defined() ? bad : at::zeros({height, width}, at::kBool)).unsqueeze(0).to(at::kFloat);
    if (corner)
        mask = at::roll(mask, {height / 2, width / 2}, {1, 2});
    if (crop)
        mask = cut_axis(cut_axis(mask, 1, *crop), 2, *crop);
    if (bin > 1)
        mask = binned(mask, bin);
    if (pad)
        mask = padded(mask, *pad, 1);
    mask = turned(std::move(mask), *this).squeeze(0).gt(0).contiguous();
    return mask.any().item<bool>() ? mask : at::Tensor();
}

std::int64_t DetectorSteps::side_after(std::int64_t height, std::int64_t width, const std::string& source,
                                       const std::string& key) const
{
    const auto shorter = std::min(height, width);
    require(!crop || *crop <= shorter, Status::InvalidConfig, "{}: data.crop = {}, but '{}' has frames of {} x {}",
            source, crop.value_or(0), key, height, width);
    const auto rows = (crop ? *crop : height) / bin, columns = (crop ? *crop : width) / bin;
    require(!pad || (*pad >= rows && *pad >= columns), Status::InvalidConfig,
            "{}: data.pad = {}, but the frames of '{}' have {} x {} pixels by then", source, pad.value_or(0), key, rows,
            columns);
    if (pad)
        return *pad;
    require(rows == columns && rows > 1, Status::Shape,
            "{}: '{}' has frames of {} x {}, expected square ones (data.crop can make them so)", source, key, rows,
            columns);
    return rows;
}

DetectorSteps detector_steps(const config::Settings& settings, const at::Tensor& bad, bool corner, std::int64_t height,
                             std::int64_t width, const std::string& source)
{
    DetectorSteps steps;
    steps.corner = corner;
    steps.bin = settings.integer("data.bin");
    if (settings.has("data.crop"))
        steps.crop = settings.integer("data.crop");
    if (settings.has("data.pad"))
        steps.pad = settings.integer("data.pad");
    steps.flip_x = settings.flag("data.flip_x");
    steps.flip_y = settings.flag("data.flip_y");
    steps.transpose = settings.flag("data.transpose");
    steps.bad = bad;
    if (const auto& path = settings.text("data.bad_pixels"); !path.empty()) {
        const auto marked = array_of(path, "data.bad_pixels");
        require_sides(marked, height, width, path);
        steps.bad = bad_in_either(steps.bad, marked.ne(0));
    }
    if (const double diameter = settings.number("data.beamstop"); diameter > 0)
        steps.bad = bad_in_either(steps.bad, beamstop(height, width, diameter));
    if (steps.bad.defined() && !steps.bad.any().item<bool>())
        steps.bad = at::Tensor();
    require(!steps.bad.defined() || !steps.bad.all().item<bool>(), Status::Shape,
            "{}: no pixel of the {} x {} frames is good (mask of the file, data.bad_pixels, data.beamstop)", source,
            height, width);
    if (const auto& path = settings.text("data.dark"); !path.empty()) {
        auto dark = array_of(path, "data.dark");
        if (dark.dim() == 3 && dark.size(0) > 0 && !dark.is_complex())
            dark = dark.to(at::kDouble).mean(0);
        require_sides(dark, height, width, path);
        steps.dark = dark.to(at::kFloat);
    }
    return steps;
}

at::Tensor probe_after(const DetectorSteps& steps, const at::Tensor& probe)
{
    static constexpr std::array<std::int64_t, 2> plane{1, 2};
    auto changed = probe;
    const auto through_spectrum = [&](const auto& change) {
        const auto spectrum =
            at::fft_fftshift(at::fft_fft2(at::fft_ifftshift(changed, plane), c10::nullopt, plane, "ortho"), plane);
        changed = at::fft_fftshift(
            at::fft_ifft2(at::fft_ifftshift(change(spectrum), plane), c10::nullopt, plane, "ortho"), plane);
    };
    if (steps.crop && *steps.crop < probe.size(1))
        through_spectrum(
            [&](const at::Tensor& spectrum) { return cut_axis(cut_axis(spectrum, 1, *steps.crop), 2, *steps.crop); });
    if (steps.bin > 1) {
        const auto side = changed.size(1) / steps.bin;
        changed = cut_axis(cut_axis(changed, 1, side), 2, side);
    }
    if (steps.pad && *steps.pad > changed.size(1))
        through_spectrum([&](const at::Tensor& spectrum) { return padded(spectrum, *steps.pad, 0); });
    return changed.contiguous();
}

} // namespace ptk::data
