#include "views.h"

#include "base/device.h"
#include "base/shape.h"
#include "base/text.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/from_blob.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace ptk::capi {

namespace {

struct Element {
    ptk_dtype code;
    c10::ScalarType type;
    std::size_t bytes;
    std::size_t alignment;
    const char* name;
};

constexpr std::array elements{
    Element{PTK_U8, c10::kByte, 1, 1, "U8"},
    Element{PTK_U16, c10::kUInt16, 2, 2, "U16"},
    Element{PTK_I32, c10::kInt, 4, 4, "I32"},
    Element{PTK_I64, c10::kLong, 8, 8, "I64"},
    Element{PTK_I8, c10::kChar, 1, 1, "I8"},
    Element{PTK_I16, c10::kShort, 2, 2, "I16"},
    Element{PTK_U32, c10::kUInt32, 4, 4, "U32"},
    Element{PTK_U64, c10::kUInt64, 8, 8, "U64"},
    Element{PTK_BOOL, c10::kBool, 1, 1, "BOOL"},
    Element{PTK_F32, c10::kFloat, 4, 4, "F32"},
    Element{PTK_F64, c10::kDouble, 8, 8, "F64"},
    Element{PTK_C64, c10::kComplexFloat, 8, 4, "C64"},
    Element{PTK_C128, c10::kComplexDouble, 16, 8, "C128"},
};

const Element* find_element(ptk_dtype code) noexcept
{
    const auto* found =
        std::find_if(elements.begin(), elements.end(), [&](const Element& e) { return e.code == code; });
    return found == elements.end() ? nullptr : found;
}

std::vector<long> axes_of(const ptk_view& view)
{
    return {view.shape, view.shape + view.ndim};
}

/// Bytes from the first to behind the last element.
/// @throws Error(Shape) when that, or the bytes of a contiguous copy, are more than an address can say
std::int64_t extent_bytes(const ptk_view& view, std::int64_t element, const char* name)
{
    std::int64_t last = 0; // index of the last element
    std::int64_t count = element;
    for (int axis = 0; axis < view.ndim; ++axis) {
        std::int64_t reach = 0;
        const bool too_large = __builtin_mul_overflow(view.shape[axis] - 1, view.strides[axis], &reach) ||
                               __builtin_add_overflow(last, reach, &last) ||
                               __builtin_mul_overflow(count, view.shape[axis], &count);
        require(!too_large, Status::Shape, "{}: shape {} with its strides is larger than any memory", name,
                base::shape_text(axes_of(view)));
    }
    std::int64_t bytes = 0;
    require(!__builtin_add_overflow(last, 1, &last) && !__builtin_mul_overflow(last, element, &bytes), Status::Shape,
            "{}: shape {} with its strides is larger than any memory", name, base::shape_text(axes_of(view)));
    // No process can hold more: user addresses have 47 bits.
    require(bytes <= std::int64_t{1} << 47, Status::Shape, "{}: the array would span {} bytes, more than any memory",
            name, bytes);
    return bytes;
}

void check_device(const ptk_view& view, const char* name)
{
    const bool known = view.device_type >= PTK_DEVICE_CPU && view.device_type <= PTK_DEVICE_CUDA_PINNED;
    require(known, Status::Unsupported, "{}: device_type {} is none of enum ptk_device_kind", name, view.device_type);
    if (view.device_type != PTK_DEVICE_CUDA)
        return;
    require(view.device_id >= 0 && view.device_id < 128, Status::Device, "{}: device_id {} is not a CUDA device", name,
            view.device_id);
    base::open_device("cuda:" + std::to_string(view.device_id));
    const auto actual = at::detail::getCUDAHooks().getDeviceFromPtr(view.data);
    require(actual.index() == view.device_id, Status::Device, "{}: the memory is on {}, but device_id is {}", name,
            actual.str(), view.device_id);
}

/// Sufficient for no element to be written twice: sorted by stride, each axis steps over all that the smaller ones
/// reach.
void check_no_overlap(const ptk_view& view, const char* name)
{
    std::vector<std::pair<std::int64_t, std::int64_t>> axes; // stride, length
    for (int axis = 0; axis < view.ndim; ++axis)
        if (view.shape[axis] > 1)
            axes.emplace_back(view.strides[axis], view.shape[axis]);
    std::sort(axes.begin(), axes.end());
    std::int64_t reach = 1; // check_view() has shown that this cannot overflow
    for (const auto& [stride, length] : axes) {
        require(stride >= reach, Status::Shape, "{}: the strides make elements overlap, which an output must not",
                name);
        reach += (length - 1) * stride;
    }
}

at::Tensor over_memory(const ptk_view& view)
{
    const auto* element = find_element(view.dtype);
    const at::IntArrayRef shape(view.shape, static_cast<std::size_t>(view.ndim));
    const at::IntArrayRef strides(view.strides, static_cast<std::size_t>(view.ndim));
    const auto device = view.device_type == PTK_DEVICE_CUDA
                            ? c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(view.device_id))
                            : c10::Device(c10::kCPU);
    const auto options = at::TensorOptions().dtype(element->type).device(device);
    return at::from_blob(view.data, shape, strides, nullptr, options, device);
}

void check_numbers(const ptk_view& view, const char* name, Numbers numbers)
{
    const bool is_complex = view.dtype == PTK_C64 || view.dtype == PTK_C128;
    const auto* element = find_element(view.dtype);
    require(numbers != Numbers::Complex || is_complex, Status::Shape,
            "{}: expected complex numbers (C64 or C128), got {}", name, element->name);
    require(numbers != Numbers::Real || !is_complex, Status::Shape, "{}: expected real numbers, got {}", name,
            element->name);
}

} // namespace

std::size_t element_size(ptk_dtype dtype) noexcept
{
    const auto* element = find_element(dtype);
    return element == nullptr ? 0 : element->bytes;
}

std::string dtype_name(c10::ScalarType type)
{
    const auto* found =
        std::find_if(elements.begin(), elements.end(), [&](const Element& e) { return e.type == type; });
    return found == elements.end() ? c10::toString(type) : found->name;
}

void check_view(const ptk_view& view, const char* name)
{
    const auto* element = find_element(view.dtype);
    require(element != nullptr, Status::Shape, "{}: dtype {} is none of enum ptk_dtype_code", name, view.dtype);
    require(view.ndim >= 0 && view.ndim <= PTK_MAX_NDIM, Status::Shape, "{}: ndim is {}; expected 0 to {}", name,
            view.ndim, PTK_MAX_NDIM);
    for (int axis = 0; axis < view.ndim; ++axis) {
        require(view.shape[axis] >= 1, Status::Shape, "{}: axis {} has length {}; expected 1 or more", name, axis,
                view.shape[axis]);
        require(view.strides[axis] >= 0, Status::Shape,
                "{}: axis {} has stride {}; expected 0 or more (copy arrays that run backwards)", name, axis,
                view.strides[axis]);
    }
    const auto bytes = extent_bytes(view, static_cast<std::int64_t>(element->bytes), name);
    require(view.data != nullptr, Status::InvalidArgument, "{}: data is NULL", name);
    const auto address = std::bit_cast<std::uintptr_t>(view.data);
    require(address % element->alignment == 0, Status::Shape, "{}: data is not aligned to {} bytes, as {} needs", name,
            element->alignment, element->name);
    require(address <= UINTPTR_MAX - static_cast<std::uintptr_t>(bytes), Status::Shape,
            "{}: {} bytes do not fit behind data", name, bytes);
    check_device(view, name);
}

at::Tensor borrowed(const ptk_view* view, const char* name, Numbers numbers, std::initializer_list<int> axes)
{
    require(view != nullptr, Status::InvalidArgument, "{} is NULL", name);
    check_view(*view, name);
    check_numbers(*view, name, numbers);
    const bool fits = std::find(axes.begin(), axes.end(), view->ndim) != axes.end();
    require(fits, Status::Shape, "{}: expected {} axes, got {}: {}", name, fmt::join(axes, " or "), view->ndim,
            base::shape_text(axes_of(*view)));
    return over_memory(*view).cpu();
}

at::Tensor borrowed_if(const ptk_view* view, const char* name, Numbers numbers, std::initializer_list<int> axes)
{
    return view == nullptr ? at::Tensor() : borrowed(view, name, numbers, axes);
}

at::Tensor target(ptk_view* view, const char* name, Numbers numbers, at::IntArrayRef shape)
{
    require(view != nullptr, Status::InvalidArgument, "{} is NULL", name);
    check_view(*view, name);
    check_numbers(*view, name, numbers);
    const at::IntArrayRef given(view->shape, static_cast<std::size_t>(view->ndim));
    require(given == shape, Status::Shape, "{}: expected shape {}, got {}", name, base::shape_text(shape),
            base::shape_text(given));
    check_no_overlap(*view, name);
    return over_memory(*view);
}

void give_array(const at::Tensor& tensor, ptk_view* view, const char* name)
{
    const auto memory = target(view, name, tensor.is_complex() ? Numbers::Complex : Numbers::Real, tensor.sizes());
    memory.copy_(tensor.detach());
    base::synchronize(memory.device());
}

void require_shape_out(const std::int64_t* shape_out, const std::int32_t* ndim_out)
{
    require(shape_out != nullptr, Status::InvalidArgument, "shape_out is NULL");
    require(ndim_out != nullptr, Status::InvalidArgument, "ndim_out is NULL");
}

void give_shape(at::IntArrayRef shape, std::int64_t* shape_out, std::int32_t capacity, std::int32_t* ndim_out)
{
    *ndim_out = static_cast<std::int32_t>(shape.size());
    require(capacity >= *ndim_out, Status::BufferTooSmall, "the array has {} axes, but capacity is {}", *ndim_out,
            capacity);
    std::copy(shape.begin(), shape.end(), shape_out);
}

config::Json describe_arrays(const std::vector<std::pair<std::string, at::Tensor>>& arrays)
{
    auto list = config::Json::array();
    for (const auto& [name, tensor] : arrays)
        list.push_back({{"name", name}, {"dtype", dtype_name(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}});
    return list;
}

const at::Tensor& find_array(const std::vector<std::pair<std::string, at::Tensor>>& arrays, const std::string& name)
{
    std::vector<std::string> names;
    for (const auto& [known, tensor] : arrays) {
        if (known == name)
            return tensor;
        names.push_back(known);
    }
    fail(Status::NotFound, "there is no array '{}'{}", name, base::did_you_mean(name, names));
}

} // namespace ptk::capi
