#include "guard.h"
#include "views.h"

#include <ATen/dlpack.h>

#include <algorithm>

using namespace ptk;
using namespace ptk::capi;

namespace {

void set_contiguous_strides(ptk_view& view)
{
    std::int64_t stride = 1;
    for (int axis = view.ndim - 1; axis >= 0; --axis) {
        view.strides[axis] = stride;
        const bool too_large = view.shape[axis] < 1 || __builtin_mul_overflow(stride, view.shape[axis], &stride);
        require(!too_large, Status::Shape,
                "shape: axis {} of length {} is less than 1 or makes the array larger than any memory", axis,
                view.shape[axis]);
    }
}

struct DlpackType {
    std::uint8_t code;
    std::uint8_t bits;
    ptk_dtype dtype;
};

constexpr DlpackType dlpack_types[] = {
    {kDLUInt, 8, PTK_U8},    {kDLUInt, 16, PTK_U16},  {kDLUInt, 32, PTK_U32},    {kDLUInt, 64, PTK_U64},
    {kDLInt, 8, PTK_I8},     {kDLInt, 16, PTK_I16},   {kDLInt, 32, PTK_I32},     {kDLInt, 64, PTK_I64},
    {kDLFloat, 32, PTK_F32}, {kDLFloat, 64, PTK_F64}, {kDLComplex, 64, PTK_C64}, {kDLComplex, 128, PTK_C128},
    {kDLBool, 8, PTK_BOOL},
};

ptk_dtype dtype_of(const DLDataType& type)
{
    const auto* found = std::find_if(std::begin(dlpack_types), std::end(dlpack_types),
                                     [&](const DlpackType& t) { return t.code == type.code && t.bits == type.bits; });
    require(found != std::end(dlpack_types) && type.lanes == 1, Status::Unsupported,
            "tensor: element type (code {}, {} bits, {} lanes) is not supported", type.code, type.bits, type.lanes);
    return found->dtype;
}

ptk_view view_of(const DLTensor& tensor)
{
    require(tensor.ndim >= 0 && tensor.ndim <= PTK_MAX_NDIM, Status::Shape, "tensor: {} axes; expected 0 to {}",
            tensor.ndim, PTK_MAX_NDIM);
    require(tensor.ndim == 0 || tensor.shape != nullptr, Status::InvalidArgument, "tensor: shape is NULL");
    require(tensor.data != nullptr, Status::InvalidArgument, "tensor: data is NULL");
    ptk_view view{};
    view.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
    view.dtype = dtype_of(tensor.dtype);
    view.ndim = tensor.ndim;
    view.device_type = static_cast<ptk_device_type>(tensor.device.device_type);
    view.device_id = tensor.device.device_id;
    std::copy_n(tensor.shape, tensor.ndim, view.shape);
    if (tensor.strides == nullptr)
        set_contiguous_strides(view);
    else
        std::copy_n(tensor.strides, tensor.ndim, view.strides);
    check_view(view, "tensor");
    return view;
}

} // namespace

ptk_status ptk_view_init(ptk_view* out, void* data, ptk_dtype dtype, int32_t ndim, const int64_t* shape)
{
    return guard("ptk_view_init", [&] {
        require(out != nullptr, Status::InvalidArgument, "out is NULL");
        *out = {};
        require(data != nullptr, Status::InvalidArgument, "data is NULL");
        require(ndim >= 0 && ndim <= PTK_MAX_NDIM, Status::Shape, "ndim is {}; expected 0 to {}", ndim, PTK_MAX_NDIM);
        require(shape != nullptr || ndim == 0, Status::InvalidArgument, "shape is NULL");
        ptk_view view{};
        view.data = data;
        view.dtype = dtype;
        view.ndim = ndim;
        view.device_type = PTK_DEVICE_CPU;
        std::copy_n(shape, ndim, view.shape);
        set_contiguous_strides(view);
        check_view(view, "view");
        *out = view;
    });
}

ptk_status ptk_view_from_dlpack(ptk_view* out, const DLManagedTensorVersioned* tensor)
{
    return guard("ptk_view_from_dlpack", [&] {
        require(out != nullptr, Status::InvalidArgument, "out is NULL");
        *out = {};
        require(tensor != nullptr, Status::InvalidArgument, "tensor is NULL");
        require(tensor->version.major == DLPACK_MAJOR_VERSION, Status::Unsupported,
                "tensor: DLPack {}.{}; expected {}.x", tensor->version.major, tensor->version.minor,
                DLPACK_MAJOR_VERSION);
        *out = view_of(tensor->dl_tensor);
    });
}
