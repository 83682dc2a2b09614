#include "data/scan.h"

#include "base/constants.h"
#include "base/error.h"
#include "base/shape.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/view_as_real.h>

namespace ptk::data {

namespace {

void check_positions(const Scan& scan)
{
    const auto n = scan.size();
    require(scan.positions.defined() && scan.positions.dim() == 2 && scan.positions.size(1) == 2 &&
                scan.positions.size(0) == n,
            Status::Shape, "{}: positions have shape {}, expected ({}, 2) for {} frames", scan.source,
            base::shape_of(scan.positions), n, n);
    const auto finite = at::isfinite(scan.positions).all(1);
    if (!finite.all().item<bool>()) {
        const auto first = at::nonzero(~finite).select(0, 0).item<std::int64_t>();
        fail(Status::Format, "{}: the position of frame {} is not a finite number", scan.source, first);
    }
    if (n < 2)
        return;
    const auto range = scan.positions.amax(0) - scan.positions.amin(0);
    require(range.max().item<double>() > 1e-9, Status::Format,
            "{}: all {} positions are equal ({}, {}); a scan has to move", scan.source, n,
            scan.positions[0][0].item<double>(), scan.positions[0][1].item<double>());
}

void check_complex(const Scan& scan, const at::Tensor& tensor, const char* name)
{
    require(tensor.is_complex(), Status::Format, "{}: '{}' has type {}, expected complex numbers", scan.source, name,
            tensor.dtype().name());
    require(at::isfinite(at::view_as_real(tensor.resolve_conj())).all().item<bool>(), Status::Format,
            "{}: '{}' has numbers that are not finite", scan.source, name);
}

} // namespace

std::optional<double> Geometry::far_field_pixel_m(std::int64_t side) const
{
    if (!energy_j || !distance_m || !detector_pixel_m)
        return std::nullopt;
    return base::photon_wavelength_m(*energy_j) * *distance_m / (static_cast<double>(side) * *detector_pixel_m);
}

void check_scan(const Scan& scan)
{
    require(scan.frames != nullptr && scan.size() > 0, Status::Shape, "{}: the scan has no frames", scan.source);
    check_positions(scan);
    const auto side = scan.side();
    const auto& bad = scan.bad_pixels;
    require(!bad.defined() || (bad.scalar_type() == at::kBool && bad.dim() == 2 && bad.size(0) == side &&
                               bad.size(1) == side && !bad.all().item<bool>()),
            Status::Shape, "{}: the bad pixels have shape {}, expected ({}, {}) with a good one among them",
            scan.source, base::shape_of(bad), side, side);
    if (scan.probe.defined()) {
        require(scan.probe.dim() == 3 && scan.probe.size(0) >= 1, Status::Shape,
                "{}: the probe has shape {}, expected (modes, {}, {})", scan.source, base::shape_of(scan.probe), side,
                side);
        require(scan.probe.size(1) == side && scan.probe.size(2) == side, Status::Shape,
                "{}: the probe has shape {}, but the frames are {} x {}; resample the probe or crop the frames",
                scan.source, base::shape_of(scan.probe), side, side);
        check_complex(scan, scan.probe, "probe");
        require(scan.probe.abs().max().item<double>() > 0, Status::Format, "{}: the probe is zero everywhere",
                scan.source);
    }
    if (scan.object.defined()) {
        require(scan.object.dim() == 2, Status::Shape, "{}: the object has shape {}, expected (rows, columns)",
                scan.source, base::shape_of(scan.object));
        check_complex(scan, scan.object, "object");
    }
    if (scan.labels.defined())
        check_complex(scan, scan.labels, "label");
}

Scan subset(const Scan& scan, const at::Tensor& indices)
{
    Scan part = scan;
    part.frames = frames_subset(scan.frames, indices);
    part.positions = scan.positions.index_select(0, indices);
    if (scan.labels.defined())
        part.labels = scan.labels.index_select(0, indices);
    if (scan.experiment_of.defined())
        part.experiment_of = scan.experiment_of.index_select(0, indices);
    return part;
}

at::Tensor inside_bounds(const at::Tensor& positions, std::pair<double, double> x, std::pair<double, double> y)
{
    const auto inside = [&](int axis, std::pair<double, double> bounds) {
        const auto values = positions.select(1, axis);
        const double low = values.min().item<double>();
        const double high = values.max().item<double>();
        const double range = high > low ? high - low : 1.0;
        // The ends themselves: low + 1 * range may round to less than high.
        const double upper =
            high > low ? (bounds.second == 1 ? high : low + bounds.second * range) : low + bounds.first * range;
        return (values >= low + bounds.first * range).logical_and(values <= upper);
    };
    return at::nonzero(inside(0, x).logical_and(inside(1, y))).flatten();
}

at::Tensor to_amplitude(const at::Tensor& frames, Measurement measurement)
{
    return measurement == Measurement::Amplitude ? frames : at::sqrt(frames);
}

double mean_power(const Scan& scan)
{
    // Slabs of about 64 MiB.
    const std::int64_t slab = std::max<std::int64_t>(1, (std::int64_t{16} << 20) / (scan.side() * scan.side()));
    double sum = 0;
    for (std::int64_t begin = 0; begin < scan.size(); begin += slab) {
        auto frames = scan.frames->gather(at::arange(begin, std::min(begin + slab, scan.size())));
        if (scan.bad_pixels.defined())
            frames = frames.masked_fill(scan.bad_pixels, 0);
        const auto power = scan.measurement == Measurement::Amplitude ? frames.square() : frames;
        sum += power.sum(at::kDouble).item<double>();
    }
    return sum / static_cast<double>(scan.size());
}

} // namespace ptk::data
