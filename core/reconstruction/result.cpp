// The file of a result: HDF5, complex numbers as compounds {r, i} as h5py writes them.
//
//   /                          attributes ptychokit_kind = "reconstruction", format_version = 1, origin_x, origin_y
//   (object pixels),
//                              object_pixel_m (0: unknown), dropped, about
//   /object                    (H, W) complex64    unit "transmission"; pixel (r, c) is at position (origin_x + c,
//   origin_y + r) /coverage                  (H, W) float32      unit "weight"; 0 = no frame reached /probe (M, N, N)
//   complex64 unit "sqrt(counts)" /positions                 (n, 2) float64      unit "object pixel"; (x, y) of the
//   patch centres /errors/fourier            (epochs) float64    relative Fourier error of the updated frames
//   /errors/held_out_fourier   (epochs) float64    of the frames left out
//
// All but /object may be missing.
#include "reconstruction/result.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/shape.h"
#include "data/hdf5_file.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cmath>

namespace ptk::reconstruction {

namespace {

constexpr const char* kind = "reconstruction";
constexpr int format_version = 1;
constexpr double largest_whole = 9007199254740992.0; ///< 2^53: whole numbers up to here are exact in an attribute

void write_array(data::Hdf5File& file, const std::string& name, const at::Tensor& tensor, const char* unit,
                 const char* meaning)
{
    if (!tensor.defined())
        return;
    file.write(name, tensor.detach().cpu().resolve_conj().contiguous(), true);
    file.set_attribute(name, "unit", unit);
    file.set_attribute(name, "meaning", meaning);
}

void write_curve(data::Hdf5File& file, const std::string& name, const std::vector<double>& values, const char* meaning)
{
    if (!values.empty())
        write_array(file, name, at::tensor(values, at::kDouble), "1", meaning);
}

void write(const Result& result, const std::string& path)
{
    auto file = data::Hdf5File::create(path);
    write_array(file, "object", result.object, "transmission",
                "complex object; pixel (row r, column c) is at position (origin_x + c, origin_y + r)");
    write_array(file, "coverage", result.coverage, "weight",
                "sum of the weights of the patches on each pixel; 0 where no frame reached");
    write_array(file, "probe", result.probe, "sqrt(counts)",
                "incoherent modes; the sum of their squares is the mean number of counts in a frame");
    write_array(file, "positions", result.positions, "object pixel",
                "(x, y) of the patch centres, index N/2 of the patch");
    write_curve(file, "errors/fourier", result.fourier_errors,
                "relative Fourier error of the updated frames, per epoch");
    write_curve(file, "errors/held_out_fourier", result.held_out_fourier_errors,
                "relative Fourier error of the frames left out, per epoch");
    file.set_attribute("/", "ptychokit_kind", kind);
    file.set_attribute("/", "format_version", static_cast<double>(format_version));
    file.set_attribute("/", "origin_x", static_cast<double>(result.origin_x));
    file.set_attribute("/", "origin_y", static_cast<double>(result.origin_y));
    file.set_attribute("/", "object_pixel_m", result.object_pixel_m);
    file.set_attribute("/", "dropped", static_cast<double>(result.dropped));
    file.set_attribute("/", "about",
                       "origin_x, origin_y in object pixels; object_pixel_m in metres, 0 when unknown; dropped = "
                       "patches that did not fit");
    file.close();
}

/// Reads of one file, with its name in every message.
class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), file_(data::Hdf5File::open(path)) {}

    void check_kind() const
    {
        const auto found = file_.attribute("/", "ptychokit_kind");
        require(found.has_value(), Status::Format, "{}: not a reconstruction: attribute 'ptychokit_kind' is missing",
                path_);
        require(*found == kind, Status::Format, "{}: attribute 'ptychokit_kind' is '{}'; expected '{}'", path_, *found,
                kind);
        const auto version = number("format_version");
        require(version >= 1 && version <= format_version, Status::Format,
                "{}: format version {}; this library reads up to {}", path_, version, format_version);
    }

    double number(const char* name) const
    {
        const auto value = file_.number_attribute("/", name);
        require(value.has_value() && std::isfinite(*value), Status::Format,
                "{}: attribute '{}' is missing or not a number", path_, name);
        return *value;
    }

    std::int64_t whole_number(const char* name) const
    {
        const double value = number(name);
        require(std::abs(value) <= largest_whole && value == std::floor(value), Status::Format,
                "{}: attribute '{}' is {}; expected a whole number", path_, name, value);
        return static_cast<std::int64_t>(value);
    }

    /// Undefined when the file has none. @param type  what it is converted to: complex from complex, real from real
    at::Tensor array(const std::string& name, std::int64_t rank, at::ScalarType type) const
    {
        if (!file_.has(name))
            return {};
        const auto tensor = file_.read(name);
        require(tensor.dim() == rank && tensor.is_complex() == c10::isComplexType(type), Status::Format,
                "{}: '{}' is {} of shape {}; expected {} numbers with {} axes", path_, name,
                tensor.is_complex() ? "complex" : "real", base::shape_of(tensor),
                c10::isComplexType(type) ? "complex" : "real", rank);
        return tensor.to(type);
    }

    std::vector<double> curve(const std::string& name) const
    {
        const auto values = array(name, 1, at::kDouble);
        if (!values.defined())
            return {};
        const auto* first = values.const_data_ptr<double>();
        return {first, first + values.numel()};
    }

    void check(bool condition, const char* name, const at::Tensor& tensor, const std::string& expected) const
    {
        require(condition, Status::Format, "{}: '{}' has shape {}; expected {}", path_, name, base::shape_of(tensor),
                expected);
    }

private:
    std::string path_;
    data::Hdf5File file_;
};

} // namespace

void save_result(const Result& result, const std::string& path)
{
    require(result.object.defined(), Status::State, "{}: there is no object to save", path);
    base::write_atomically(path, [&](const std::string& temporary) { write(result, temporary); });
}

Result load_result(const std::string& path)
{
    const Reader reader(path);
    reader.check_kind();
    Result result;
    result.object = reader.array("object", 2, at::kComplexFloat);
    require(result.object.defined(), Status::Format, "{}: 'object' is missing", path);
    result.coverage = reader.array("coverage", 2, at::kFloat);
    if (result.coverage.defined())
        reader.check(result.coverage.sizes() == result.object.sizes(), "coverage", result.coverage,
                     "the object's, " + base::shape_of(result.object));
    result.probe = reader.array("probe", 3, at::kComplexFloat);
    if (result.probe.defined())
        reader.check(result.probe.numel() > 0 && result.probe.size(1) == result.probe.size(2), "probe", result.probe,
                     "(modes, N, N)");
    result.positions = reader.array("positions", 2, at::kDouble);
    if (result.positions.defined())
        reader.check(result.positions.size(1) == 2, "positions", result.positions, "(n, 2)");
    result.origin_x = reader.whole_number("origin_x");
    result.origin_y = reader.whole_number("origin_y");
    result.dropped = reader.whole_number("dropped");
    result.object_pixel_m = reader.number("object_pixel_m");
    result.fourier_errors = reader.curve("errors/fourier");
    result.held_out_fourier_errors = reader.curve("errors/held_out_fourier");
    return result;
}

} // namespace ptk::reconstruction
